//! The journeys of the crash matrix: short stories of one person that together make every step, every
//! undo, every question to an agent and every producer's call happen.

use std::sync::Arc;
use std::time::Duration;

use consumers::usage::RollUp;
use events::admission::Rate;
use events::workspace::WayOut;
use events::{Activity, Attempt, Gen, Limits, Status, Step, StopReason, WorkspaceId};
use jiff::SignedDuration;
use ports::queue::BATCH_MAX;
use ports::{Lease, Person, Route, TaskSpec, UsageSink as _};

use super::stage::Stage;
use crate::world::NOTICE_BY_HAND;
use crate::world::script::{Strike, When};
use crate::world::seat::Call;

/// What happens in a journey.
#[derive(Clone, Copy, Debug)]
pub(super) enum Act {
    /// The person logs in.
    LogIn,
    /// An operator invites the person.
    Invite,
    /// The person or an administrator stops it.
    Stop(bool),
    /// An operator replays from this step, or the one that failed.
    Replay(Option<Step>),
    /// An operator deletes the person.
    Delete,
    /// An operator takes this way out of a parking.
    Leave(WayOut),
    /// The person puts the idle stop off.
    Snooze,
    /// The person sends something.
    Use,
    /// The agent calls a model, and the ledger is told.
    CallModel,
    /// The person changes the idle time-out.
    SetIdle,
    /// So many messages are handled.
    Deliver(usize),
    /// Everything comes to rest.
    Rest,
    /// Time passes.
    Skip(u64),
    /// The agent ends by itself.
    AgentEnds,
    /// The agent is busy for so many seconds.
    Busy(i64),
    /// The agent's next scheduled work is due in so many seconds.
    Plan(i64),
    /// Every call of this kind goes wrong.
    Wrong(Call, Strike),
    /// No call goes wrong for its kind any more.
    Right,
    /// There are a task, a route and a lease that nobody owns.
    Orphans,
    /// The task ends without a word, and somebody else's agent answers at its address.
    Stranger,
    /// The sweeper and the idle check come by.
    Sweep,
    /// The functions are replaced by newer ones, with another template of tasks and other bounds.
    Deploy,
    /// No change of any task is told from now on for an hour.
    Deaf,
    /// Somebody else has taken every slot of so many seconds to come.
    Line(u64),
    /// It must stand there now.
    Stands(Status),
}

/// A story and its name.
pub(super) struct Journey {
    pub(super) name: String,
    pub(super) acts: Vec<Act>,
    /// Whether it is played on AWS.
    pub(super) aws: bool,
    /// Whether whoever dies in it may also be away for longer than ECS keeps a client token.
    pub(super) away: bool,
}

/// The one person of every journey.
pub(super) fn ann() -> WorkspaceId {
    "ann".parse().expect("a name")
}

pub(super) fn person() -> Person {
    Person { id: ann(), team: "red".parse().expect("a name"), admin: false }
}

/// The call that each step makes to its service.
const EFFECTS: [(Step, Call); 7] = [
    (Step::PrepareHome, Call::EnsureHome),
    (Step::RegisterTask, Call::RegisterTask),
    (Step::GrantLease, Call::GrantLease),
    (Step::RunTask, Call::RunTask),
    (Step::AwaitAddress, Call::DescribeTask),
    (Step::OpenRoute, Call::OpenRoute),
    (Step::ProbeReady, Call::Probe),
];
/// The call that each undo makes.
const UNDOS: [Call; 3] = [Call::CloseRoute, Call::StopTask, Call::RevokeLease];

const IDLE_SECONDS: u64 = 30 * 60;
const NOTICE_SECONDS: u64 = NOTICE_BY_HAND.as_secs().unsigned_abs();

/// Every journey.
pub(super) fn journeys() -> Vec<Journey> {
    let mut all = lives();
    all.extend(people());
    all.extend(refusals());
    all.extend(ways_out());
    all.extend(super::aws::journeys());
    all
}

/// So many deliveries are enough for a start, and for a teardown.
const DELIVERIES: usize = 8;
pub(super) const UP: [Act; 3] = [Act::LogIn, Act::Rest, Act::Stands(Status::Ready)];
pub(super) const IDLE: [Act; 4] =
    [Act::Skip(IDLE_SECONDS), Act::Rest, Act::Skip(NOTICE_SECONDS), Act::Rest];
const ASLEEP: Act = Act::Stands(Status::Asleep);
const READY: Act = Act::Stands(Status::Ready);

pub(super) fn journey(name: &str, parts: &[&[Act]]) -> Journey {
    Journey { name: name.to_owned(), acts: parts.concat(), aws: false, away: false }
}

/// What goes well, and what agents do.
fn lives() -> Vec<Journey> {
    use Act::{
        AgentEnds, Deliver, Invite, LogIn, Orphans, Plan, Replay, Rest, Skip, Stands, Stop,
        Stranger, Sweep,
    };
    let twice = [AgentEnds, Rest, Skip(6), Rest, AgentEnds, Rest, Stands(Status::Failed)];
    let day = Skip(86_400);
    vec![
        journey("log in", &[&UP]),
        journey("invited, then log in", &[&[Invite, Rest], &UP]),
        journey("idle", &[&UP, &IDLE, &[ASLEEP, LogIn, Rest, READY]]),
        journey(
            "woken by its schedule",
            &[&UP, &[Plan(86_400)], &IDLE, &[ASLEEP, day, Rest, READY]],
        ),
        journey(
            "a schedule, and a stop that was meant",
            &[&UP, &[Plan(86_400)], &IDLE, &[Stop(false), Rest, day, Rest, ASLEEP]],
        ),
        journey("kept awake by its schedule", &[&UP, &[Plan(2_100)], &IDLE, &[READY]]),
        journey("ends by itself", &[&UP, &[AgentEnds, Rest, Skip(6), Rest, READY]]),
        journey("ends twice", &[&UP, &twice, &[Replay(None), Rest, READY]]),
        journey("ends and is stopped", &[&UP, &[AgentEnds, Stop(false), Rest, ASLEEP]]),
        journey(
            "somebody else at its address",
            &[&[
                LogIn,
                Deliver(6),
                Stranger,
                Rest,
                Stands(Status::Failed),
                Replay(None),
                Rest,
                READY,
            ]],
        ),
        journey("orphans", &[&UP, &[Orphans, Sweep, Sweep, Rest, READY]]),
    ]
}

/// What people do.
fn people() -> Vec<Journey> {
    use Act::{Busy, CallModel, Delete, Deliver, LogIn, Rest, SetIdle, Skip, Snooze, Stop, Use};
    let told = [Skip(IDLE_SECONDS), Rest];
    let over = [Skip(NOTICE_SECONDS), Rest];
    let mut all = vec![
        journey("stop", &[&UP, &[Stop(false), Rest, ASLEEP]]),
        journey("stop, and log in at once", &[&UP, &[Stop(true), LogIn, Rest, READY]]),
        journey("stop twice", &[&UP, &[Stop(true), Stop(false), Rest, ASLEEP, LogIn, Rest]]),
        journey("a model called", &[&UP, &[CallModel, Rest, READY]]),
        journey("idle and used", &[&UP, &told, &[Use], &over, &[READY]]),
        journey("idle and put off", &[&UP, &told, &[Snooze, Rest], &over, &[READY]]),
        journey("idle and busy", &[&UP, &[Busy(3_000)], &IDLE, &[READY], &told, &IDLE]),
        journey("busy and stopped", &[&UP, &[Busy(3_000), Stop(true), Rest, ASLEEP]]),
        journey("shorter time-out", &[&UP, &[SetIdle, Rest, Skip(600), Rest], &over, &[ASLEEP]]),
        journey("deleted", &[&UP, &[Delete, Rest, ASLEEP]]),
        journey("deleted, and back at once", &[&UP, &[Delete, LogIn, Rest, READY]]),
        journey(
            "deleted asleep",
            &[&UP, &[Stop(true), Rest, Delete, Rest, ASLEEP, LogIn, Rest, READY]],
        ),
    ];
    for count in 0..DELIVERIES {
        let after = |what: &str| format!("{what} after {count} deliveries");
        all.push(journey(&after("stop"), &[&[LogIn, Deliver(count), Stop(true), Rest, ASLEEP]]));
        all.push(journey(&after("delete"), &[&[LogIn, Deliver(count), Delete, Rest, ASLEEP]]));
        let again = [Stop(true), Deliver(count), LogIn, Rest, READY];
        all.push(journey(&after("stop, and log in"), &[&UP, &again]));
        let again = [Delete, Deliver(count), LogIn, Rest, READY];
        all.push(journey(&after("delete, and log in"), &[&UP, &again]));
    }
    all
}

/// What is refused, or makes no sense, at each step forward and back.
fn refusals() -> Vec<Journey> {
    use Act::{LogIn, Replay, Rest, Right, Skip, Stands, Stop, Wrong};
    let mut all = Vec::new();
    for (step, call) in EFFECTS {
        let at = step.name();
        for (strike, stands) in
            [(Strike::Refuses, Status::Failed), (Strike::Nonsense, Status::Parked)]
        {
            let begin = [Wrong(call, strike), LogIn, Rest, Stands(stands), Right];
            let replayed = [Replay(None), Rest, Skip(6), Rest, Stands(Status::Ready)];
            let stopped = [Stop(true), Rest, Stands(Status::Asleep), LogIn, Rest];
            let from = [Replay(Some(Step::PrepareHome)), Rest, Stands(Status::Ready)];
            for (what, end) in
                [("replay", &replayed[..]), ("stop", &stopped), ("from the start", &from)]
            {
                all.push(journey(&format!("{at} {strike:?}, {what}"), &[&begin, end]));
            }
        }
    }
    all
}

/// A parked undo, and every way out of it.
fn ways_out() -> Vec<Journey> {
    use Act::{Delete, Leave, LogIn, Rest, Right, Stands, Stop, Wrong};
    let parked = Stands(Status::Parked);
    let mut all = Vec::new();
    for call in UNDOS {
        let begin = [Wrong(call, Strike::Nonsense), Stop(true), Rest, parked, Right];
        for way in [WayOut::Retry, WayOut::Abort, WayOut::Skip] {
            let name = format!("{call:?} makes no sense, {}", way.name());
            all.push(journey(&name, &[&UP, &begin, &[Leave(way), Rest, ASLEEP, LogIn, Rest]]));
        }
    }
    for call in [Call::PurgeHome, Call::DeregisterTask] {
        let begin = [Wrong(call, Strike::Nonsense), Delete, Rest, parked, Right];
        let name = format!("{call:?} makes no sense");
        all.push(journey(&name, &[&UP, &begin, &[Leave(WayOut::Retry), Rest, ASLEEP]]));
    }
    all
}

/// Plays one act.
///
/// # Errors
/// What is not as it must be.
pub(super) fn act(stage: &Stage, act: Act) -> Result<(), Vec<String>> {
    let id = ann();
    let now_ms = stage.world.now_ms();
    match act {
        Act::LogIn => stage.insist(async |ports| {
            producers::session::log_in(&ports.bus, &person()).await.map(drop)
        }),
        Act::Invite => stage.insist(async |ports| {
            producers::session::invite(&ports.bus, &person()).await.map(drop)
        }),
        Act::Stop(admin) => stage.insist(async |ports| {
            let reason = if admin { StopReason::Admin } else { StopReason::Person };
            producers::command::stop(&ports.bus, &ann(), reason).await.map(drop)
        }),
        Act::Replay(from) => stage.insist(async |ports| {
            producers::command::replay(&ports.bus, &ann(), from).await.map(drop)
        }),
        Act::Delete => stage
            .insist(async |ports| producers::command::delete(&ports.bus, &ann()).await.map(drop)),
        Act::Leave(way) => stage.insist(async |ports| {
            producers::parked::decide(&ports.bus, &ann(), way, None).await.map(drop)
        }),
        Act::Snooze => stage.insist(async |ports| {
            let hour = SignedDuration::from_hours(1);
            producers::activity::snooze(&ports.bus, &ann(), hour).await.map(drop)
        }),
        Act::Use => stage.insist(async |ports| {
            let now = ports.bus.now();
            producers::activity::note(&ports.bus, &ann(), Activity::UserInput, now).await.map(drop)
        }),
        Act::CallModel => call_model(stage),
        Act::SetIdle => stage.insist(async |ports| {
            let short = Some(SignedDuration::from_mins(10));
            producers::command::set_idle(&ports.bus, &ann(), short).await.map(drop)
        }),
        Act::Deliver(most) => drop(stage.deliver(most)),
        Act::Rest => return stage.rest(),
        Act::Skip(seconds) => stage.skip(Duration::from_secs(seconds)),
        Act::AgentEnds => stage.world.state().cloud.crash(&id, now_ms),
        Act::Busy(seconds) => {
            stage.world.state().cloud.keep_busy(&id, now_ms + seconds * 1_000);
        }
        Act::Plan(seconds) => {
            stage.world.state().cloud.schedule(&id, &[now_ms + seconds * 1_000]);
        }
        Act::Wrong(call, strike) => stage.world.state().script.add(When::Every(call), strike),
        Act::Right => stage.world.state().script.set_right(),
        Act::Orphans => orphans(stage),
        Act::Stranger => {
            orphans(stage);
            stage.world.state().cloud.give_away(&id, &ghost(), now_ms);
        }
        Act::Sweep => stage.sweep(),
        Act::Deploy => stage.deploy(),
        Act::Deaf => stage.world.state().cloud.hear_nothing_until(now_ms + 3_600_000),
        Act::Line(seconds) => take_slots(stage, seconds),
        Act::Stands(status) => {
            let stands = stage.status(&id);
            if stands != status {
                return Err(vec![format!("it is {} and not {}", stands.name(), status.name())]);
            }
        }
    }
    Ok(())
}

/// The provider answers twice, and the sidecar hands over what it wrote down of it until it is told
/// that all is counted.
fn call_model(stage: &Stage) {
    let (workspace, team) = (ann(), person().team);
    let lease = Lease {
        workspace,
        generation: Gen(1),
        attempt: Attempt(1),
        team,
        limits: Limits::default(),
    };
    for tokens in [11, 31] {
        stage.seat().answer(&lease, tokens);
    }
    stage.insist(async |_| {
        let seat = stage.seat();
        let batch = seat.world().state().outbox.first(BATCH_MAX);
        RollUp::new(Arc::new(seat.clone())).count(&batch).await?;
        seat.world().state().outbox.settle(&batch);
        Ok(())
    });
}

/// A task, a route and a lease of somebody whom no journal knows.
fn orphans(stage: &Stage) {
    let (workspace, generation, attempt) = (ghost(), Gen(3), Attempt(1));
    stage.insist(async |ports| {
        let team = "red".parse().expect("a name");
        let lease = Lease {
            workspace: workspace.clone(),
            generation,
            attempt,
            team,
            limits: Limits::default(),
        };
        let spec = TaskSpec {
            workspace: workspace.clone(),
            generation,
            attempt,
            client_token: "ghost".to_owned(),
            home: "/homes/ghost".to_owned(),
            token: ports.leases.token(&workspace, generation, attempt),
            pass: ports.leases.pass(&workspace, generation, attempt),
        };
        let address = std::net::SocketAddr::from(([10, 9, 9, 9], 18_789));
        let route = Route { generation, attempt, address };
        ports.leases.grant(&lease).await?;
        ports.compute.run(&spec).await?;
        ports.routes.open(&workspace, &route).await.map(drop)
    });
}

/// Somebody else has the one slot of so many seconds.
fn take_slots(stage: &Stage, seconds: u64) {
    let interval = SignedDuration::from_secs(seconds.cast_signed());
    stage.world.state().line.rate = Some(Rate { burst: 1, interval });
    stage.insist(async |ports| {
        let line = ports.starts.as_ref().expect("on AWS there is a line");
        line.admit(&ghost(), Gen(1), Attempt(1), ports.bus.now()).await.map(drop)
    });
}

fn ghost() -> WorkspaceId {
    "ghost".parse().expect("a name")
}
