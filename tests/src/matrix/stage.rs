//! A stage: one process of the engine in a fake world, driven by hand from wait to wait, which dies
//! at one wait of the test's choice and is started again.

use std::cell::{Cell, RefCell};
use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use consumers::{Verdict, World as Ports, handle};
use events::{Class, Status, Workspace, WorkspaceId};
use ports::queue::BATCH_MAX;
use ports::{Compute as _, Delivery, Fault, Queue as _, Retry};

use crate::model;
use crate::world::{Pace, START_MS, Seat, State, World};

/// Far more rounds than a start takes that asks four times a second until its deadline.
const ROUNDS_MAX: usize = 2_000;
/// What passes between two sweeps.
const SWEEP_EVERY: Duration = Duration::from_secs(61);
/// How many sweeps may find a world that does not move and is not in order: five minutes in line, and
/// two more for a stop that waits for a task which ECS may show late.
const SWEEPS_MAX: usize = 10;

/// Everything runs on this process.
const PROCESS: usize = 0;

/// Another bound than the default, as a deploy may bring one.
const READY_WITHIN_AFTER_DEPLOY: jiff::SignedDuration = jiff::SignedDuration::from_secs(240);

/// Where a journey is played.
pub(super) struct Stage {
    pub(super) world: Arc<World>,
    seat: RefCell<Seat>,
    ports: RefCell<Ports>,
    /// How many waits there were.
    waits: Cell<u64>,
    /// At which wait the process dies, and how often what it held is delivered then.
    death: Cell<Option<(u64, usize)>>,
    /// For how long it is away then.
    away: Cell<Duration>,
}

impl Stage {
    /// A stage in this state.
    pub(super) fn new(pace: Pace, state: State) -> Self {
        let world = World::new(pace, state);
        let seat = world.start_process(PROCESS);
        let ports = RefCell::new(seat.ports());
        let (waits, death, away) = (Cell::new(0), Cell::new(None), Cell::new(handle::VISIBILITY));
        Self { world, seat: RefCell::new(seat), ports, waits, death, away }
    }

    /// Lets the process die at the wait of this number; what it was doing is done again `times`
    /// times.
    pub(super) fn die_at(&self, wait: u64, times: usize) {
        self.death.set(Some((wait, times)));
    }

    /// Lets it be away for so long when it dies.
    pub(super) fn stay_away(&self, time: Duration) {
        self.away.set(time);
    }

    /// Whether the process has yet to die.
    pub(super) fn is_to_die(&self) -> bool {
        self.death.get().is_some()
    }

    /// How many waits there were.
    pub(super) fn waits(&self) -> u64 {
        self.waits.get()
    }

    /// The ports of the process as it is now.
    pub(super) fn ports(&self) -> Ports {
        self.ports.borrow().clone()
    }

    /// The place of the process as it is now.
    pub(super) fn seat(&self) -> Seat {
        self.seat.borrow().clone()
    }

    /// What the journal says of somebody.
    pub(super) fn workspace(&self, id: &WorkspaceId) -> Workspace {
        let state = self.world.state();
        state.journal.of(id).map(|list| list.workspace.clone()).unwrap_or_default()
    }

    /// Lets time pass.
    pub(super) fn skip(&self, time: Duration) {
        self.world.skip(time);
    }

    /// Plays a part to its end; `None` when the process died in it.
    pub(super) fn play<T>(&self, part: impl Future<Output = T>) -> Option<T> {
        let mut part = pin!(part);
        let mut context = Context::from_waker(Waker::noop());
        loop {
            if let Poll::Ready(outcome) = part.as_mut().poll(&mut context) {
                return Some(outcome);
            }
            self.waits.set(self.waits.get() + 1);
            if self.death.get().is_some_and(|(at, _)| at == self.waits.get()) {
                return None;
            }
        }
    }

    /// Plays a part that somebody asks for again when the process dies in it, or when the answer is
    /// that it does not work now.
    pub(super) fn insist<T>(&self, part: impl AsyncFn(Ports) -> Result<T, Fault>) {
        let mut times = match self.play(part(self.ports())) {
            Some(outcome) => usize::from(is_worth_another_try(&outcome)),
            None => self.revive(),
        };
        while times > 0 {
            times -= 1;
            let again = self.play(part(self.ports()));
            times += usize::from(again.is_some_and(|outcome| is_worth_another_try(&outcome)));
        }
    }

    /// The process starts again. What it had received becomes visible, as often as was asked for.
    /// Gives how often that is.
    fn revive(&self) -> usize {
        let times = self.death.take().map_or(1, |(_, times)| times);
        self.world.state().queues.copy_what_flies(times);
        self.skip(self.away.get());
        self.start();
        times
    }

    fn start(&self) {
        let seat = self.world.start_process(PROCESS);
        self.ports.replace(seat.ports());
        self.seat.replace(seat);
    }

    /// Newer functions take over: tasks have another template, and the bounds are others.
    pub(super) fn deploy(&self) {
        self.world.state().cloud.template += 1;
        self.world.bound(|policy| policy.ready_within = READY_WITHIN_AFTER_DEPLOY);
        self.start();
    }

    /// Handles up to so many messages, one after the other.
    pub(super) fn deliver(&self, most: usize) -> usize {
        let mut handled = 0;
        while handled < most {
            let before = handled;
            for class in Class::ALL {
                if handled < most && self.deliver_one(class) {
                    handled += 1;
                }
            }
            if handled == before {
                break;
            }
        }
        handled
    }

    /// Receives a message, handles it and settles it. Gives whether there was one.
    fn deliver_one(&self, class: Class) -> bool {
        let now = self.world.now_ms();
        if self.world.state().queues.next_ms(class).is_none_or(|at| at > now) {
            return false;
        }
        let (seat, ports) = (self.seat(), self.ports());
        let part = async move {
            let received = seat.receive(class, 1, Duration::ZERO, handle::VISIBILITY).await;
            for delivery in received.unwrap_or_default() {
                settle(&seat, &ports, class, &delivery).await;
            }
        };
        if self.play(part).is_none() {
            self.revive();
        }
        true
    }

    /// Writes down what the compute has to say. Gives whether it had anything.
    pub(super) fn observe(&self) -> bool {
        let now = self.world.now_ms();
        let due = {
            let mut state = self.world.state();
            state.cloud.tick(now);
            state.cloud.next_change_ms().is_some_and(|at| at <= now)
        };
        if due {
            let seat = self.seat();
            self.insist(async |ports| {
                for task in seat.changes(Duration::ZERO).await? {
                    // The sweeper finds what cannot be written down.
                    let _ = consumers::observer::observe(&ports.bus, &task).await;
                }
                Ok(())
            });
        }
        due
    }

    /// Fires the timers that are due.
    pub(super) fn fire(&self) -> bool {
        let now = self.world.now_ms();
        let next = self.world.state().timers.next();
        let due = next.is_some_and(|at| at.as_millisecond() - START_MS <= now);
        if due {
            let seat = self.seat();
            self.insist(async |ports| {
                producers::cron_wake::fire(&ports.bus, &seat, Duration::ZERO).await
            });
        }
        due
    }

    /// The idle check and the sweeper, a minute later.
    pub(super) fn sweep(&self) {
        self.skip(SWEEP_EVERY);
        self.insist(async |ports| {
            let _ = producers::idle_check::look(&ports.bus).await;
            // One that was cut short is made again a minute later.
            let _ = consumers::sweeper::sweep(&ports).await;
            Ok(())
        });
    }

    /// Lets everything happen until nothing moves and all is in order; sweeps if that is needed.
    ///
    /// # Errors
    /// What is not in order although nothing moves.
    pub(super) fn rest(&self) -> Result<(), Vec<String>> {
        let mut sweeps = 0;
        for _ in 0..ROUNDS_MAX {
            let moved = self.deliver(BATCH_MAX) > 0;
            if self.observe() | self.fire() | moved {
                continue;
            }
            let (hidden, broken) = {
                let (now, state) = (self.world.now_ms(), self.world.state());
                let next = Class::ALL.into_iter().filter_map(|class| state.queues.next_ms(class));
                let hidden = next.min().map(|at| at - now);
                let mut broken = model::broken(&state, now, true);
                broken.extend(due(&state, now));
                (hidden, broken)
            };
            match (hidden, broken.is_empty()) {
                (None, true) => return Ok(()),
                (Some(ms), _) => self.skip(Duration::from_millis(ms.max(1).unsigned_abs())),
                (None, false) if sweeps == SWEEPS_MAX => return Err(broken),
                (None, false) => {
                    sweeps += 1;
                    self.sweep();
                }
            }
        }
        Err(vec!["it never comes to rest".to_owned()])
    }

    /// Where somebody's workspace stands.
    pub(super) fn status(&self, id: &WorkspaceId) -> Status {
        self.workspace(id).status()
    }
}

/// Workspaces whose time has come without anybody having looked.
fn due(state: &State, now: i64) -> Vec<String> {
    let due = |at: jiff::Timestamp| at.as_millisecond() - START_MS <= now;
    let late = state.journal.all().filter(|(_, list)| list.due.is_some_and(due));
    late.map(|(id, _)| format!("{id}: it is due and nobody looks")).collect()
}

fn is_worth_another_try<T>(outcome: &Result<T, Fault>) -> bool {
    outcome.as_ref().is_err_and(|fault| matches!(fault.retry(), Retry::Later(_) | Retry::Reload))
}

async fn settle(seat: &Seat, ports: &Ports, class: Class, delivery: &Delivery) {
    // One that cannot be settled comes back by itself.
    let _ = match handle(ports, class, delivery).await {
        Verdict::Delete => seat.delete(class, std::slice::from_ref(&delivery.handle)).await,
        Verdict::ComeBack(after) => seat.change_visibility(class, &delivery.handle, after).await,
    };
}
