//! The journeys that are played on AWS: the compute is Fargate by as many calls as its adapter makes,
//! its events may fail for an hour, a line stands before it, functions are replaced between two
//! deliveries, and an outage may last longer than ECS knows a client token.

use events::Status;

use super::journey::Act::{
    AgentEnds, Deaf, Delete, Deliver, Deploy, Line, LogIn, Orphans, Replay, Rest, Right, Skip,
    Stands, Stop, Sweep, Wrong,
};
use super::journey::{Act, IDLE, Journey, UP, journey};
use crate::world::script::Strike;
use crate::world::seat::Call;

/// Longer than ECS keeps a client token.
pub(super) const OUTAGE_SECONDS: u64 = 25 * 60 * 60;
/// Longer than it shows a stopped task.
const FORGOTTEN_SECONDS: u64 = 2 * 60 * 60;
/// Longer than the deadline of the step that waits.
const LINE_SECONDS: u64 = 150;
/// So many deliveries bring a start to its task.
const DELIVERIES: usize = 8;

const READY: Act = Stands(Status::Ready);
const ASLEEP: Act = Stands(Status::Asleep);

pub(super) fn journeys() -> Vec<Journey> {
    let mut all = plain();
    all.extend(in_line());
    all.extend(between_deliveries());
    for journey in &mut all {
        journey.name = format!("aws: {}", journey.name);
        journey.aws = true;
    }
    all
}

/// What happens everywhere, on Fargate.
fn plain() -> Vec<Journey> {
    let again = [LogIn, Rest, READY];
    let twice = [AgentEnds, Rest, Skip(6), Rest, AgentEnds, Rest, Stands(Status::Failed)];
    let no_room = [Wrong(Call::RunTask, Strike::Refuses), LogIn, Rest, Stands(Status::Failed)];
    let forgotten = [Deaf, AgentEnds, Skip(FORGOTTEN_SECONDS), Sweep, Sweep, Rest];
    let mut all = vec![
        journey("log in", &[&UP]),
        journey("stop, and log in at once", &[&UP, &[Stop(true), LogIn, Rest, READY]]),
        journey("idle", &[&UP, &IDLE, &[ASLEEP], &again]),
        journey("deleted, and back at once", &[&UP, &[Delete, LogIn, Rest, READY]]),
        journey("ends twice", &[&UP, &twice, &[Replay(None), Rest, READY]]),
        journey("no room, replayed", &[&no_room, &[Right, Replay(None), Rest, READY]]),
        journey("orphans", &[&UP, &[Orphans, Sweep, Sweep, Rest, READY]]),
        journey("no word of any task", &[&[Deaf], &UP, &[AgentEnds, Rest, Skip(6), Rest, READY]]),
        journey(
            "no word of its end until it is forgotten",
            &[&UP, &forgotten, &[Skip(6), Rest, READY]],
        ),
    ];
    all[0].away = true;
    all
}

/// Who waits in line.
fn in_line() -> Vec<Journey> {
    let line = [Line(LINE_SECONDS), LogIn];
    let mut all = vec![journey("in line", &[&line, &[Rest, READY]])];
    for count in [4, DELIVERIES] {
        let after = |what: &str| format!("{what} in line after {count} deliveries");
        let wait = [&line[..], &[Deliver(count)]].concat();
        all.push(journey(&after("stop"), &[&wait, &[Stop(true), Rest, ASLEEP]]));
        all.push(journey(&after("delete"), &[&wait, &[Delete, LogIn, Rest, READY]]));
        all.push(journey(&after("deploy"), &[&wait, &[Deploy, Rest, READY]]));
    }
    all
}

/// What comes between two deliveries.
fn between_deliveries() -> Vec<Journey> {
    let mut all = Vec::new();
    for count in 0..DELIVERIES {
        let after = |what: &str| format!("{what} after {count} deliveries");
        let come = [LogIn, Deliver(count)];
        all.push(journey(&after("deploy"), &[&come, &[Deploy, Rest, READY]]));
        // A start that may have been asked for more than a day ago is refused and taken back: whoever
        // comes next starts anew.
        let outage = [Skip(OUTAGE_SECONDS), Rest, LogIn, Rest, READY];
        all.push(journey(&after("outage"), &[&come, &outage]));
        all.push(journey(&after("stop"), &[&come, &[Stop(true), Rest, ASLEEP]]));
    }
    all
}
