//! One request on its way to a provider: with which key, what a failure means, and what of the
//! answer goes to the client.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{
    HeaderMap, HeaderName, HeaderValue, Method, Request, Response, StatusCode, Uri, header,
};
use http_body_util::{BodyExt, Collected, Limited};
use hyper::body::Body;
use jiff::Timestamp;
use ports::PoolKey;
use tokio::time::timeout;

use crate::answer::unrecorded;
use crate::body::{BoxError, Out, Taken, full};
use crate::credential;
use crate::headers;
use crate::meter;
use crate::metrics::Watch;
use crate::pool::{Attempt, Doubt, Outcome, Rest, Tries};
use crate::providers::Provider;
use crate::proxy::Sidecar;
use crate::refusal::{Kind, Refusal, tell_attempts};
use crate::relay::Relay;
use crate::tally::Tally;
use crate::turns::Turn;
use crate::upstream::Answer;
use crate::whole::{is_short, whole};

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
/// How often a request goes once more by another connection; a provider that closes one after the
/// other serves nobody.
const AGAIN_MAX: u32 = 2;
/// The provider does not know the key.
const UNKNOWN: Outcome = Outcome::Refused(Doubt::Unknown);
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
    pub(crate) _turn: Turn,
    /// What it used; `None` when nothing is billed for it.
    pub(crate) tally: Option<Tally>,
    /// How long it takes.
    pub(crate) watch: Watch,
    /// The key that serves it, from its answer on.
    pub(crate) attempt: Option<Attempt>,
}

/// A provider's error, read as far as it came.
pub(crate) struct Failure {
    status: StatusCode,
    headers: HeaderMap,
    /// Without the key; `None` when it did not come whole.
    whole: Option<Bytes>,
    /// What it means for the key.
    pub(crate) outcome: Outcome,
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
        &self,
        sidecar: &Sidecar,
        tries: &mut Tries,
        body: &mut Taken,
        account: Box<Account>,
        now: Timestamp,
    ) -> Result<Response<Out>, Refusal> {
        let mut attempts = 0;
        let mut result = self.try_keys(sidecar, tries, body, account, now, &mut attempts).await;
        if let Ok(response) = &mut result {
            tell_attempts(response.headers_mut(), attempts);
        }
        result.map_err(|refusal| refusal.tried(attempts))
    }

    /// What seldom happens is boxed: every request would carry the room for it along.
    async fn try_keys(
        &self,
        sidecar: &Sidecar,
        tries: &mut Tries,
        body: &mut Taken,
        mut account: Box<Account>,
        mut now: Timestamp,
        attempts: &mut u32,
    ) -> Result<Response<Out>, Refusal> {
        // A body that passes is gone once it was sent, though what is left of it could be.
        let again = body.again();
        let mut last: Option<Failure> = None;
        loop {
            let mut attempt = match tries.next(again) {
                Ok(attempt) => attempt,
                Err(rest) => return self.exhausted(last, rest, account.tally),
            };
            let Some(headers) = self.headers_for(&mut attempt, now) else { continue };
            if let Some(tally) = &mut account.tally {
                tally.uses(&attempt.key().print).await.map_err(unrecorded)?;
            }
            *attempts += 1;
            account.watch.asks();
            let downgraded = headers::downgraded(&self.headers, &headers);
            let asked = self.ask(sidecar, headers, attempt.key(), body).await;
            let answer = asked.map_err(|lost| {
                if let Some(tally) = &mut account.tally {
                    tally.lost(lost.refusal.status().as_u16(), lost.reached);
                }
                lost.refusal
            })?;
            account.watch.heard();
            let status = answer.status();
            if Outcome::of(status, None) == Outcome::Worked {
                attempt.answered(status, answer.headers(), None, now);
                let mut told = headers::for_client(answer.headers(), attempt.key());
                if downgraded {
                    headers::tell_downgrade(&mut told);
                }
                account.attempt = Some(attempt);
                return self.pass_on(answer, told, account, sidecar.total_max).await;
            }
            let failure = Box::pin(self.failed(answer, &mut attempt, again, now)).await;
            if failure.outcome == Outcome::Nothing {
                if let Some(tally) = &mut account.tally {
                    tally.failed(status.as_u16());
                }
                return self.error(failure);
            }
            if matches!(failure.outcome, Outcome::Refused(_)) {
                Box::pin(tries.look_again(&attempt)).await;
            }
            last = Some(more_telling(last, failure));
            if !again {
                let rest = tries.rest();
                drop(attempt);
                return self.exhausted(last, rest, account.tally);
            }
            now = sidecar.books.clock.now();
        }
    }

    /// The headers to the provider with this key; `None` when the key cannot be sent.
    pub(crate) fn headers_for(&self, attempt: &mut Attempt, now: Timestamp) -> Option<HeaderMap> {
        let headers = headers::for_provider(&self.headers, self.provider.auth(), attempt.key());
        if headers.is_none() {
            let key = &attempt.key().print;
            tracing::error!(%key, "a key of the pool cannot be sent: odd characters");
            // No better than one that the provider does not know.
            attempt.answered(StatusCode::UNAUTHORIZED, &HeaderMap::new(), None, now);
        }
        headers
    }

    /// Reads an error, so that its connection can be used again, and notes what it says of the key.
    pub(crate) async fn failed<B>(
        &self,
        answer: Response<B>,
        attempt: &mut Attempt,
        again: bool,
        now: Timestamp,
    ) -> Failure
    where
        B: Body<Data = Bytes, Error: Into<BoxError>>,
    {
        let (status, headers) = (answer.status(), answer.headers().clone());
        // Another key waits only behind what is certainly a refusal.
        let longest = match Outcome::of(status, None) {
            Outcome::Limited | Outcome::Refused(_) if again => DRAIN_MAX,
            Outcome::Limited | Outcome::Refused(_) | Outcome::Nothing | Outcome::Worked => {
                ERROR_MAX
            }
        };
        let failure = failure(answer, attempt.key(), longest).await;
        if failure.outcome != Outcome::Nothing {
            tracing::info!(
                key = %attempt.key().print, provider = %self.provider.id,
                status = status.as_u16(), "a key was refused"
            );
        }
        attempt.answered(status, &headers, failure.whole.as_deref(), now);
        failure
    }

    /// No key is left to be tried: the provider's own last word, with when to come back.
    pub(crate) fn exhausted(
        &self,
        last: Option<Failure>,
        rest: Rest,
        tally: Option<Tally>,
    ) -> Result<Response<Out>, Refusal> {
        let Some(last) = last else { return Err(self.resting(rest)) };
        if let Some(mut tally) = tally {
            tally.failed(last.status.as_u16());
        }
        // Who does not know a key often repeats a part of it, and half an answer is none.
        if last.outcome == UNKNOWN || last.whole.is_none() {
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

    fn request(&self, headers: HeaderMap, body: &mut Taken) -> Request<Out> {
        let body = if self.method == Method::GET { full(Bytes::new()) } else { body.send() };
        let mut request = Request::new(body);
        *request.method_mut() = self.method.clone();
        *request.uri_mut() = self.uri.clone();
        *request.headers_mut() = headers;
        request
    }

    async fn ask(
        &self,
        sidecar: &Sidecar,
        mut headers: HeaderMap,
        key: &PoolKey,
        body: &mut Taken,
    ) -> Result<Response<Answer>, Lost> {
        let id = &*self.provider.id;
        let slow = |_| Lost {
            refusal: Refusal::new(Kind::SlowUpstream, format!("{id} did not answer in time")),
            reached: true,
        };
        let mut again = if body.again() { AGAIN_MAX } else { 0 };
        let result = loop {
            let send = Box::pin(sidecar.upstream.send(self.request(headers, body)));
            // Once more, if the provider certainly did nothing with it: its connection was closed
            // just before.
            let error = match timeout(HEAD_MAX, send).await.map_err(slow)? {
                Err(error) if again > 0 && error.may_go_again() => error,
                result => break result,
            };
            again -= 1;
            // Seldom, so they were not kept for it.
            match headers::for_provider(&self.headers, self.provider.auth(), key) {
                Some(same) => headers = same,
                None => break Err(error),
            }
        };
        result.map_err(|error| {
            // The error names hosts and causes, never a header or a body.
            tracing::warn!(%error, provider = id, "a provider did not answer");
            let words = format!("{id} did not answer; try again");
            Lost { refusal: Refusal::new(Kind::BadUpstream, words), reached: error.reached() }
        })
    }

    /// A good answer with these headers: streamed, or whole when it is short.
    async fn pass_on(
        &self,
        answer: Response<Answer>,
        headers: HeaderMap,
        mut account: Box<Account>,
        total_max: Duration,
    ) -> Result<Response<Out>, Refusal> {
        let (head, body) = answer.into_parts();
        let kind = head.headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
        // An encoded answer is not looked into, and nothing is taken out of it.
        let streams = kind.is_some_and(|kind| kind.starts_with("text/event-stream"))
            && !head.headers.contains_key(header::CONTENT_ENCODING);
        account.watch.answers(streams);
        if let Some(tally) = &mut account.tally {
            tally.answered(head.status.as_u16(), &head.headers);
        }
        let out = if !streams && is_short(&body) {
            match whole(body, account, total_max).await {
                Ok(bytes) => full(bytes),
                Err(_) => {
                    let words = format!("{}'s answer broke off; try again", self.provider.id);
                    return Err(Refusal::new(Kind::BadUpstream, words));
                }
            }
        } else {
            Out::new(Relay::new(body, account, total_max, self.asked_usage && streams))
        };
        let mut response = Response::new(out);
        *response.status_mut() = head.status;
        *response.headers_mut() = headers;
        Ok(response)
    }

    /// The provider's own error, unless it sends us elsewhere.
    pub(crate) fn error(&self, failure: Failure) -> Result<Response<Out>, Refusal> {
        let Failure { status, headers, whole, .. } = failure;
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
async fn failure<B>(answer: Response<B>, key: &PoolKey, longest: Duration) -> Failure
where
    B: Body<Data = Bytes, Error: Into<BoxError>>,
{
    let (head, body) = answer.into_parts();
    let read = timeout(longest, Limited::new(body, ERROR_LENGTH_MAX).collect()).await;
    let whole = read.ok().and_then(Result::ok).map(Collected::to_bytes);
    let plain = whole.and_then(|whole| meter::undressed(&head.headers, whole, ERROR_LENGTH_MAX));
    let mut headers = headers::for_client(&head.headers, key);
    headers.remove(header::CONTENT_ENCODING);
    let whole = plain.map(|plain| scrub(plain, key));
    let outcome = Outcome::of(head.status, whole.as_deref());
    Failure { status: head.status, headers, whole, outcome }
}

/// Of two refusals of one request the one that tells the client more: the later, but a limit
/// passes by itself and a key that is not known does not.
pub(crate) fn more_telling(before: Option<Failure>, now: Failure) -> Failure {
    match before {
        Some(before) if now.outcome == UNKNOWN => before,
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
