//! Asks an agent whether it is as idle as it looks, and decides with its answer: told, put off, or
//! stopped.
//!
//! The stop is conditional on the generation and on the last activity, because everything that
//! happened is in the journal that it is appended to: anything new is a conflict, and the agent is
//! let go again.

use events::{Activity, Event, Gen, Policy, StopReason, Workspace};
use jiff::Timestamp;
use ports::{Agents, Fault, Quiesce, Reach};

/// The longest text kept of what an agent says it is doing.
const WHAT_LENGTH_MAX: usize = 200;

/// Whom to ask, and about what. No `Debug`: it holds the pass.
pub struct Plan {
    reach: Reach,
    generation: Gen,
    idle_since: Timestamp,
    stop: bool,
    busy_looks: u32,
    known_wake: Option<Option<Timestamp>>,
    now: Timestamp,
    policy: Policy,
    /// Names the asking, so that a repeat renews it.
    pub request: String,
}

/// What to write down, and whether the agent still waits to be let go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// The facts.
    pub events: Vec<Event>,
    /// Whether the agent takes no new work now.
    pub held: bool,
}

/// Decides; touches nothing.
pub fn plan(
    workspace: &Workspace,
    policy: &Policy,
    reach: Reach,
    (idle_since, stop): (Timestamp, bool),
    now: Timestamp,
) -> Plan {
    let generation = reach.generation;
    let busy_looks = workspace.busy_looks(policy, now);
    let request = format!("idle-{generation}-{}", idle_since.as_millisecond());
    let known_wake = workspace.known_wake(generation);
    let policy = *policy;
    Plan { reach, generation, idle_since, stop, busy_looks, known_wake, now, policy, request }
}

/// Asks once. An agent that cannot be asked (`deaf`, after several tries) is judged by activity
/// alone, so that a hung one does not stay up for ever.
///
/// # Errors
/// What the agent's client said.
pub async fn apply(plan: &Plan, agents: &dyn Agents, deaf: bool) -> Result<Answer, Fault> {
    let said = match agents.wake_times(&plan.reach).await {
        Ok(times) => Some(times.into_iter().find(|at| !missed(plan, *at))),
        // What it said last stays: of its schedule it has taken nothing back.
        Err(_) if deaf => plan.known_wake,
        Err(fault) => return Err(fault),
    };
    if soon(plan, said.flatten()) {
        let mut events = planned(plan, said);
        events.push(cron_due(plan));
        return Ok(Answer { events, held: false });
    }
    let answer = match agents.quiesce(&plan.reach, &plan.request).await {
        Err(_) if deaf => Quiesce::Unsupported,
        answer => answer?,
    };
    Ok(match answer {
        Quiesce::Busy(what) => Answer { events: vec![busy(plan, &what)], held: false },
        Quiesce::Ready => Answer { events: idle(plan, said), held: true },
        Quiesce::Unsupported => Answer { events: idle(plan, said), held: false },
    })
}

/// Lets the agent work again, when its answer did not lead to a stop.
///
/// # Errors
/// What the agent's client said. It would let itself go after two minutes.
pub async fn release(plan: &Plan, agents: &dyn Agents) -> Result<(), Fault> {
    agents.resume(&plan.reach, &plan.request).await
}

/// Whether the answer stops the workspace.
pub fn stops(events: &[Event]) -> bool {
    events.iter().any(|event| matches!(event, Event::StopRequested { .. }))
}

fn soon(plan: &Plan, wake: Option<Timestamp>) -> bool {
    wake.is_some_and(|at| at.duration_since(plan.now) <= plan.policy.wake_near)
}

/// Whether work was due so long ago that an agent which is awake will not do it any more. It must
/// neither keep the workspace awake nor wake it for ever.
fn missed(plan: &Plan, at: Timestamp) -> bool {
    plan.now.duration_since(at) > plan.policy.wake_near
}

fn idle(plan: &Plan, said: Option<Option<Timestamp>>) -> Vec<Event> {
    let Plan { generation, idle_since, now, .. } = *plan;
    let mut facts = planned(plan, said);
    if plan.stop {
        let reason = StopReason::Idle { last_active: idle_since };
        facts.push(Event::StopRequested { generation, reason });
        facts.push(Event::Quiesced { generation, forced: false });
    } else {
        let stop_at = now.saturating_add(plan.policy.notice).unwrap_or(now);
        facts.push(Event::NoticeGiven { generation, idle_since, stop_at });
    }
    facts
}

/// What the agent said about its schedule, unless it said nothing or it is on record.
fn planned(plan: &Plan, said: Option<Option<Timestamp>>) -> Vec<Event> {
    let news = said.filter(|_| plan.known_wake != said);
    news.map(|at| Event::WakePlanned { generation: plan.generation, at }).into_iter().collect()
}

fn cron_due(plan: &Plan) -> Event {
    Event::Active { generation: plan.generation, activity: Activity::CronDue }
}

fn busy(plan: &Plan, what: &str) -> Event {
    let what = what.chars().filter(|c| !c.is_control()).take(WHAT_LENGTH_MAX).collect();
    Event::Busy { generation: plan.generation, looks: plan.busy_looks.saturating_add(1), what }
}
