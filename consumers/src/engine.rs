//! The loops that make one machine move: consumers on their queues, timers, the idle check, the
//! task observer, the sweeper. They know ports alone: a root says what stands behind them.
//!
//! No loop ever ends because of one bad item or one bad answer; each says what went wrong and goes
//! on after a pause.

use std::sync::Arc;
use std::time::Duration;

use events::Class;
use ports::{Delivery, Fault, Timers};
use producers::activity::Meter;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::{Verdict, World, handle, sweeper};

/// How many messages of one queue are handled at a time: enough for a morning's logins, few enough
/// that they do not starve the agents that they start.
const HANDLERS_MAX: usize = 64;
/// How long a receive waits; a stop of the engine cuts it short.
const WAIT: Duration = Duration::from_secs(20);
/// How often the idle check looks. Timers are precise; this finds what a lost timer missed.
const IDLE_CHECK_EVERY: Duration = Duration::from_secs(30);
/// How often the sweeper sweeps: a lost message costs a minute.
const SWEEP_EVERY: Duration = Duration::from_secs(60);
/// How often uses that were noted are written.
const FLUSH_EVERY: Duration = Duration::from_secs(5);
/// The pause after a loop's bad answer, so that an outage is no storm.
const PAUSE: Duration = Duration::from_secs(1);

/// The running loops. They go on until [`Engine::stop`].
pub struct Engine {
    stop: CancellationToken,
    tasks: TaskTracker,
}

impl Engine {
    /// Starts every loop, on the runtime of the caller.
    pub fn start(world: &World, timers: Arc<dyn Timers>, meter: Meter) -> Self {
        let engine = Self { stop: CancellationToken::new(), tasks: TaskTracker::new() };
        for class in Class::ALL {
            engine.spawn(consume(world.clone(), class, engine.stop.clone()));
        }
        let bus = world.bus.clone();
        engine.repeat("timers", Duration::ZERO, move || {
            let (bus, timers) = (bus.clone(), Arc::clone(&timers));
            async move { producers::cron_wake::fire(&bus, &*timers, WAIT).await.map(drop) }
        });
        let bus = world.bus.clone();
        engine.repeat("idle check", IDLE_CHECK_EVERY, move || {
            let bus = bus.clone();
            async move { producers::idle_check::look(&bus).await.map(drop) }
        });
        let observed = world.clone();
        engine.repeat("task observer", Duration::ZERO, move || observe(observed.clone()));
        engine.repeat("activity", FLUSH_EVERY, move || {
            let meter = meter.clone();
            async move {
                meter.flush().await;
                Ok(())
            }
        });
        let swept = world.clone();
        engine.repeat("sweeper", SWEEP_EVERY, move || sweep(swept.clone()));
        engine
    }

    /// Ends every loop and waits until what was being handled is done.
    pub async fn stop(self) {
        self.stop.cancel();
        self.tasks.close();
        self.tasks.wait().await;
    }

    fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        self.tasks.spawn(task);
    }

    /// Runs `turn` again and again, `every` so often.
    fn repeat<F, T>(&self, name: &'static str, every: Duration, mut turn: F)
    where
        F: FnMut() -> T + Send + 'static,
        T: Future<Output = Result<(), Fault>> + Send,
    {
        let stop = self.stop.clone();
        self.spawn(async move {
            loop {
                let pause = tokio::select! {
                    biased;
                    () = stop.cancelled() => return,
                    outcome = turn() => match outcome {
                        Ok(()) => every,
                        Err(fault) => {
                            tracing::warn!(name, %fault, "a loop met trouble and goes on");
                            every.max(PAUSE)
                        }
                    },
                };
                if !rest(&stop, pause).await {
                    return;
                }
            }
        });
    }
}

/// Writes down the next changes of tasks. One that cannot be written does not hold up the others;
/// the sweeper finds it again.
async fn observe(world: World) -> Result<(), Fault> {
    for task in world.compute.changes(WAIT).await? {
        if let Err(fault) = crate::observer::observe(&world.bus, &task).await {
            tracing::warn!(task = %task.id, %fault, "a change of a task could not be written down");
        }
    }
    Ok(())
}

/// One sweep. What it suspects outlives this process.
async fn sweep(world: World) -> Result<(), Fault> {
    let swept = sweeper::sweep(&world).await?;
    tracing::debug!(?swept, "swept");
    Ok(())
}

/// Sleeps unless the engine stops. Gives whether to go on.
async fn rest(stop: &CancellationToken, pause: Duration) -> bool {
    if pause.is_zero() {
        return !stop.is_cancelled();
    }
    tokio::select! {
        biased;
        () = stop.cancelled() => false,
        () = tokio::time::sleep(pause) => true,
    }
}

/// Receives messages of one queue and handles them side by side.
async fn consume(world: World, class: Class, stop: CancellationToken) {
    let handlers = Arc::new(Semaphore::new(HANDLERS_MAX));
    let handling = TaskTracker::new();
    while !stop.is_cancelled() {
        let Ok(first) = Arc::clone(&handlers).acquire_owned().await else { break };
        let free = (handlers.available_permits() + 1).min(ports::queue::BATCH_MAX);
        let queue = world.bus.queue();
        let received = tokio::select! {
            biased;
            () = stop.cancelled() => break,
            received = queue.receive(class, free, WAIT, handle::VISIBILITY) => received,
        };
        let deliveries = match received {
            Ok(deliveries) => deliveries,
            Err(fault) => {
                tracing::warn!(class = class.name(), %fault, "no messages could be received");
                rest(&stop, PAUSE).await;
                continue;
            }
        };
        drop(first);
        for delivery in deliveries {
            let Ok(permit) = Arc::clone(&handlers).acquire_owned().await else { break };
            let world = world.clone();
            handling.spawn(async move {
                settle(&world, class, &delivery).await;
                drop(permit);
            });
        }
    }
    handling.close();
    handling.wait().await;
}

/// Handles one message and settles it. One that cannot be settled comes back by itself.
async fn settle(world: &World, class: Class, delivery: &Delivery) {
    let queue = world.bus.queue();
    let settled = match handle(world, class, delivery).await {
        Verdict::Delete => queue.delete(class, std::slice::from_ref(&delivery.handle)).await,
        Verdict::ComeBack(after) => queue.change_visibility(class, &delivery.handle, after).await,
    };
    if let Err(fault) = settled {
        tracing::warn!(class = class.name(), %fault, "a message could not be settled");
    }
}
