//! The one path every message takes: load, decide, act, record, nudge, acknowledge.
//!
//! **Invariant:** a message carries no authority. It only says "look at this workspace", or "at this
//! provider's keys", whose path is in [`rotation`] and differs in the rules and the steps alone; what
//! happens next follows from the journal alone. A message that is late, doubled or out of order
//! therefore finds nothing to do, and one that is lost can be sent again by anybody.

use std::panic::AssertUnwindSafe;
use std::time::Duration;

use events::envelope::Cause;
use events::{Class, Event, Next, Reason, Step, Subject, WorkspaceId};
use futures_util::FutureExt as _;
use jiff::Timestamp;
use ports::{Delivery, Fault, Loaded, Nudge, Outgoing, Retry};
use producers::Bus;

use crate::pause::{self, BACKOFF_FIRST, BACKOFF_MAX, backoff};
use crate::renewal;
use crate::rotation;
use crate::steps::{self, At, Outcome, Trace};
use crate::world::World;
use crate::{idle, steps::quiesce};

const SOURCE: &str = "/consumers/handle";

/// How long one effect may take, all waiting included. A message is invisible for three times as
/// long, so that nobody else gets it meanwhile; when several conflicts make one look last longer
/// still, two handle it, which is safe.
pub const EFFECT_MAX: Duration = Duration::from_secs(30);
/// How long a message is invisible while it is handled.
pub const VISIBILITY: Duration = Duration::from_secs(90);
/// How often one message looks again because somebody else recorded something first.
const ROUNDS_MAX: usize = 8;
/// After so many receives an agent that does not answer is judged by activity alone.
const DEAF_AFTER: u32 = 4;

/// What to do with the message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It is done with.
    Delete,
    /// It must come back after this.
    ComeBack(Duration),
}

/// Handles one message of one queue.
pub async fn handle(world: &World, class: Class, delivery: &Delivery) -> Verdict {
    let Some(nudge) = &delivery.nudge else {
        tracing::error!("a message is not a nudge; the queue will set it aside");
        return Verdict::ComeBack(BACKOFF_MAX);
    };
    let world = &world.no_earlier_than(delivery.sent);
    for _ in 0..ROUNDS_MAX {
        let looked = match &nudge.about {
            Subject::Workspace(workspace) => {
                let whose = Whose { workspace, cause: nudge.cause };
                look(world, class, whose, delivery).await
            }
            Subject::Pool(provider) => rotation::look(world, class, provider, nudge.cause).await,
        };
        match looked {
            Ok(verdict) => return verdict,
            Err(Fault::Conflict) => {}
            Err(fault) => {
                tracing::warn!(about = %nudge.about, %fault, "looked in vain");
                return Verdict::ComeBack(backoff(&world.bus, delivery.receives, None));
            }
        }
    }
    Verdict::ComeBack(BACKOFF_FIRST)
}

/// Whose workspace is looked at, and because of which fact.
#[derive(Clone, Copy)]
struct Whose<'a> {
    workspace: &'a WorkspaceId,
    cause: Option<Cause>,
}

/// One look: what is next is done, if this queue's consumer may do it.
async fn look(
    world: &World,
    class: Class,
    nudge: Whose<'_>,
    delivery: &Delivery,
) -> Result<Verdict, Fault> {
    let bus = &world.bus;
    let loaded = bus.journal().load(nudge.workspace).await?;
    let now = bus.now();
    let next = events::next(&loaded.workspace, bus.policy(), now);
    if let Next::Wait { until } = next {
        bus.set_timer(&nudge.workspace.into(), until).await?;
        return Ok(Verdict::Delete);
    }
    let able = events::workspace::class_of(&next);
    if able != class && !matches!(next, Next::Record(_)) {
        let group = loaded.workspace.team().cloned();
        let nudge = Nudge { about: nudge.workspace.into(), cause: nudge.cause };
        bus.nudge(able, Outgoing { nudge, group, delay: Duration::ZERO }).await?;
        return Ok(Verdict::Delete);
    }
    let asks = matches!(next, Next::AskIdle { .. });
    let verdict = act(world, nudge, loaded, next, delivery.receives).await?;
    let Verdict::ComeBack(delay) = verdict else { return Ok(verdict) };
    // How often an asking was received says how long the agent has been deaf.
    match renewal::timer(delivery, delay, bus.now()).filter(|_| !asks) {
        Some(again) => {
            bus.set_timer(&nudge.workspace.into(), Some(again)).await?;
            Ok(Verdict::Delete)
        }
        None => Ok(verdict),
    }
}

/// Does what is next.
async fn act(
    world: &World,
    nudge: Whose<'_>,
    loaded: Loaded,
    next: Next,
    receives: u32,
) -> Result<Verdict, Fault> {
    let bus = &world.bus;
    if let Some(left) = rests(&loaded, &next, bus.now()) {
        return Ok(Verdict::ComeBack(left));
    }
    match next {
        Next::Wait { .. } => Ok(Verdict::Delete),
        Next::Record(event) => record(bus, nudge, loaded, vec![event]).await,
        Next::Do { generation, attempt, step } => {
            let workspace = loaded.workspace.clone();
            let at = At { id: nudge.workspace, workspace: &workspace, generation, attempt };
            let outcome = in_time(steps::apply(world, at, step)).await;
            settle(world, nudge, loaded, at.into(), (step, false), outcome).await
        }
        Next::Undo { generation, attempt, step } => {
            let workspace = loaded.workspace.clone();
            let at = At { id: nudge.workspace, workspace: &workspace, generation, attempt };
            let outcome = in_time(steps::undo(world, at, step)).await;
            settle(world, nudge, loaded, at.into(), (step, true), outcome).await
        }
        Next::Quiesce { generation, until } => {
            let reach = world.reach(nudge.workspace, &loaded.workspace, generation);
            let plan = quiesce::plan(reach, generation, until, bus.now());
            match in_time(quiesce::apply(&plan, &*world.agents)).await {
                Ok(quiesce::Answer::Record(events)) => record(bus, nudge, loaded, events).await,
                Ok(quiesce::Answer::Later(after)) => Ok(Verdict::ComeBack(after)),
                Err(_) => Ok(Verdict::ComeBack(backoff(bus, receives, None))),
            }
        }
        Next::AskIdle { generation: _, idle_since, stop } => {
            ask_idle(world, nudge, loaded, (idle_since, stop), receives).await
        }
    }
}

/// How long the step that is next still rests after a failure, if it does.
fn rests(loaded: &Loaded, next: &Next, now: Timestamp) -> Option<Duration> {
    let step = match *next {
        Next::Do { generation, step, .. } => (generation, step, false),
        Next::Undo { generation, step, .. } => (generation, step, true),
        Next::Quiesce { .. } | Next::AskIdle { .. } | Next::Record(_) | Next::Wait { .. } => {
            return None;
        }
    };
    pause::left(&loaded.workspace, step, now)
}

/// Writes down how a step ended.
async fn settle(
    world: &World,
    nudge: Whose<'_>,
    loaded: Loaded,
    trace: Trace,
    (step, undoing): (Step, bool),
    outcome: Result<Outcome, Fault>,
) -> Result<Verdict, Fault> {
    let bus = &world.bus;
    let Trace { generation, attempt, .. } = trace;
    let due = events::workspace::due(&loaded.workspace, bus.policy(), bus.now());
    let in_time = bus.now() < due.unwrap_or(Timestamp::MAX);
    let fault = match outcome {
        Ok(Outcome::Wait) if in_time => {
            bus.set_timer(&nudge.workspace.into(), due).await?;
            return Ok(Verdict::Delete);
        }
        Ok(Outcome::Later(after)) if in_time => return Ok(Verdict::ComeBack(after)),
        // It answers, but what it should take back does not go away.
        Ok(Outcome::Wait | Outcome::Later(_)) if undoing => {
            Fault::unavailable("the compute", "not gone after its deadline")
        }
        Ok(Outcome::Wait | Outcome::Later(_)) => {
            let late = events::workspace::too_late(step, bus.policy());
            return retry(bus, nudge, loaded, &trace, (step, undoing), late, None).await;
        }
        Ok(done) => {
            let facts = steps::fact(&trace, step, done).into_iter().collect();
            return record(bus, nudge, loaded, facts).await;
        }
        Err(fault) => fault,
    };
    let reason = fault.reason();
    tracing::info!(workspace = %nudge.workspace, step = step.name(), undoing, %reason, "a step failed");
    match (fault.retry(), undoing) {
        (Retry::Reload, _) => Err(Fault::Conflict),
        (Retry::Never, false) => {
            let refused = Event::StepRefused { generation, attempt, step, reason };
            record(bus, nudge, loaded, vec![refused]).await
        }
        (Retry::Park, _) | (Retry::Never, true) => {
            let attempt = loaded.workspace.attempt_at(generation, step, undoing);
            let parked = Event::Parked { generation, attempt, step, undoing, reason };
            record(bus, nudge, loaded, vec![parked]).await
        }
        (Retry::Later(after), _) => {
            retry(bus, nudge, loaded, &trace, (step, undoing), reason, after).await
        }
    }
}

/// Writes down that a step did not work this time, and comes back.
async fn retry(
    bus: &Bus,
    nudge: Whose<'_>,
    loaded: Loaded,
    trace: &Trace,
    (step, undoing): (Step, bool),
    reason: Reason,
    after: Option<Duration>,
) -> Result<Verdict, Fault> {
    let generation = trace.generation;
    let attempt = loaded.workspace.attempt_at(generation, step, undoing);
    let failures = loaded.workspace.failures(generation, step, undoing).saturating_add(1);
    let retried = Event::StepRetried { generation, attempt, step, undoing, failures, reason };
    bus.append(SOURCE, nudge.workspace, loaded, nudge.cause, vec![retried]).await?;
    Ok(Verdict::ComeBack(backoff(bus, failures, after)))
}

/// Asks an agent that looks idle. If what it said was overtaken by something new, it is let go.
async fn ask_idle(
    world: &World,
    nudge: Whose<'_>,
    loaded: Loaded,
    idle: (Timestamp, bool),
    receives: u32,
) -> Result<Verdict, Fault> {
    let bus = &world.bus;
    let generation = loaded.workspace.generation();
    let Some(reach) = world.reach(nudge.workspace, &loaded.workspace, generation) else {
        let words = "a ready workspace has no address on record".to_owned();
        return Err(Fault::Nonsense { service: "journal", words });
    };
    let plan = idle::plan(&loaded.workspace, bus.policy(), reach, idle, bus.now());
    let asked = idle::apply(&plan, &*world.agents, receives > DEAF_AFTER);
    let answer = match in_time(asked).await {
        Ok(answer) => answer,
        Err(_) => return Ok(Verdict::ComeBack(backoff(bus, receives, None))),
    };
    let stops = idle::stops(&answer.events);
    let recorded = record(bus, nudge, loaded, answer.events).await;
    // After any other fault the stop may be on record; then it lapses, or the next look renews it.
    let overtaken = matches!(recorded, Err(Fault::Conflict));
    if answer.held && (overtaken || !stops) {
        in_time(idle::release(&plan, &*world.agents)).await?;
    }
    recorded
}

async fn record(
    bus: &Bus,
    nudge: Whose<'_>,
    loaded: Loaded,
    events: Vec<Event>,
) -> Result<Verdict, Fault> {
    bus.record(SOURCE, nudge.workspace, loaded, nudge.cause, events).await?;
    Ok(Verdict::Delete)
}

/// Ends an effect that takes too long. It may have acted: every effect is safe to repeat. One that
/// panics is for a human: it would do so at every delivery, and nothing would be written down.
pub(crate) async fn in_time<T>(effect: impl Future<Output = Result<T, Fault>>) -> Result<T, Fault> {
    // Whatever it left half done in memory is dropped with it; the journal is read anew.
    let effect = AssertUnwindSafe(effect).catch_unwind();
    match tokio::time::timeout(EFFECT_MAX, effect).await {
        Ok(Ok(outcome)) => outcome,
        Ok(Err(_)) => {
            let words = "this is a bug, and the log says where".to_owned();
            Err(Fault::Nonsense { service: "our own code", words })
        }
        Err(late) => Err(Fault::unavailable("the step's service", late)),
    }
}
