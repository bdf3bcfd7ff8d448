//! What the messages on a socket mean for the accounts: each response is one, written down before
//! the provider hears of it and ended by the provider's last word on it.
//!
//! The provider's word decides. A response that nobody seemed to ask for (Realtime begins one by
//! itself when a person has spoken, and a client can spell its request oddly) is counted all the
//! same, from its beginning on.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use events::Secret;
use tokio::sync::Notify;
use tokio::time::Instant;

use super::open::Open;
use crate::answer::{lease_of, unrecorded};
use crate::limits::Models;
use crate::pool::Attempt;
use crate::providers::{Api, Provider};
use crate::proxy::Sidecar;
use crate::refusal::{Kind, Refusal};
use crate::scan::Found;
use crate::tally::Tally;
use crate::turns::Turn;

/// How many responses may be under way on one socket. OpenAI runs one at a time, and a few where a
/// client names streams.
const OPEN_MAX: usize = 16;
/// The status of a request that the provider refuses within a socket.
const STATUS_REFUSED: u16 = 400;
/// What is written down for a transcription of what was said, whose model no message tells.
const TRANSCRIPTION_MODEL: &str = "input_audio_transcription";

/// What a socket needs for an account.
pub(super) struct Session {
    pub(super) sidecar: Arc<Sidecar>,
    pub(super) provider: Arc<Provider>,
    pub(super) api: Api,
    /// Looked at again for each response.
    pub(super) token: Secret,
    /// By the query, if it is there.
    pub(super) model: String,
    /// The key that serves the socket.
    pub(super) attempt: Attempt,
    pub(super) _turn: Turn,
}

/// What a message of the provider's is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum About {
    Begun,
    Ended,
    Refused,
    Transcribed,
    Within,
}

impl About {
    fn of(kind: &str) -> Self {
        match kind {
            "response.created" => Self::Begun,
            "response.completed" | "response.incomplete" | "response.failed" | "response.done" => {
                Self::Ended
            }
            "error" => Self::Refused,
            "conversation.item.input_audio_transcription.completed" => Self::Transcribed,
            _ => Self::Within,
        }
    }
}

/// The accounts of one socket, and when its ends were heard.
pub(super) struct Accounts {
    state: Mutex<State>,
    /// Told when nothing is under way any more.
    pub(super) quiet: Notify,
}

struct State {
    open: Open<Tally>,
    heard: Instant,
    provider_heard: Instant,
}

impl Accounts {
    pub(super) fn new() -> Self {
        let now = Instant::now();
        let state = State { open: Open::new(), heard: now, provider_heard: now };
        Self { state: Mutex::new(state), quiet: Notify::new() }
    }

    /// How many responses are under way.
    pub(super) fn open(&self) -> usize {
        self.state().open.len()
    }

    /// Nothing more is heard: what is under way is counted as far as it was seen.
    pub(super) fn close(&self) {
        let left = std::mem::replace(&mut self.state().open, Open::new());
        drop(left);
    }

    /// One of the ends said something.
    pub(super) fn heard(&self, provider: bool) {
        let mut state = self.state();
        state.heard = Instant::now();
        if provider {
            state.provider_heard = state.heard;
        }
    }

    /// When anybody, and when the provider said something last, a request counted as its turn.
    pub(super) fn silent_since(&self) -> (Instant, Instant) {
        let state = self.state();
        (state.heard, state.provider_heard)
    }

    /// Opens the account of a message of the client's that asks for a response; it has so many
    /// bytes and must not reach the provider before.
    ///
    /// # Errors
    /// The response may not begin.
    pub(super) async fn asked(
        &self,
        session: &Session,
        found: Found,
        length: u64,
    ) -> Result<(), Refusal> {
        if found.kind.as_deref() != Some("response.create") {
            return Ok(());
        }
        if self.open() >= OPEN_MAX {
            let words = "too many responses are under way on this WebSocket; wait for one to end";
            return Err(Refusal::new(Kind::KeysRest, words));
        }
        let model = found.model.as_deref().unwrap_or(&session.model);
        let mut tally = session.let_through(session.account(session.api).await?, model).await?;
        tally.asked_with(length);
        session.write_down(&mut tally).await?;
        let mut state = self.state();
        state.open.ask(tally);
        state.provider_heard = Instant::now();
        Ok(())
    }

    /// Takes a message of the provider's.
    ///
    /// # Errors
    /// A response began that may not.
    pub(super) async fn told(&self, session: &Session, found: Found) -> Result<(), Refusal> {
        let about = About::of(found.kind.as_deref().unwrap_or_default());
        if about == About::Transcribed && found.usage.is_some() {
            // It has happened, by a model that no message tells: it is counted and not judged.
            let mut tally = session.account(Api::OpenAiTranscription).await?;
            tally.asked_for(TRANSCRIPTION_MODEL);
            session.write_down(&mut tally).await?;
            tally.told(found);
            return Ok(());
        }
        let Some(found) = self.take(about, found) else { return Ok(()) };
        // Nobody seemed to ask for it.
        let tally = session.account(session.api).await?;
        let mut tally = session.let_through(tally, &session.model).await?;
        session.write_down(&mut tally).await?;
        self.state().open.ask(tally);
        let _taken = self.take(about, found);
        Ok(())
    }

    /// Tells the account that the message is about; gives the message back when there is none and
    /// there should be.
    fn take(&self, about: About, found: Found) -> Option<Found> {
        let mut state = self.state();
        let id = found.response.as_deref();
        let ended = match about {
            About::Begun => match state.open.begin(found.response.clone()) {
                Some(tally) => {
                    tally.told(found);
                    None
                }
                None => return Some(found),
            },
            About::Ended => match state.open.end(id) {
                Some(mut tally) => {
                    tally.told(found);
                    Some(tally)
                }
                None => return Some(found),
            },
            About::Refused => state.open.refuse().map(|mut tally| {
                tally.failed(STATUS_REFUSED);
                tally
            }),
            About::Transcribed | About::Within => {
                if let Some(tally) = state.open.of(id) {
                    tally.told(found);
                }
                None
            }
        };
        let quiet = state.open.len() == 0;
        drop(state);
        // Its record is written here, before the client sees the end.
        drop(ended);
        if quiet {
            self.quiet.notify_one();
        }
        None
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Session {
    /// An account, if the token is still good.
    async fn account(&self, api: Api) -> Result<Tally, Refusal> {
        let lease = lease_of(&self.sidecar, self.token.expose()).await?;
        let place = self.sidecar.outbox.reserve().map_err(unrecorded)?;
        let (books, provider) = (Arc::clone(&self.sidecar.books), Arc::clone(&self.provider));
        Ok(Tally::new(books, place, lease, provider, api))
    }

    /// The account of a response by this model, if the lease's limits let it begin.
    async fn let_through(&self, mut tally: Tally, model: &str) -> Result<Tally, Refusal> {
        tally.asked_for(model);
        let models = if model.is_empty() { Models::Unreadable } else { Models::named(model) };
        let now = self.sidecar.books.clock.now();
        let gate = &self.sidecar.gate;
        let pass = gate.admit(tally.lease(), &self.provider, &models, now).await?;
        Ok(tally.let_through(pass))
    }

    async fn write_down(&self, tally: &mut Tally) -> Result<(), Refusal> {
        tally.uses(&self.attempt.key().print).await.map_err(unrecorded)
    }
}
