//! A handshake on its way to a provider: with one key after the other, as any request.

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Request, Response, StatusCode};
use hyper::body::Incoming;
use hyper::upgrade::Upgraded;
use tokio::time::timeout;

use super::handshake::Handshake;
use crate::body::{Out, full};
use crate::call::{Call, Failure, more_telling};
use crate::headers;
use crate::pool::{Attempt, Outcome, Tries};
use crate::proxy::Sidecar;
use crate::refusal::{Kind, Refusal};

/// How long a provider may take for a handshake, for which no model has to think.
const HANDSHAKE_MAX: Duration = Duration::from_secs(30);

/// What became of a handshake.
pub(super) enum Dialled {
    /// There is a WebSocket.
    Open {
        /// To the provider.
        upgraded: Upgraded,
        /// The key that serves it, for as long as it is there.
        attempt: Attempt,
        /// The headers of the answer to the client.
        headers: HeaderMap,
    },
    /// The provider's own refusal.
    Refused(Response<Out>),
}

impl Call {
    /// Tries one key after the other until the provider takes one.
    pub(super) async fn dial(
        &self,
        sidecar: &Sidecar,
        mut tries: Tries,
        handshake: &Handshake,
        attempts: &mut u32,
    ) -> Result<Dialled, Refusal> {
        let mut last: Option<Failure> = None;
        loop {
            let now = sidecar.books.clock.now();
            let mut attempt = match tries.next(true) {
                Ok(attempt) => attempt,
                Err(rest) => return self.exhausted(last, rest, None).map(Dialled::Refused),
            };
            let Some(mut headers) = self.headers_for(&mut attempt, now) else { continue };
            handshake.put(&mut headers);
            *attempts += 1;
            let answer = self.shake(sidecar, headers).await?;
            let status = answer.status();
            if status == StatusCode::SWITCHING_PROTOCOLS {
                // A switch is as good as an answer.
                attempt.answered(StatusCode::OK, answer.headers(), None, now);
                return self.switched(answer, attempt, handshake).await;
            }
            if Outcome::of(status, None) == Outcome::Worked {
                return Err(self.no_switch());
            }
            let failure = self.failed(answer, &mut attempt, true, now).await;
            match failure.outcome {
                Outcome::Worked | Outcome::Nothing => {
                    return self.error(failure).map(Dialled::Refused);
                }
                Outcome::Refused(_) => tries.look_again(&attempt).await,
                Outcome::Limited => {}
            }
            last = Some(more_telling(last, failure));
        }
    }

    async fn shake(
        &self,
        sidecar: &Sidecar,
        headers: HeaderMap,
    ) -> Result<Response<Incoming>, Refusal> {
        let id = &*self.provider.id;
        let mut request = Request::new(full(Bytes::new()));
        *request.uri_mut() = self.uri.clone();
        *request.headers_mut() = headers;
        let sent = timeout(HANDSHAKE_MAX, sidecar.upstream.upgrade(request)).await;
        let slow = |_| Refusal::new(Kind::SlowUpstream, format!("{id} did not answer in time"));
        sent.map_err(slow)?.map_err(|error| {
            // The error names hosts and causes, never a header or a body.
            tracing::warn!(%error, provider = id, "a provider did not answer a handshake");
            Refusal::new(Kind::BadUpstream, format!("{id} did not answer; try again"))
        })
    }

    async fn switched(
        &self,
        mut answer: Response<Incoming>,
        attempt: Attempt,
        handshake: &Handshake,
    ) -> Result<Dialled, Refusal> {
        let accepted = handshake.accepted(answer.headers()).ok_or_else(|| self.no_switch())?;
        let mut headers = headers::for_client(answer.headers(), attempt.key());
        headers.extend(accepted);
        let upgraded = hyper::upgrade::on(&mut answer).await.map_err(|_| self.no_switch())?;
        Ok(Dialled::Open { upgraded, attempt, headers })
    }

    fn no_switch(&self) -> Refusal {
        let words = format!("{} did not agree to a WebSocket properly", self.provider.id);
        Refusal::new(Kind::BadUpstream, words)
    }
}
