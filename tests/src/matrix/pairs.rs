//! Every two kinds of actors at once, in every situation, interleaved at every wait.

use std::sync::Arc;
use std::time::Duration;

use events::{Activity, Class, Step, StopReason};
use jiff::SignedDuration;
use ports::{Compute as _, Delivery, Handle, Nudge};

use super::Tally;
use super::journey::{Act, act, ann, person};
use super::orders::{self, Part};
use super::stage::Stage;
use crate::model;
use crate::world::script::Strike;
use crate::world::seat::Call;
use crate::world::{Pace, Seat, State, World};

/// Who acts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Actor {
    LogIn,
    Stop,
    Delete,
    Replay,
    Use,
    Snooze,
    /// A consumer that handles a message of this class.
    Handle(Class),
    TaskEvent,
    Timer,
    IdleCheck,
    /// Finds what is late, and collects orphans.
    Sweeper,
}

const ACTORS: [Actor; 13] = [
    Actor::LogIn,
    Actor::Stop,
    Actor::Delete,
    Actor::Replay,
    Actor::Use,
    Actor::Snooze,
    Actor::Handle(Class::Storage),
    Actor::Handle(Class::Compute),
    Actor::Handle(Class::Routing),
    Actor::TaskEvent,
    Actor::Timer,
    Actor::IdleCheck,
    Actor::Sweeper,
];

/// A situation to begin with: its name, and the world as it is then.
struct Situation {
    name: String,
    state: State,
}

/// Every situation that two can meet in, and how it comes about.
fn recipes() -> Vec<(String, Vec<Act>)> {
    use Act::{AgentEnds, Deliver, LogIn, Orphans, Rest, Right, Skip, Stop, Sweep, Wrong};
    let up = [LogIn, Rest];
    let mut all: Vec<(String, Vec<Act>)> = vec![
        ("nobody yet".to_owned(), Vec::new()),
        ("ready".to_owned(), up.to_vec()),
        ("idle".to_owned(), [&up[..], &[Skip(1_800)]].concat()),
        ("told".to_owned(), [&up[..], &[Skip(1_800), Rest, Skip(600)]].concat()),
        ("ended".to_owned(), [&up[..], &[AgentEnds]].concat()),
        ("orphans".to_owned(), [&up[..], &[Orphans, Sweep, Skip(61)]].concat()),
        ("asleep".to_owned(), [&up[..], &[Stop(true), Rest]].concat()),
    ];
    for deliveries in 0..9 {
        all.push((format!("starting, {deliveries} done"), vec![LogIn, Deliver(deliveries)]));
    }
    for deliveries in 0..5 {
        let acts = [&up[..], &[Stop(true), Deliver(deliveries)]].concat();
        all.push((format!("stopping, {deliveries} done"), acts));
    }
    for (name, strike) in [("failed", Strike::Refuses), ("parked", Strike::Nonsense)] {
        all.push((name.to_owned(), vec![Wrong(Call::RunTask, strike), LogIn, Rest, Right]));
    }
    let undo =
        [&up[..], &[Wrong(Call::StopTask, Strike::Nonsense), Stop(true), Rest, Right]].concat();
    all.push(("an undo is parked".to_owned(), undo));
    all
}

fn situation((name, acts): (String, Vec<Act>)) -> Situation {
    let stage = Stage::new(Pace::ByHand, State::default());
    for next in acts {
        act(&stage, next).expect("a situation comes about");
    }
    let state = stage.world.state().clone();
    Situation { name, state }
}

/// How many situations there are; each is a share of the work.
pub(super) fn count() -> usize {
    recipes().len()
}

/// Plays every pair in one situation.
pub(super) fn play(number: usize, tally: &mut Tally) {
    let situation = situation(recipes().swap_remove(number));
    for (place, first) in ACTORS.into_iter().enumerate() {
        for second in &ACTORS[place..] {
            pair(&situation, [first, *second], tally);
        }
    }
}

fn pair(situation: &Situation, actors: [Actor; 2], tally: &mut Tally) {
    let alone = actors.map(|actor| waits(&situation.state, actor));
    let mut order = 0;
    orders::each(alone, |schedule| {
        order += 1;
        let [first, second] = actors;
        let name = || format!("{}: {first:?} and {second:?}, order {order}", situation.name);
        tally.case("pair", name, |fresh, told| {
            let state = situation.state.clone().noted_by(fresh.trace);
            let world = World::new(Pace::ByHand, state);
            let seats = [world.start_process(0), world.start_process(1)];
            schedule.run([part(&seats[0], first), part(&seats[1], second)]);
            let stage = Stage::new(Pace::ByHand, world.state().clone());
            told.replace(Some(Arc::clone(&stage.world)));
            stage.rest()?;
            let now = stage.world.now_ms();
            let broken = model::broken(&stage.world.state(), now, true);
            if broken.is_empty() { Ok(()) } else { Err(broken) }
        });
    });
}

/// How many waits an actor has when it is alone.
fn waits(state: &State, actor: Actor) -> u64 {
    let stage = Stage::new(Pace::ByHand, state.clone());
    let seat = stage.world.start_process(0);
    let _ = stage.play(part(&seat, actor));
    stage.waits()
}

/// What an actor does.
fn part(seat: &Seat, actor: Actor) -> Part {
    let (seat, ports) = (Arc::new(seat.clone()), seat.ports());
    Box::pin(async move {
        let bus = &ports.bus;
        let nothing = Duration::ZERO;
        // Whatever they are told, the world must be in order afterwards.
        match actor {
            Actor::LogIn => drop(producers::session::log_in(bus, &person()).await),
            Actor::Stop => drop(producers::command::stop(bus, &ann(), StopReason::Person).await),
            Actor::Delete => drop(producers::command::delete(bus, &ann()).await),
            Actor::Replay => {
                drop(producers::command::replay(bus, &ann(), Some(Step::GrantLease)).await);
            }
            Actor::Use => {
                let now = bus.now();
                drop(producers::activity::note(bus, &ann(), Activity::UserInput, now).await);
            }
            Actor::Snooze => {
                let hour = SignedDuration::from_hours(1);
                drop(producers::activity::snooze(bus, &ann(), hour).await);
            }
            Actor::Handle(class) => {
                consumers::handle(&ports, class, &delivery()).await;
            }
            Actor::TaskEvent => {
                for task in seat.changes(nothing).await.unwrap_or_default() {
                    drop(consumers::observer::observe(bus, &task).await);
                }
            }
            Actor::Timer => drop(producers::cron_wake::fire(bus, &*seat, nothing).await),
            Actor::IdleCheck => drop(producers::idle_check::look(bus).await),
            Actor::Sweeper => drop(consumers::sweeper::sweep(&ports).await),
        }
    })
}

/// Somebody looks at the workspace, whatever is next.
fn delivery() -> Delivery {
    Delivery {
        handle: Handle("by hand".to_owned()),
        nudge: Some(Nudge { about: ann().into(), cause: None }),
        receives: 1,
        sent: jiff::Timestamp::UNIX_EPOCH,
    }
}
