//! One request on its way to a provider: with which key, what a failure means, and what of the
//! answer goes to the client.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Method, Request, Response, StatusCode, Uri, header};
use http_body_util::{BodyExt, Limited};
use hyper::body::Incoming;
use ports::PoolKey;
use tokio::time::{Instant, timeout, timeout_at};

use crate::answer::unrecorded;
use crate::body::{Out, Taken, full};
use crate::headers;
use crate::providers::Provider;
use crate::proxy::Sidecar;
use crate::refusal::{Kind, Refusal};
use crate::relay::Relay;
use crate::tally::Tally;
use crate::turns::Turn;
use crate::upstream;

/// How long a provider may take to the head of its answer. The official clients wait ten minutes
/// for an answer that does not stream; they shall give up first.
const HEAD_MAX: Duration = Duration::from_secs(11 * 60);
/// How many keys are tried for one request. More would multiply the load of a bad moment.
const KEYS_MAX: usize = 3;
/// How much of a provider's error is read; they are under 4 KiB.
const ERROR_LENGTH_MAX: usize = 64 * 1024;
/// How long a provider's error may take to come whole.
const ERROR_MAX: Duration = Duration::from_secs(10);

/// What is to be sent, to any key's owner.
pub(crate) struct Call {
    pub(crate) method: Method,
    pub(crate) uri: Uri,
    pub(crate) headers: HeaderMap,
    pub(crate) provider: Arc<Provider>,
    /// We asked for the usage chunk in the client's place.
    pub(crate) asked_usage: bool,
}

/// What ends when the request ends.
pub(crate) struct Account {
    /// The workspace's turn.
    pub(crate) turn: Turn,
    /// What it used; `None` when nothing is billed for it.
    pub(crate) tally: Option<Tally>,
}

/// A request without an answer.
struct Lost {
    refusal: Refusal,
    /// The provider may have it, and may bill it.
    reached: bool,
}

impl Call {
    /// Tries one key after the other until the provider takes one.
    pub(crate) async fn send(
        self,
        sidecar: &Sidecar,
        keys: Vec<PoolKey>,
        mut body: Taken,
        account: Account,
    ) -> Result<Response<Out>, Refusal> {
        let Account { turn, mut tally } = account;
        let last = keys.len().min(KEYS_MAX);
        for (n, key) in keys.iter().take(KEYS_MAX).enumerate() {
            let Some(headers) = headers::for_provider(&self.headers, self.provider.auth(), key)
            else {
                tracing::error!(key = %key.print, "a key of the pool cannot be sent: odd characters");
                continue;
            };
            if let Some(tally) = &mut tally {
                tally.uses(&key.print).map_err(unrecorded)?;
            }
            let more = n + 1 < last && body.again();
            let answer = self.ask(sidecar, &headers, &mut body).await.map_err(|lost| {
                if let Some(tally) = &mut tally {
                    tally.lost(lost.refusal.status().as_u16(), lost.reached);
                }
                lost.refusal
            })?;
            let status = answer.status();
            let refused = matches!(status.as_u16(), 401 | 403 | 429);
            if refused {
                tracing::info!(key = %key.print, status = status.as_u16(), "a key was refused");
                sidecar.pool.rest(&key.print, answer.headers(), Instant::now());
                if more {
                    continue;
                }
            }
            if status.is_success() {
                sidecar.pool.works(&key.print);
                let downgraded = headers::downgraded(&self.headers, &headers);
                let mut response = self.stream(answer, Account { turn, tally });
                if downgraded {
                    headers::tell_downgrade(response.headers_mut());
                }
                return Ok(response);
            }
            if let Some(tally) = &mut tally {
                tally.failed(status.as_u16());
            }
            return self.error(answer, key).await;
        }
        Err(Refusal::new(Kind::NoKey, "no key of the pool can be used; tell an administrator"))
    }

    fn request(&self, headers: &HeaderMap, body: &mut Taken) -> Request<Out> {
        let body = if self.method == Method::GET { full(Bytes::new()) } else { body.send() };
        let mut request = Request::new(body);
        *request.method_mut() = self.method.clone();
        *request.uri_mut() = self.uri.clone();
        *request.headers_mut() = headers.clone();
        request
    }

    async fn ask(
        &self,
        sidecar: &Sidecar,
        headers: &HeaderMap,
        body: &mut Taken,
    ) -> Result<Response<Incoming>, Lost> {
        let id = &*self.provider.id;
        let slow = |_| Lost {
            refusal: Refusal::new(Kind::SlowUpstream, format!("{id} did not answer in time")),
            reached: true,
        };
        let again = body.again();
        let send = sidecar.upstream.send(self.request(headers, body));
        let mut result = timeout(HEAD_MAX, send).await.map_err(slow)?;
        if again && result.as_ref().err().is_some_and(upstream::never_sent) {
            let send = sidecar.upstream.send(self.request(headers, body));
            result = timeout(HEAD_MAX, send).await.map_err(slow)?;
        }
        result.map_err(|error| {
            // The error names hosts and causes, never a header or a body.
            tracing::warn!(%error, provider = id, "a provider did not answer");
            let words = format!("{id} did not answer; try again");
            let reached = !error.is_connect() && !upstream::never_sent(&error);
            Lost { refusal: Refusal::new(Kind::BadUpstream, words), reached }
        })
    }

    /// A good answer, streamed.
    fn stream(self, answer: Response<Incoming>, mut account: Account) -> Response<Out> {
        let (head, body) = answer.into_parts();
        let kind = head.headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
        // An encoded answer is not looked into, and nothing is taken out of it.
        let streams = kind.is_some_and(|kind| kind.starts_with("text/event-stream"))
            && !head.headers.contains_key(header::CONTENT_ENCODING);
        if let Some(tally) = &mut account.tally {
            tally.answered(head.status.as_u16(), &head.headers);
        }
        let relay = Relay::new(body, account, self.asked_usage && streams);
        let mut response = Response::new(Out::new(relay));
        *response.status_mut() = head.status;
        *response.headers_mut() = headers::for_client(&head.headers);
        response
    }

    /// The provider's own error, unless it tells of a key or sends us elsewhere.
    async fn error(
        &self,
        answer: Response<Incoming>,
        key: &PoolKey,
    ) -> Result<Response<Out>, Refusal> {
        let (head, body) = answer.into_parts();
        if head.status == StatusCode::UNAUTHORIZED {
            let words = format!(
                "{} does not accept the pool's key; an administrator must look at `teamclaw keys list`",
                self.provider.id
            );
            return Err(Refusal::new(Kind::NoKey, words));
        }
        if !head.status.is_client_error() && !head.status.is_server_error() {
            let words =
                format!("{} sent us elsewhere, and a key is never sent on", self.provider.id);
            return Err(Refusal::new(Kind::BadUpstream, words));
        }
        let until = Instant::now() + ERROR_MAX;
        let read = timeout_at(until, Limited::new(body, ERROR_LENGTH_MAX).collect()).await;
        let words = || format!("{} answered {} and no more", self.provider.id, head.status);
        let Ok(Ok(whole)) = read else { return Err(Refusal::new(Kind::BadUpstream, words())) };
        let whole = scrub(whole.to_bytes(), key);
        let mut response = Response::new(full(whole));
        *response.status_mut() = head.status;
        *response.headers_mut() = headers::for_client(&head.headers);
        Ok(response)
    }
}

/// Takes the key out of a provider's own words, should it be in them.
fn scrub(whole: Bytes, key: &PoolKey) -> Bytes {
    let secret = key.secret.expose();
    match memchr::memmem::find(&whole, secret.as_bytes()) {
        None => whole,
        Some(_) => String::from_utf8_lossy(&whole).replace(secret, "(key)").into(),
    }
}
