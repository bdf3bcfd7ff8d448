//! What people do: they come, wait, chat, put off a stop, stop their agent or just leave; they log
//! in again when nothing happens, and replay what failed.

use std::sync::Arc;
use std::time::Duration;

use events::{Activity, Status, StopReason, WorkspaceId};
use fastrand::Rng;
use ports::{LeaseLookup, Person};
use tokio::time::{sleep, timeout};

use super::Town;
use super::plan::Visit;

/// How long a person waits for an answer before they try again.
const PATIENCE: Duration = Duration::from_secs(40);
/// How often they try before they give up for now.
const TRIES_MAX: usize = 20;

/// What a person last wanted, as far as they were told that it is so.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wish {
    /// To use their agent.
    Up,
    /// That it stops.
    Down,
    /// They left at this time, or do not know what became of what they asked for.
    Either(i64),
}

/// The name of the person of this number.
pub(super) fn name(number: usize) -> WorkspaceId {
    format!("p{number:03}").parse().expect("a name")
}

fn person(number: usize) -> Person {
    let team = format!("team-{}", number % 5).parse().expect("a name");
    Person { id: name(number), team, admin: false }
}

/// One visit, from the log-in on.
pub(super) async fn visit(town: Arc<Town>, visit: Visit) {
    let mut rng = Rng::with_seed(visit.seed);
    let number = visit.person;
    let _turn = town.turns[number].lock().await;
    if !log_in(&town, number, &mut rng).await {
        return;
    }
    for _ in 0..rng.usize(0..4) {
        if !until_ready(&town, number, &mut rng).await {
            break;
        }
        chat(&town, number, &mut rng).await;
        sleep(Duration::from_secs(rng.u64(5..1_200))).await;
    }
    match rng.u32(0..10) {
        0..3 => stop(&town, number, StopReason::Person).await,
        3 => stop(&town, number, StopReason::Admin).await,
        4 if rng.bool() => delete(&town, number).await,
        4 => {
            let (bus, id) = (town.seat(&mut rng).ports().bus, name(number));
            let hour = jiff::SignedDuration::from_hours(1);
            let snoozed = producers::activity::snooze(&bus, &id, hour);
            // Refused when it is not up.
            let _ = timeout(PATIENCE, snoozed).await;
            unsure(&town, number);
        }
        _ => unsure(&town, number),
    }
}

/// Logs in, again and again until somebody says that it is recorded.
pub(super) async fn log_in(town: &Town, number: usize, rng: &mut Rng) -> bool {
    unsure(town, number);
    for _ in 0..TRIES_MAX {
        let (bus, person) = (town.seat(rng).ports().bus, person(number));
        let asked = producers::session::log_in(&bus, &person);
        if matches!(timeout(PATIENCE, asked).await, Ok(Ok(_))) {
            town.wish(number, Wish::Up);
            return true;
        }
        sleep(Duration::from_secs(rng.u64(1..10))).await;
    }
    false
}

/// Waits, and tries again what failed, as a person in front of a page does.
async fn until_ready(town: &Town, number: usize, rng: &mut Rng) -> bool {
    for _ in 0..TRIES_MAX {
        match town.status(&name(number)) {
            Status::Ready => return true,
            Status::Failed if rng.bool() => {
                let (bus, id) = (town.seat(rng).ports().bus, name(number));
                let asked = producers::command::replay(&bus, &id, None);
                // Refused when somebody else was faster.
                let _ = timeout(PATIENCE, asked).await;
            }
            Status::Failed | Status::Asleep => {
                log_in(town, number, rng).await;
            }
            Status::Starting | Status::Stopping | Status::Parked => {}
        }
        sleep(Duration::from_secs(rng.u64(5..30))).await;
    }
    false
}

async fn stop(town: &Town, number: usize, reason: StopReason) {
    unsure(town, number);
    let mut rng = Rng::with_seed(number as u64);
    for _ in 0..TRIES_MAX {
        let (bus, id) = (town.seat(&mut rng).ports().bus, name(number));
        let asked = producers::command::stop(&bus, &id, reason.clone());
        if matches!(timeout(PATIENCE, asked).await, Ok(Ok(_))) {
            town.wish(number, Wish::Down);
            return;
        }
        sleep(Duration::from_secs(2)).await;
    }
}

async fn delete(town: &Town, number: usize) {
    unsure(town, number);
    let mut rng = Rng::with_seed(number as u64);
    for _ in 0..TRIES_MAX {
        let (bus, id) = (town.seat(&mut rng).ports().bus, name(number));
        let asked = producers::command::delete(&bus, &id);
        if matches!(timeout(PATIENCE, asked).await, Ok(Ok(_))) {
            town.wish(number, Wish::Down);
            return;
        }
        sleep(Duration::from_secs(2)).await;
    }
}

/// They left, or have asked for something and not been told yet.
fn unsure(town: &Town, number: usize) {
    town.wish(number, Wish::Either(town.world.now_ms()));
}

/// A message to the agent: it calls a model through its sidecar, which trades the token of its task
/// for the lease, and the use is noted.
async fn chat(town: &Town, number: usize, rng: &mut Rng) {
    let (id, seat) = (name(number), town.seat(rng));
    let bus = seat.ports().bus;
    let noted = producers::activity::note(&bus, &id, Activity::UserInput, bus.now());
    let _ = timeout(PATIENCE, noted).await;
    if rng.u32(0..8) == 0 {
        let until = town.world.now_ms() + rng.i64(1_000..600_000);
        town.world.state().cloud.keep_busy(&id, until);
    }
    if rng.u32(0..16) == 0 {
        let due = town.world.now_ms() + rng.i64(60_000..86_400_000);
        town.world.state().cloud.schedule(&id, &[due]);
    }
    for _ in 0..rng.usize(1..4) {
        let hash = town.world.state().cloud.token_hash_of(&id);
        let Some(hash) = hash else { return };
        let found = timeout(PATIENCE, LeaseLookup::find(&seat, &hash)).await;
        if let Ok(Ok(Some(lease))) = found {
            seat.answer(&lease, rng.u64(1..5_000));
        }
    }
}
