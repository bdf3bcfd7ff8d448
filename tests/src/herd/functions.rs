//! The engine as AWS runs it: functions that get a batch of a queue's messages, so many of them at
//! the same time and no more; one that serves timers, one that hears of tasks, one that sweeps.

use std::sync::Arc;
use std::time::Duration;

use consumers::{Verdict, World as Ports, handle};
use events::Class;
use ports::queue::BATCH_MAX;
use ports::{Compute as _, Delivery, Queue as _};
use tokio::task::JoinSet;
use tokio::time::sleep;

use crate::world::{Seat, World};

/// How often the sweeper and the idle check run.
const SWEEP_EVERY: Duration = Duration::from_secs(60);
/// How long one look waits for a timer, as the function's on AWS does.
const WAIT: Duration = Duration::from_secs(20);
/// The pause after a bad answer.
const PAUSE: Duration = Duration::from_secs(1);

/// Starts them all, so many at a time for each queue; gives the place that they act from.
pub(super) fn start(world: &Arc<World>, concurrency: usize) -> Seat {
    let seat = world.start_process(0);
    let ports = seat.ports();
    for class in Class::ALL {
        for _ in 0..concurrency {
            tokio::spawn(consume(seat.clone(), ports.clone(), class));
        }
    }
    tokio::spawn(fire(seat.clone(), ports.clone()));
    tokio::spawn(observe(seat.clone(), ports.clone()));
    tokio::spawn(look_after(ports));
    seat
}

/// One of a queue's functions after the other: a batch is handled side by side, and the next one
/// begins when all of it is done.
async fn consume(seat: Seat, ports: Ports, class: Class) {
    loop {
        seat.until_message(class).await;
        let visibility = consumers::handle::VISIBILITY;
        let Ok(batch) = seat.receive(class, BATCH_MAX, Duration::ZERO, visibility).await else {
            sleep(PAUSE).await;
            continue;
        };
        let mut handled = JoinSet::new();
        for delivery in batch {
            handled.spawn(Box::pin(settle(seat.clone(), ports.clone(), class, delivery)));
        }
        handled.join_all().await;
    }
}

async fn settle(seat: Seat, ports: Ports, class: Class, delivery: Delivery) {
    // One that cannot be settled comes back by itself.
    let _ = match handle(&ports, class, &delivery).await {
        Verdict::Delete => seat.delete(class, std::slice::from_ref(&delivery.handle)).await,
        Verdict::ComeBack(after) => seat.change_visibility(class, &delivery.handle, after).await,
    };
}

async fn fire(seat: Seat, ports: Ports) {
    loop {
        seat.survive().await;
        if producers::cron_wake::fire(&ports.bus, &seat, WAIT).await.is_err() {
            sleep(PAUSE).await;
        }
    }
}

/// Every change starts a function of its own.
async fn observe(seat: Seat, ports: Ports) {
    loop {
        seat.until_change().await;
        for task in seat.changes(Duration::ZERO).await.unwrap_or_default() {
            let bus = ports.bus.clone();
            tokio::spawn(async move {
                // The sweeper finds what cannot be written down.
                let _ = consumers::observer::observe(&bus, &task).await;
            });
        }
    }
}

async fn look_after(ports: Ports) {
    loop {
        sleep(SWEEP_EVERY).await;
        let _ = producers::idle_check::look(&ports.bus).await;
        let _ = consumers::sweeper::sweep(&ports).await;
    }
}
