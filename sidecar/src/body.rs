//! Bodies on their way to a provider: held whole when they are small enough to be sent again with
//! another key, passed on as they come when they are not.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use crate::parts::{Coming, Parts};
use crate::refusal::{Kind, Refusal};
use crate::within::within;
use bytes::Bytes;
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full};
use hyper::body::{Body, Frame, Incoming, SizeHint};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Whatever a body can fail with.
pub(crate) type BoxError = Box<dyn std::error::Error + Send + Sync>;
/// A body on its way out, to a client or a provider.
pub(crate) type Out = UnsyncBoxBody<Bytes, BoxError>;

/// The largest body that is held to be sent again: an agent's prompts reach megabytes.
pub(crate) const REPLAY_LENGTH_MAX: usize = 8 * 1024 * 1024;
/// The largest body at all: Anthropic's own limit for Messages
/// (platform.claude.com/docs/en/api/errors).
pub(crate) const BODY_LENGTH_MAX: usize = 32 * 1024 * 1024;
/// What all requests together may hold, in KiB: a few dozen of the largest.
pub(crate) const HOLDING_KIB_MAX: usize = 256 * 1024;
/// How long a client may be silent within its body. It sends from memory over loopback.
const SILENCE_MAX: Duration = Duration::from_secs(60);

/// A request's body.
pub(crate) enum Taken {
    /// All of it, and its room until it is dropped.
    Whole { parts: Parts, _room: Option<OwnedSemaphorePermit> },
    /// Too large to be held: what came by now and what is still to come.
    Passing(Passing),
}

impl Taken {
    /// Whether it can be sent more than once.
    pub(crate) fn again(&self) -> bool {
        matches!(self, Self::Whole { .. })
    }

    /// How many bytes it has, as far as that is known.
    pub(crate) fn length(&self) -> u64 {
        match self {
            Self::Whole { parts, .. } => parts.len() as u64,
            Self::Passing(passing) => passing.size_hint().lower(),
        }
    }

    /// The body to send. A body that passes can be sent once; after that it is empty.
    pub(crate) fn send(&mut self) -> Out {
        match self {
            Self::Whole { parts, .. } => UnsyncBoxBody::new(parts.clone()),
            Self::Passing(_) => {
                let nothing = Self::Whole { parts: Parts::default(), _room: None };
                match std::mem::replace(self, nothing) {
                    Self::Passing(passing) => UnsyncBoxBody::new(passing),
                    Self::Whole { parts, .. } => UnsyncBoxBody::new(parts),
                }
            }
        }
    }
}

/// A body of bytes at hand.
pub(crate) fn full(bytes: Bytes) -> Out {
    UnsyncBoxBody::new(Full::new(bytes).map_err(|never| match never {}))
}

/// Reads a request's body as far as it may be held.
pub(crate) async fn take(mut body: Incoming, holding: &Arc<Semaphore>) -> Result<Taken, Refusal> {
    let too_large = || {
        let limit = BODY_LENGTH_MAX / (1024 * 1024);
        Refusal::new(Kind::TooLarge, format!("the request is larger than {limit} MiB; send less"))
    };
    if body.size_hint().lower() > BODY_LENGTH_MAX as u64 {
        return Err(too_large());
    }
    let mut held = Coming::default();
    let mut room: Option<OwnedSemaphorePermit> = None;
    while let Some(frame) = within(SILENCE_MAX, body.frame()).await.map_err(|_| {
        Refusal::new(Kind::BadRequest, "the request's body did not come in time; send it again")
    })? {
        let frame = frame.map_err(|_| {
            Refusal::new(Kind::BadRequest, "the request's body broke off; send it again")
        })?;
        let Ok(data) = frame.into_data() else { continue };
        held.push(data);
        let length = held.length();
        hold(holding, &mut room, length)?;
        if length > REPLAY_LENGTH_MAX {
            let left = BODY_LENGTH_MAX.checked_sub(length).ok_or_else(too_large)?;
            let pause = Box::pin(tokio::time::sleep(SILENCE_MAX));
            let held = held.end();
            return Ok(Taken::Passing(Passing { held, rest: body, left, pause, room }));
        }
    }
    Ok(Taken::Whole { parts: held.end(), _room: room })
}

/// Widens the room of a body to `length` bytes. Never waits: two that wait for each other's room
/// would wait for ever.
fn hold(
    holding: &Arc<Semaphore>,
    room: &mut Option<OwnedSemaphorePermit>,
    length: usize,
) -> Result<(), Refusal> {
    let has = room.as_ref().map_or(0, OwnedSemaphorePermit::num_permits);
    // A body is at most BODY_LENGTH_MAX and a frame, far below u32.
    let more = u32::try_from(length.div_ceil(1024).saturating_sub(has)).unwrap_or(u32::MAX);
    let more = Arc::clone(holding).try_acquire_many_owned(more).map_err(|_| {
        let words = "too many large requests are under way; try again in a moment";
        Refusal::new(Kind::Unavailable, words).after(1)
    })?;
    match room {
        Some(room) => room.merge(more),
        None => *room = Some(more),
    }
    Ok(())
}

/// A body that passes as it comes.
pub(crate) struct Passing {
    held: Parts,
    rest: Incoming,
    left: usize,
    pause: Pin<Box<tokio::time::Sleep>>,
    room: Option<OwnedSemaphorePermit>,
}

impl Body for Passing {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        if let Some(data) = self.held.next() {
            return Poll::Ready(Some(Ok(Frame::data(data))));
        }
        self.room = None;
        let Poll::Ready(frame) = Pin::new(&mut self.rest).poll_frame(cx) else {
            return match self.pause.as_mut().poll(cx) {
                Poll::Ready(()) => Poll::Ready(Some(Err("the client fell silent".into()))),
                Poll::Pending => Poll::Pending,
            };
        };
        let Some(frame) = frame else { return Poll::Ready(None) };
        let deadline = tokio::time::Instant::now() + SILENCE_MAX;
        self.pause.as_mut().reset(deadline);
        let data = match frame {
            Ok(frame) => frame.into_data().unwrap_or_default(),
            Err(error) => return Poll::Ready(Some(Err(error.into()))),
        };
        match self.left.checked_sub(data.len()) {
            Some(left) => self.left = left,
            None => return Poll::Ready(Some(Err("the request is too large".into()))),
        }
        Poll::Ready(Some(Ok(Frame::data(data))))
    }

    fn size_hint(&self) -> SizeHint {
        let held = self.held.len() as u64;
        match self.rest.size_hint().exact() {
            Some(rest) => SizeHint::with_exact(held + rest),
            None => {
                let mut hint = SizeHint::new();
                hint.set_lower(held);
                hint
            }
        }
    }
}
