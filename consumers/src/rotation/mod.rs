//! One look at a provider's keys: load, decide, act, record, nudge, acknowledge, as for a workspace
//! ([`crate::handle`]). What pauses, pauses on record: a failed try is written down with its time,
//! the rules say from when on it is tried again, and the timer wakes whoever does it. So no message
//! is ever held, and one that is doubled or late finds nothing to do.

mod forget_staged;
mod retire_old;
mod try_keys;
mod write_version;

use events::envelope::Cause;
use events::rotation::{Next, Number};
use events::{Attempt, Class, Event, KeyPrint, KeyStep, ProviderId, Reason, ReasonClass};
use ports::{Fault, Retry, Rotated, Turn};

use crate::Verdict;
use crate::handle::in_time;
use crate::world::World;

const SOURCE: &str = "/consumers/rotation";

/// Which try of which rotation of whose keys.
#[derive(Clone, Copy)]
struct At<'a> {
    provider: &'a ProviderId,
    turn: Turn,
    /// The new keys.
    new: &'a [KeyPrint],
    /// The keys that shall leave.
    retire: &'a [KeyPrint],
}

/// One look: what is next is done, if this queue's consumer may do it.
pub(crate) async fn look(
    world: &World,
    class: Class,
    provider: &ProviderId,
    cause: Option<Cause>,
) -> Result<Verdict, Fault> {
    let pools = &world.pools;
    let loaded = pools.lists().load(provider).await?;
    let next = pools.next(provider, &loaded.rotations);
    let (rotation, attempt, step, undoing) = match next {
        Next::Wait { until } => {
            pools.set_timer(provider, until).await?;
            return Ok(Verdict::Delete);
        }
        // Only the consumer of keys may touch the pool.
        _ if class != Class::Keys => {
            pools.nudge(provider, cause).await?;
            return Ok(Verdict::Delete);
        }
        Next::Record(event) => {
            pools.record(SOURCE, provider, loaded, cause, *event).await?;
            return Ok(Verdict::Delete);
        }
        Next::Do { rotation, attempt, step } => (rotation, attempt, step, false),
        Next::Undo { rotation, attempt, step } => (rotation, attempt, step, true),
    };
    let turn = Turn { rotation, attempt };
    let outcome = {
        let Some((new, retire)) = loaded.rotations.keys(rotation) else {
            let words = format!("rotation {rotation} of {provider} was never asked for");
            return Err(Fault::Nonsense { service: "journal", words });
        };
        let at = At { provider, turn, new, retire };
        if undoing {
            in_time(undo(world, at, step)).await.map(|()| None)
        } else {
            in_time(apply(world, at, step)).await.map(Some)
        }
    };
    let event = match outcome {
        Ok(done) => finished(provider, (rotation, attempt), step, done),
        Err(Fault::Conflict) => return Err(Fault::Conflict),
        Err(fault) => failed(&loaded, provider, turn, (step, undoing), &fault),
    };
    pools.record(SOURCE, provider, loaded, cause, event).await?;
    Ok(Verdict::Delete)
}

/// Runs a step forward. Gives the keys that it was about.
async fn apply(world: &World, at: At<'_>, step: KeyStep) -> Result<Vec<KeyPrint>, Fault> {
    match step {
        KeyStep::TryKeys => try_keys::apply(at, &*world.keys, &*world.trial).await,
        KeyStep::WriteVersion => write_version::apply(at, &*world.keys).await,
        KeyStep::RetireOld => retire_old::apply(at, &*world.keys).await,
        KeyStep::ForgetStaged => forget_staged::apply(at, &*world.keys).await,
        // The rules let the time pass.
        KeyStep::AwaitRefresh | KeyStep::AwaitRetired => Ok(Vec::new()),
    }
}

/// Takes a step back.
async fn undo(world: &World, at: At<'_>, step: KeyStep) -> Result<(), Fault> {
    match step {
        KeyStep::WriteVersion => world.keys.withdraw(at.provider, at.turn).await,
        KeyStep::RetireOld => world.keys.restore(at.provider, at.turn).await,
        KeyStep::TryKeys
        | KeyStep::AwaitRefresh
        | KeyStep::AwaitRetired
        | KeyStep::ForgetStaged => Ok(()),
    }
}

/// The fact that a finished step is written down as: with keys it was done, without taken back.
fn finished(
    provider: &ProviderId,
    (rotation, attempt): (Number, Attempt),
    step: KeyStep,
    done: Option<Vec<KeyPrint>>,
) -> Event {
    let provider = provider.clone();
    match done {
        Some(keys) => Event::RotationStepDone { provider, rotation, attempt, step, keys },
        None => Event::RotationStepUndone { provider, rotation, attempt, step },
    }
}

/// The fact that a failed step is written down as.
fn failed(
    loaded: &Rotated,
    provider: &ProviderId,
    Turn { rotation, attempt }: Turn,
    (step, undoing): (KeyStep, bool),
    fault: &Fault,
) -> Event {
    let reason = fault.reason();
    tracing::info!(%provider, %rotation, step = step.name(), undoing, %reason, "a step failed");
    let provider = provider.clone();
    let again = matches!(fault.retry(), Retry::Later(_) | Retry::Reload);
    // By then the keys are rotated: nothing may take that back.
    if again || step == KeyStep::ForgetStaged {
        let failures = loaded.rotations.failures(rotation, step, undoing).saturating_add(1);
        return Event::RotationStepRetried {
            provider,
            rotation,
            attempt,
            step,
            undoing,
            failures,
            reason,
        };
    }
    Event::RotationStepRefused { provider, rotation, attempt, step, undoing, reason }
}

/// A refusal whose reason is known.
fn refused(class: ReasonClass, words: impl AsRef<str>, hint: &str) -> Fault {
    Fault::Refused(Reason::new(class, words).with_hint(hint))
}
