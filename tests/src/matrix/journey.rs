//! The journeys of the crash matrix: short stories of one person that together make every step, every
//! undo, every question to an agent and every producer's call happen.

use std::time::Duration;

use events::{Activity, Attempt, Gen, Status, Step, StopReason, WorkspaceId};
use jiff::SignedDuration;
use ports::{Lease, Person, Route, TaskSpec};

use super::stage::Stage;
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
    /// The person puts the idle stop off.
    Snooze,
    /// The person sends something.
    Use,
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
    /// The sweeper and the idle check come by.
    Sweep,
    /// It must stand there now.
    Stands(Status),
}

/// A story and its name.
pub(super) struct Journey {
    pub(super) name: String,
    pub(super) acts: Vec<Act>,
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
const NOTICE_SECONDS: u64 = 2 * 60;

/// Every journey.
pub(super) fn journeys() -> Vec<Journey> {
    let mut all = lives();
    all.extend(refusals());
    all
}

/// What goes well, and what agents and people do.
fn lives() -> Vec<Journey> {
    use Act::{
        AgentEnds, Busy, Deliver, Invite, LogIn, Orphans, Plan, Replay, Rest, SetIdle, Skip,
        Snooze, Stands, Stop, Sweep, Use,
    };
    let idle = [Skip(IDLE_SECONDS), Rest, Skip(NOTICE_SECONDS), Rest];
    let up = [LogIn, Rest, Stands(Status::Ready)];
    let asleep = Stands(Status::Asleep);
    let ready = Stands(Status::Ready);
    let journey =
        |name: &str, parts: &[&[Act]]| Journey { name: name.to_owned(), acts: parts.concat() };
    let mut all = vec![
        journey("log in", &[&up]),
        journey("invited, then log in", &[&[Invite, Rest], &up]),
        journey("stop", &[&up, &[Stop(false), Rest, asleep]]),
        journey("stop, and log in at once", &[&up, &[Stop(true), LogIn, Rest, ready]]),
        journey("stop and again", &[&up, &[Stop(true), Stop(false), Rest, asleep, LogIn, Rest]]),
        journey("idle", &[&up, &idle, &[asleep, LogIn, Rest, ready]]),
        journey(
            "idle and used",
            &[&up, &[Skip(IDLE_SECONDS), Rest, Use, Skip(NOTICE_SECONDS), Rest, ready]],
        ),
        journey(
            "idle and put off",
            &[&up, &[Skip(IDLE_SECONDS), Rest, Snooze, Rest, Skip(NOTICE_SECONDS), Rest, ready]],
        ),
        journey(
            "idle and busy",
            &[&up, &[Busy(3_000)], &idle, &[ready, Skip(IDLE_SECONDS), Rest], &idle],
        ),
        journey("busy and stopped", &[&up, &[Busy(3_000), Stop(true), Rest, asleep]]),
        journey(
            "shorter time-out",
            &[&up, &[SetIdle, Rest, Skip(600), Rest, Skip(NOTICE_SECONDS), Rest, asleep]],
        ),
        journey(
            "woken by its schedule",
            &[&up, &[Plan(86_400)], &idle, &[asleep, Skip(86_400), Rest, ready]],
        ),
        journey(
            "schedule and a stop that was meant",
            &[&up, &[Plan(86_400)], &idle, &[Stop(false), Rest, Skip(86_400), Rest, asleep]],
        ),
        journey("kept awake by its schedule", &[&up, &[Plan(2_100)], &idle, &[ready]]),
        journey("ends by itself", &[&up, &[AgentEnds, Rest, Skip(6), Rest, ready]]),
        journey(
            "ends twice",
            &[
                &up,
                &[
                    AgentEnds,
                    Rest,
                    Skip(6),
                    Rest,
                    AgentEnds,
                    Rest,
                    Stands(Status::Failed),
                    Replay(None),
                    Rest,
                    ready,
                ],
            ],
        ),
        journey("ends and is stopped", &[&up, &[AgentEnds, Stop(false), Rest, asleep]]),
        journey("orphans", &[&up, &[Orphans, Sweep, Sweep, Rest, ready]]),
    ];
    for deliveries in 0..8 {
        let name = format!("stop after {deliveries} deliveries");
        all.push(journey(&name, &[&[LogIn, Deliver(deliveries), Stop(true), Rest, asleep]]));
        let name = format!("log in again after {deliveries} deliveries of a stop");
        all.push(journey(&name, &[&up, &[Stop(true), Deliver(deliveries), LogIn, Rest, ready]]));
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
                let acts = [&begin[..], end].concat();
                all.push(Journey { name: format!("{at} {strike:?}, {what}"), acts });
            }
        }
    }
    for call in UNDOS {
        let parked = [LogIn, Rest, Wrong(call, Strike::Nonsense), Stop(true), Rest];
        let lifted = [Stands(Status::Parked), Right, Replay(None), Rest, Stands(Status::Asleep)];
        let acts = [&parked[..], &lifted].concat();
        all.push(Journey { name: format!("{call:?} makes no sense"), acts });
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
        Act::Snooze => stage.insist(async |ports| {
            let hour = SignedDuration::from_hours(1);
            producers::activity::snooze(&ports.bus, &ann(), hour).await.map(drop)
        }),
        Act::Use => stage.insist(async |ports| {
            let now = ports.bus.now();
            producers::activity::note(&ports.bus, &ann(), Activity::UserInput, now).await.map(drop)
        }),
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
        Act::Sweep => stage.sweep(),
        Act::Stands(status) => {
            let stands = stage.status(&id);
            if stands != status {
                return Err(vec![format!("it is {} and not {}", stands.name(), status.name())]);
            }
        }
    }
    Ok(())
}

/// A task, a route and a lease of somebody whom no journal knows.
fn orphans(stage: &Stage) {
    let (workspace, generation, attempt) = (ghost(), Gen(3), Attempt(1));
    stage.insist(async |ports| {
        let team = "red".parse().expect("a name");
        let lease = Lease { workspace: workspace.clone(), generation, attempt, team };
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

fn ghost() -> WorkspaceId {
    "ghost".parse().expect("a name")
}
