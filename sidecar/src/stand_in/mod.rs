//! The built-in stand-in provider: what `teamclaw up --demo` talks to instead of Anthropic and
//! OpenAI, and what the tests measure against.
//!
//! It speaks enough of Anthropic Messages, of OpenAI Chat, Responses and Embeddings, and of Gemini
//! for the official clients and for OpenClaw, answers with an echo or, when the client insists,
//! with the call of a tool, counts tokens by a rule that anybody can repeat, keeps a ledger of what
//! it would bill, and can be told to misbehave. It takes only the keys it was given. It is no model
//! and never reaches the network.
//!
//! Its base URL is the same for all providers: `http://ADDRESS`. `GET /ledger` shows the ledger,
//! `POST /script` takes a [`Script`].

mod anthropic;
mod chat;
mod gemini;
mod heard;
mod ledger;
mod paced;
mod responses;
mod wire;

use std::collections::BTreeSet;
use std::convert::Infallible;
use std::future::Future;
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use events::{KeyPrint, Secret};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use serde::{Deserialize, Serialize};
use tokio::net::TcpListener;
use tokio::task::JoinSet;

pub use ledger::{Billed, Ledger};

/// How the stand-in shall misbehave. The default is not at all.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct Script {
    /// So many of the next requests fail.
    pub fail_next: u32,
    /// With this status; 3xx comes with a `Location`. 0 means 500.
    pub status: u16,
    /// And with this `Retry-After`, in seconds.
    pub retry_after: Option<u64>,
    /// How long it thinks before the head of each answer, in milliseconds.
    pub head_delay_ms: u64,
    /// How long it pauses between the events of a stream, in milliseconds.
    pub event_delay_ms: u64,
    /// After so many events each stream breaks off.
    pub cut_after: Option<usize>,
    /// Each answer names a model of its own, so that answers can be told apart in any ledger.
    pub numbered_models: bool,
}

/// The stand-in.
pub struct StandIn {
    keys: Mutex<Vec<Secret>>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    ledger: Ledger,
    script: Script,
    /// Which prefixes each key's prompt cache holds, by hash.
    cached: BTreeSet<(KeyPrint, String)>,
    answers: u64,
}

impl StandIn {
    /// A stand-in that takes these keys.
    pub fn new(keys: impl IntoIterator<Item = Secret>) -> Arc<Self> {
        let keys = Mutex::new(keys.into_iter().collect());
        Arc::new(Self { keys, state: Mutex::default() })
    }

    /// Takes this key, too, from now on.
    pub fn take(&self, key: Secret) {
        self.keys().push(key);
    }

    /// Does not know this key any more.
    pub fn forget(&self, key: &Secret) {
        self.keys().retain(|known| !known.matches(key.expose()));
    }

    fn keys(&self) -> MutexGuard<'_, Vec<Secret>> {
        self.keys.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What it would bill by now.
    pub fn ledger(&self) -> Ledger {
        self.state().ledger.clone()
    }

    /// Tells it how to misbehave from now on.
    pub fn script(&self, script: Script) {
        self.state().script = script;
    }

    /// Answers on `listener` until `shutdown` is ready; then every connection ends at once.
    pub async fn serve(self: Arc<Self>, listener: TcpListener, shutdown: impl Future) {
        let mut connections = JoinSet::new();
        let mut shutdown = pin!(shutdown);
        loop {
            let accepted = tokio::select! {
                biased;
                _ = &mut shutdown => return,
                _ended = connections.join_next(), if !connections.is_empty() => continue,
                accepted = listener.accept() => accepted,
            };
            let Ok((stream, _)) = accepted else { continue };
            // Without it small events wait for an acknowledgement; a refusal changes only the pace.
            let _slower = stream.set_nodelay(true);
            let this = Arc::clone(&self);
            let service = service_fn(move |request| {
                let this = Arc::clone(&this);
                async move { Ok::<_, Infallible>(wire::answer(&this, request).await) }
            });
            let connection = http1::Builder::new()
                .timer(TokioTimer::new())
                .serve_connection(TokioIo::new(stream), service);
            connections.spawn(connection);
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A number for the next answer's id.
    fn number(&self) -> u64 {
        let mut state = self.state();
        state.answers += 1;
        state.answers
    }

    /// Whether the key's cache holds this prefix; from now on it does.
    fn cached(&self, key: &KeyPrint, prefix: &str) -> bool {
        let hash = events::token::token_hash(prefix);
        !self.state().cached.insert((key.clone(), hash))
    }
}
