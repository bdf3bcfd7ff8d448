//! One process of the engine: the loops that `teamclaw up` runs, on the fake world, waiting for
//! something to do instead of looking again and again. It goes on until its life is over.

use std::sync::Arc;
use std::time::Duration;

use consumers::usage::RollUp;
use consumers::{Verdict, World as Ports, handle};
use events::{Class, Status};
use ports::queue::BATCH_MAX;
use ports::{Compute as _, Delivery, Queue as _, TaskStatus, UsageSink as _};

use crate::world::{Hazard, START_MS, Seat, State, TrueClock, World};

/// How often the sweeper sweeps.
const SWEEP_EVERY: Duration = Duration::from_secs(60);
/// The pause after a loop's bad answer.
const PAUSE: Duration = Duration::from_secs(1);
/// One in so many sweeps of a world in which there is nothing to find is made all the same.
const IDLE_SWEEP_EVERY: i64 = 8;

/// Starts a process; whatever its earlier lives still do never ends.
pub(super) fn start(world: &Arc<World>, number: usize) {
    let seat = world.start_process(number);
    let ports = seat.ports();
    for class in Class::ALL {
        tokio::spawn(consume(seat.clone(), ports.clone(), class));
    }
    tokio::spawn(fire(seat.clone()));
    tokio::spawn(observe(seat.clone(), ports.clone()));
    tokio::spawn(count(seat.clone()));
    if number == 0 {
        tokio::spawn(look_after(seat, ports));
    }
}

async fn consume(seat: Seat, ports: Ports, class: Class) {
    loop {
        seat.until_message(class).await;
        let visibility = consumers::handle::VISIBILITY;
        match seat.receive(class, BATCH_MAX, Duration::ZERO, visibility).await {
            Ok(deliveries) => {
                for delivery in deliveries {
                    // Boxed: a spawn moves a future of many kilobytes several times.
                    tokio::spawn(Box::pin(settle(seat.clone(), ports.clone(), class, delivery)));
                }
            }
            Err(_) => tokio::time::sleep(PAUSE).await,
        }
    }
}

async fn settle(seat: Seat, ports: Ports, class: Class, delivery: Delivery) {
    // One that cannot be settled comes back by itself.
    let _ = match handle(&ports, class, &delivery).await {
        Verdict::Delete => seat.delete(class, std::slice::from_ref(&delivery.handle)).await,
        Verdict::ComeBack(after) => seat.change_visibility(class, &delivery.handle, after).await,
    };
}

/// Whoever serves timers has a clock of its own, the true one.
async fn fire(seat: Seat) {
    let bus = seat.bus(Arc::new(TrueClock(Arc::clone(seat.world()))));
    loop {
        seat.until_timer().await;
        let fired = producers::cron_wake::fire(&bus, &seat, Duration::ZERO).await;
        if !matches!(fired, Ok(count) if count > 0) {
            tokio::time::sleep(PAUSE).await;
        }
    }
}

async fn observe(seat: Seat, ports: Ports) {
    loop {
        seat.until_change().await;
        for task in seat.changes(Duration::ZERO).await.unwrap_or_default() {
            // The sweeper finds what cannot be written down.
            let _ = consumers::observer::observe(&ports.bus, &task).await;
        }
    }
}

/// Hands over what the sidecars' journals hold, until the ledger has it.
async fn count(seat: Seat) {
    let ledger = RollUp::new(Arc::new(seat.clone()));
    loop {
        seat.until_usage().await;
        let batch = seat.world().state().outbox.first(BATCH_MAX);
        match ledger.count(&batch).await {
            Ok(()) => seat.world().state().outbox.settle(&batch),
            Err(_) => tokio::time::sleep(PAUSE).await,
        }
    }
}

/// The idle check and the sweeper, once a minute while there may be anything to find.
async fn look_after(seat: Seat, ports: Ports) {
    // A process sweeps as soon as it is there.
    let mut pause = Duration::ZERO;
    loop {
        seat.until_stir(|state, now| !is_quiet(state, now)).await;
        tokio::time::sleep(std::mem::replace(&mut pause, SWEEP_EVERY)).await;
        seat.survive().await;
        let (away, anyway) = {
            let mut state = seat.world().state();
            let away = state.weather.strikes(Hazard::AbsentSweeper);
            (away.then(|| state.weather.between(1, 60)), state.weather.between(0, IDLE_SWEEP_EVERY))
        };
        let mut minutes = away.unwrap_or(0);
        while minutes > 0 && !seat.world().state().weather.is_calm() {
            minutes -= 1;
            tokio::time::sleep(SWEEP_EVERY).await;
        }
        let now = seat.world().now_ms();
        let quiet = is_quiet(&seat.world().state(), now);
        if quiet && anyway > 0 {
            continue;
        }
        let _ = producers::idle_check::look(&ports.bus).await;
        let _ = consumers::sweeper::sweep(&ports).await;
    }
}

/// Whether neither the idle check nor the sweeper would find anything.
fn is_quiet(state: &State, now_ms: i64) -> bool {
    let at_rest = |status| !matches!(status, Status::Starting | Status::Stopping);
    let due = |at: jiff::Timestamp| at.as_millisecond() - START_MS <= now_ms;
    let lists = state.journal.all();
    let mut ready = 0;
    for (id, list) in lists {
        if !at_rest(list.status()) || list.due.is_some_and(due) {
            return false;
        }
        if list.status() == Status::Ready {
            ready += 1;
            let runs = |task: &ports::Task| matches!(task.status, TaskStatus::Listening(_));
            if !state.cloud.alive_of(id).any(runs) {
                return false;
            }
        }
    }
    // Every ready one has a task, a route and a lease: what is more belongs to nobody.
    let things =
        [state.cloud.alive().count(), state.routes.all().count(), state.leases.all().count()];
    things == [ready; 3]
}
