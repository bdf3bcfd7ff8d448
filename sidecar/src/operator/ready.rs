//! Whether a request would be served now, part by part: its connection is taken, its token can be
//! checked, there are keys to read, and its usage can be kept. Nothing is asked of a provider.

use std::sync::atomic::Ordering;
use std::time::Duration;

use ports::Fault;
use tokio::time::timeout;

use crate::proxy::Sidecar;

/// How long a part may take to say so; health checks give up after a few seconds.
const CHECK_MAX: Duration = Duration::from_secs(2);

/// One part.
pub(super) struct Part {
    pub(super) name: &'static str,
    pub(super) ready: bool,
    /// How it is, for a person.
    pub(super) words: String,
}

/// Every part.
pub(super) async fn parts(sidecar: &Sidecar) -> [Part; 4] {
    let (tokens, keys) = tokio::join!(
        timeout(CHECK_MAX, sidecar.door.check()),
        timeout(CHECK_MAX, sidecar.pool.check())
    );
    [
        connections(sidecar.stopping.load(Ordering::Relaxed)),
        asked("tokens", "can be checked", tokens.ok()),
        asked("keys", "can be read", keys.ok()),
        usage(sidecar.outbox.check()),
    ]
}

fn connections(stopping: bool) -> Part {
    let words = if stopping { "are not taken any more: it ends" } else { "are taken" };
    Part { name: "connections", ready: !stopping, words: words.to_owned() }
}

/// `None`: no answer in time.
fn asked(name: &'static str, good: &str, answer: Option<Result<(), Fault>>) -> Part {
    match answer {
        Some(Ok(())) => Part { name, ready: true, words: good.to_owned() },
        Some(Err(fault)) => Part { name, ready: false, words: fault.reason().words },
        None => Part { name, ready: false, words: "no answer in time".to_owned() },
    }
}

fn usage(kept: Result<Option<String>, String>) -> Part {
    let name = "usage";
    match kept {
        Ok(None) => Part { name, ready: true, words: "is kept".to_owned() },
        Ok(Some(why)) => {
            Part { name, ready: true, words: format!("is not kept, and requests go on: {why}") }
        }
        Err(why) => Part {
            name,
            ready: false,
            words: format!("is not kept, and requests are refused: {why}"),
        },
    }
}
