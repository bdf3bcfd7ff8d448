//! One request from its head to the head of its answer: who asks, for what, with which key.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Method, Request, Response, StatusCode, Uri, header};
use http_body_util::{BodyExt, Limited};
use hyper::body::Incoming;
use ports::{Lease, PoolKey};
use tokio::time::{timeout, timeout_at};

use crate::body::{Out, Taken, full, take};
use crate::exchange::Sidecar;
use crate::headers;
use crate::include_usage::Asked;
use crate::meter::Meter;
use crate::providers::{self, Api, NotServed, Provider};
use crate::refusal::{Kind, Refusal, Shape};
use crate::relay::Relay;
use crate::tally::Tally;
use crate::target::{Target, good_host};
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
struct Call {
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    provider: &'static Provider,
    api: Option<Api>,
    /// We asked for the usage chunk in the client's place.
    asked_usage: bool,
}

/// A request without an answer.
struct Lost {
    refusal: Refusal,
    /// The provider may have it, and may bill it.
    reached: bool,
}

/// Answers one request; never fails.
pub(crate) async fn answer(sidecar: &Arc<Sidecar>, request: Request<Incoming>) -> Response<Out> {
    let shape = shape_of(request.uri().path());
    match admit(sidecar, request).await {
        Ok(response) => response,
        Err(refusal) => refusal.response(shape),
    }
}

/// The shape of an answer to a request that perhaps cannot be understood.
fn shape_of(path: &str) -> Shape {
    let id = path.trim_start_matches('/').split('/').next().unwrap_or_default();
    providers::find(id).map_or(Shape::Anthropic, |provider| provider.shape)
}

async fn admit(
    sidecar: &Arc<Sidecar>,
    request: Request<Incoming>,
) -> Result<Response<Out>, Refusal> {
    let (head, body) = request.into_parts();
    check_head(sidecar, &head)?;
    let raw = head.uri.path_and_query().map_or("", |place| place.as_str());
    let target =
        Target::parse(raw).map_err(|odd| Refusal::new(Kind::BadRequest, odd.to_string()))?;
    let lease = lease(sidecar, &head.headers).await?;
    let provider = providers::find(target.provider).ok_or_else(|| {
        Refusal::new(Kind::NoPath, "there is no such provider; /anthropic and /openai are served")
    })?;
    let api = provider.route(&head.method, target.path).map_err(not_served)?.api;
    let uri = sidecar.upstreams.place(provider.id, target.path, target.query).ok_or_else(|| {
        Refusal::new(Kind::BadRequest, "the address cannot be sent on")
    })?;
    let mut tally = match api {
        None => None,
        Some(_) => {
            let place = sidecar.outbox.reserve().ok_or_else(|| {
                let words = "usage cannot be recorded right now, and nothing is answered \
                    unrecorded; try again in a few seconds";
                Refusal::new(Kind::Unavailable, words).after(5)
            })?;
            Some(Tally::new(sidecar.books.clone(), place, lease.clone(), provider.id))
        }
    };
    let mut body = take(body).await?;
    let asked_usage = prepare(api, &mut body, tally.as_mut())?;
    let keys = keys(sidecar, provider, &lease).await?;
    let headers = head.headers;
    let call = Call { method: head.method, uri, headers, provider, api, asked_usage };
    call.send(sidecar, keys, body, tally).await
}

/// What makes a request odd before its path is looked at.
fn check_head(sidecar: &Sidecar, head: &http::request::Parts) -> Result<(), Refusal> {
    let bad = |words| Err(Refusal::new(Kind::BadRequest, words));
    if head.uri.scheme().is_some() || head.uri.authority().is_some() || head.method == Method::CONNECT
    {
        return bad("this is no forward proxy: set the base URL to this sidecar instead");
    }
    let mut hosts = head.headers.get_all(header::HOST).iter();
    let host = hosts.next().and_then(|host| host.to_str().ok()).unwrap_or_default();
    if hosts.next().is_some() || !good_host(host, &sidecar.host_names) {
        return bad("the Host header does not name this sidecar; call it by its own address");
    }
    let framed_twice = head.headers.contains_key(header::TRANSFER_ENCODING)
        && head.headers.contains_key(header::CONTENT_LENGTH);
    if framed_twice {
        return bad("the request has both a length and a transfer encoding");
    }
    if head.headers.contains_key(header::CONTENT_ENCODING) {
        return bad("an encoded request body is not served here; send it plain");
    }
    if head.headers.contains_key(header::UPGRADE) {
        return bad("WebSocket is not served here; use the HTTP API");
    }
    Ok(())
}

async fn lease(sidecar: &Sidecar, headers: &HeaderMap) -> Result<Lease, Refusal> {
    let token = headers::token(headers).ok_or_else(|| {
        let words = "the request has no token: put the workspace's token (tc_...) where the \
            provider's API key goes";
        Refusal::new(Kind::NoToken, words)
    })?;
    match sidecar.door.find(token).await {
        Ok(Some(lease)) => Ok(lease),
        Ok(None) => {
            let words = "this token is not good, or no longer: its workspace was stopped or \
                started anew; start the workspace again";
            Err(Refusal::new(Kind::NoToken, words))
        }
        Err(fault) => {
            tracing::warn!(%fault, "a token could not be checked");
            let words = "the token cannot be checked right now; try again";
            Err(Refusal::new(Kind::Unavailable, words).after(1))
        }
    }
}

fn not_served(why: NotServed) -> Refusal {
    match why {
        NotServed::Path => {
            let words = "this path is not served. What a provider stores (files, batches, \
                responses) is shared by all who use the pool, so it cannot be reached from here";
            Refusal::new(Kind::NoPath, words)
        }
        NotServed::Method => Refusal::new(Kind::WrongMethod, "this path takes another method"),
    }
}

/// Reads what the account needs of the body, and asks for usage where the client did not.
fn prepare(
    api: Option<Api>,
    body: &mut Taken,
    tally: Option<&mut Tally>,
) -> Result<bool, Refusal> {
    let (Some(api), Taken::Whole(bytes), Some(tally)) = (api, &mut *body, tally) else {
        return Ok(false);
    };
    let asked: Asked<'_> = serde_json::from_slice(bytes).map_err(|_| {
        let words = "the body is not a JSON object with each key once, so it cannot be metered";
        Refusal::new(Kind::BadRequest, words)
    })?;
    tally.asked_for(asked.model.as_deref().unwrap_or_default());
    let edited = if api == Api::OpenAiChat { asked.with_usage(bytes) } else { None };
    let Some(edited) = edited else { return Ok(false) };
    *bytes = edited;
    Ok(true)
}

/// The keys to try, in order.
async fn keys(
    sidecar: &Sidecar,
    provider: &Provider,
    lease: &Lease,
) -> Result<Vec<PoolKey>, Refusal> {
    let keys = sidecar.keys.of(provider.id).await.map_err(|fault| {
        tracing::warn!(%fault, "the key pool could not be read");
        Refusal::new(Kind::Unavailable, "the key pool cannot be read right now; try again").after(1)
    })?;
    if keys.is_empty() {
        let words = format!(
            "the pool has no key for {0}; an administrator adds one with `teamclaw keys add {0}`",
            provider.id
        );
        return Err(Refusal::new(Kind::NoKey, words));
    }
    sidecar.pool.order(lease, keys).map_err(|rest| {
        let words = "the provider told every key of the pool to wait; try again later";
        Refusal::new(Kind::KeysRest, words).after(rest.as_secs() + 1)
    })
}

impl Call {
    /// Tries one key after the other until the provider takes one.
    async fn send(
        self,
        sidecar: &Sidecar,
        keys: Vec<PoolKey>,
        mut body: Taken,
        mut tally: Option<Tally>,
    ) -> Result<Response<Out>, Refusal> {
        let last = keys.len().min(KEYS_MAX);
        for (n, key) in keys.iter().take(KEYS_MAX).enumerate() {
            let Some(headers) = headers::for_provider(&self.headers, self.provider.auth, key) else {
                tracing::error!(key = %key.print, "a key of the pool cannot be sent: odd characters");
                continue;
            };
            if let Some(tally) = &mut tally {
                tally.uses(&key.print);
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
                sidecar.pool.rest(&key.print, answer.headers());
                if more {
                    continue;
                }
            }
            if status.is_success() {
                sidecar.pool.works(&key.print);
                return Ok(self.stream(answer, tally));
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
        let id = self.provider.id;
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
    fn stream(self, answer: Response<Incoming>, mut tally: Option<Tally>) -> Response<Out> {
        let (head, body) = answer.into_parts();
        let kind = head.headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
        let streams = kind.is_some_and(|kind| kind.starts_with("text/event-stream"));
        if let (Some(api), Some(tally)) = (self.api, &mut tally) {
            tally.answered(head.status.as_u16(), Meter::new(api, streams));
        }
        let relay = Relay::new(body, tally, self.asked_usage && streams);
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
            let words = format!("{} sent us elsewhere, and a key is never sent on", self.provider.id);
            return Err(Refusal::new(Kind::BadUpstream, words));
        }
        let until = tokio::time::Instant::now() + ERROR_MAX;
        let read = timeout_at(until, Limited::new(body, ERROR_LENGTH_MAX).collect()).await;
        let words = || format!("{} answered {} and no more", self.provider.id, head.status);
        let Ok(Ok(whole)) = read else { return Err(Refusal::new(Kind::BadUpstream, words())) };
        let whole = whole.to_bytes();
        if memchr::memmem::find(&whole, key.secret.expose().as_bytes()).is_some() {
            return Err(Refusal::new(Kind::BadUpstream, words()));
        }
        let mut response = Response::new(full(whole));
        *response.status_mut() = head.status;
        *response.headers_mut() = headers::for_client(&head.headers);
        Ok(response)
    }
}
