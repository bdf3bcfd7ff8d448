//! One request on its way to a provider: with which key, what a failure means, and what of the
//! answer goes to the client.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{
    HeaderMap, HeaderName, HeaderValue, Method, Request, Response, StatusCode, Uri, header,
};
use http_body_util::{BodyExt, Collected, Limited};
use jiff::Timestamp;
use ports::PoolKey;
use tokio::time::timeout;

use crate::answer::unrecorded;
use crate::body::{Out, Taken, full};
use crate::credential;
use crate::headers;
use crate::meter;
use crate::pool::{Attempt, Outcome, Rest, Tries};
use crate::providers::Provider;
use crate::proxy::Sidecar;
use crate::refusal::{Kind, Refusal, tell_attempts};
use crate::relay::Relay;
use crate::tally::Tally;
use crate::turns::Turn;
use crate::upstream::{Answer, Unanswered};

/// How long a provider may take to the head of its answer. The official clients wait ten minutes
/// for an answer that does not stream; they shall give up first.
const HEAD_MAX: Duration = Duration::from_secs(11 * 60);
/// How much of a provider's error is read; they are under 4 KiB.
const ERROR_LENGTH_MAX: usize = 64 * 1024;
/// How long a provider's error may take to come whole; it comes with its head.
const ERROR_MAX: Duration = Duration::from_secs(10);
/// As long as that only when no other key is left: a refusal that does not come whole by then is
/// dropped, and its connection with it, so that the next key is not kept waiting.
const DRAIN_MAX: Duration = Duration::from_secs(1);
const RETRY_AFTER_MS: HeaderName = HeaderName::from_static("retry-after-ms");
const SHOULD_RETRY: HeaderName = HeaderName::from_static("x-should-retry");

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
    /// The key that serves it, from its answer on.
    pub(crate) _attempt: Option<Attempt>,
}

/// A provider's error, read as far as it came.
struct Failure {
    status: StatusCode,
    headers: HeaderMap,
    /// Without the key; `None` when it did not come whole.
    whole: Option<Bytes>,
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
        tries: Tries,
        body: Taken,
        account: Account,
    ) -> Result<Response<Out>, Refusal> {
        let mut attempts = 0;
        let mut result = self.try_keys(sidecar, tries, body, account, &mut attempts).await;
        if let Ok(response) = &mut result {
            tell_attempts(response.headers_mut(), attempts);
        }
        result.map_err(|refusal| refusal.tried(attempts))
    }

    async fn try_keys(
        self,
        sidecar: &Sidecar,
        mut tries: Tries,
        mut body: Taken,
        account: Account,
        attempts: &mut u32,
    ) -> Result<Response<Out>, Refusal> {
        let Account { turn, mut tally, .. } = account;
        // A body that passes is gone once it was sent, though what is left of it could be.
        let again = body.again();
        let mut last: Option<Failure> = None;
        loop {
            let now = sidecar.books.clock.now();
            let mut attempt = match tries.next(again) {
                Ok(attempt) => attempt,
                Err(rest) => return self.exhausted(last, rest, tally),
            };
            let headers = headers::for_provider(&self.headers, self.provider.auth(), attempt.key());
            let Some(headers) = headers else {
                let key = &attempt.key().print;
                tracing::error!(%key, "a key of the pool cannot be sent: odd characters");
                // No better than one that the provider does not know.
                attempt.answered(StatusCode::UNAUTHORIZED, &HeaderMap::new(), None, now);
                continue;
            };
            if let Some(tally) = &mut tally {
                tally.uses(&attempt.key().print).map_err(unrecorded)?;
            }
            *attempts += 1;
            let answer = self.ask(sidecar, &headers, &mut body).await.map_err(|lost| {
                if let Some(tally) = &mut tally {
                    tally.lost(lost.refusal.status().as_u16(), lost.reached);
                }
                lost.refusal
            })?;
            let status = answer.status();
            match Outcome::of(status) {
                Outcome::Worked => {
                    attempt.answered(status, answer.headers(), None, now);
                    let told = headers::for_client(answer.headers(), attempt.key());
                    let account = Account { turn, tally, _attempt: Some(attempt) };
                    let mut response = self.stream(answer, told, account);
                    if headers::downgraded(&self.headers, &headers) {
                        headers::tell_downgrade(response.headers_mut());
                    }
                    return Ok(response);
                }
                Outcome::Nothing => {
                    attempt.answered(status, answer.headers(), None, now);
                    if let Some(tally) = &mut tally {
                        tally.failed(status.as_u16());
                    }
                    return self.error(failure(answer, attempt.key(), ERROR_MAX).await);
                }
                Outcome::Limited | Outcome::Refused(_) => {
                    let refused = self.refused(answer, &mut attempt, again, now).await;
                    if matches!(Outcome::of(status), Outcome::Refused(_)) {
                        tries.look_again(&attempt).await;
                    }
                    last = Some(more_telling(last, refused));
                    if !again {
                        let rest = tries.rest();
                        drop(attempt);
                        return self.exhausted(last, rest, tally);
                    }
                }
            }
        }
    }

    /// Reads a refusal of a key, so that its connection can be used again, and notes it.
    async fn refused(
        &self,
        answer: Response<Answer>,
        attempt: &mut Attempt,
        again: bool,
        now: Timestamp,
    ) -> Failure {
        let (status, headers) = (answer.status(), answer.headers().clone());
        tracing::info!(
            key = %attempt.key().print, provider = %self.provider.id, status = status.as_u16(),
            "a key was refused"
        );
        let longest = if again { DRAIN_MAX } else { ERROR_MAX };
        let refused = failure(answer, attempt.key(), longest).await;
        attempt.answered(status, &headers, refused.whole.as_deref(), now);
        refused
    }

    /// No key is left to be tried: the provider's own last word, with when to come back.
    fn exhausted(
        &self,
        last: Option<Failure>,
        rest: Rest,
        tally: Option<Tally>,
    ) -> Result<Response<Out>, Refusal> {
        let Some(last) = last else { return Err(self.resting(rest)) };
        if let Some(mut tally) = tally {
            tally.failed(last.status.as_u16());
        }
        // A 401 often repeats a part of the key, and half an answer is none.
        if last.status == StatusCode::UNAUTHORIZED || last.whole.is_none() {
            return Err(self.resting(rest));
        }
        let mut response = self.error(last)?;
        let headers = response.headers_mut();
        // The provider spoke of one key.
        headers.remove(RETRY_AFTER_MS);
        headers.insert(header::RETRY_AFTER, HeaderValue::from(rest.seconds()));
        let retry = if rest.pointless() { "false" } else { "true" };
        headers.insert(SHOULD_RETRY, HeaderValue::from_static(retry));
        Ok(response)
    }

    /// Our own words when the provider has none that can be passed on.
    fn resting(&self, rest: Rest) -> Refusal {
        let refusal = if rest.refused {
            let words = format!(
                "{} does not accept the pool's key; an administrator must look at `teamclaw keys \
                 list`",
                self.provider.id
            );
            Refusal::new(Kind::NoKey, words)
        } else {
            let words = "every key of the pool that may serve this has to wait; try again later";
            Refusal::new(Kind::KeysRest, words)
        };
        refusal.after(rest.seconds())
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
    ) -> Result<Response<Answer>, Lost> {
        let id = &*self.provider.id;
        let slow = |_| Lost {
            refusal: Refusal::new(Kind::SlowUpstream, format!("{id} did not answer in time")),
            reached: true,
        };
        let again = body.again();
        let send = sidecar.upstream.send(self.request(headers, body));
        let mut result = timeout(HEAD_MAX, send).await.map_err(slow)?;
        // Once more, if it was certainly never written: a kept connection was closed just before.
        if again && matches!(&result, Err(Unanswered::Sent(error)) if error.is_canceled()) {
            let send = sidecar.upstream.send(self.request(headers, body));
            result = timeout(HEAD_MAX, send).await.map_err(slow)?;
        }
        result.map_err(|error| {
            // The error names hosts and causes, never a header or a body.
            tracing::warn!(%error, provider = id, "a provider did not answer");
            let words = format!("{id} did not answer; try again");
            Lost { refusal: Refusal::new(Kind::BadUpstream, words), reached: error.reached() }
        })
    }

    /// A good answer, streamed, with these headers.
    fn stream(
        &self,
        answer: Response<Answer>,
        headers: HeaderMap,
        mut account: Account,
    ) -> Response<Out> {
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
        *response.headers_mut() = headers;
        response
    }

    /// The provider's own error, unless it sends us elsewhere.
    fn error(&self, failure: Failure) -> Result<Response<Out>, Refusal> {
        let Failure { status, headers, whole } = failure;
        if !status.is_client_error() && !status.is_server_error() {
            let words =
                format!("{} sent us elsewhere, and a key is never sent on", self.provider.id);
            return Err(Refusal::new(Kind::BadUpstream, words));
        }
        let Some(whole) = whole else {
            let words = format!("{} answered {status} and no more", self.provider.id);
            return Err(Refusal::new(Kind::BadUpstream, words));
        };
        let mut response = Response::new(full(whole));
        *response.status_mut() = status;
        *response.headers_mut() = headers;
        Ok(response)
    }
}

/// Reads a provider's error within bounds, and takes off what it is encoded in: the key could not be
/// seen in its folds.
async fn failure(answer: Response<Answer>, key: &PoolKey, longest: Duration) -> Failure {
    let (head, body) = answer.into_parts();
    let read = timeout(longest, Limited::new(body, ERROR_LENGTH_MAX).collect()).await;
    let whole = read.ok().and_then(Result::ok).map(Collected::to_bytes);
    let plain = whole.and_then(|whole| meter::undressed(&head.headers, whole, ERROR_LENGTH_MAX));
    let mut headers = headers::for_client(&head.headers, key);
    headers.remove(header::CONTENT_ENCODING);
    Failure { status: head.status, headers, whole: plain.map(|plain| scrub(plain, key)) }
}

/// Of two refusals of one request the one that tells the client more: the later, but a limit
/// passes by itself and a key that is not known does not.
fn more_telling(before: Option<Failure>, now: Failure) -> Failure {
    match before {
        Some(before) if now.status == StatusCode::UNAUTHORIZED => before,
        _ => now,
    }
}

/// Takes the key out of a provider's own words, should it be in them.
fn scrub(whole: Bytes, key: &PoolKey) -> Bytes {
    if !credential::is_in(&whole, key) {
        return whole;
    }
    String::from_utf8_lossy(&whole).replace(key.secret.expose(), "(key)").into()
}
