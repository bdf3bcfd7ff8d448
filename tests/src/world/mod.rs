//! A fake world: every port in memory, with the bad parts of each contract as its default.
//!
//! A call may be slow, may fail before it acts, may act and lose its answer, and its process may be
//! killed at any of its waits. What is promised on paper is kept (the ports' conformance suites
//! pass); whatever the papers do not promise happens when the [`weather`] allows it. Nothing here
//! decides anything for the engine, and nothing reads a real clock or real chance.
//!
//! Time passes in one of two ways ([`Pace`]): by hand, when a test drives futures from wait to wait
//! in an order of its own, or live, on a paused tokio runtime that jumps from wait to wait.

pub mod agents;
pub mod clock;
pub mod compute;
pub mod ecs;
pub mod fargate;
pub mod homes;
pub mod journal;
pub mod leases;
pub mod pools;
pub mod provider;
pub mod queue;
pub mod routes;
pub mod script;
pub mod seat;
pub mod starts;
pub mod suspects;
mod tasks;
pub mod timers;
pub mod trace;
pub mod usage;
pub mod waits;
pub mod weather;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use events::Policy;
use events::admission::Rate;
use tokio::sync::Notify;
use tokio::time::{Duration, Instant};

pub use clock::TrueClock;
pub use seat::Seat;
pub use trace::Trace;
pub use weather::{Hazard, Weather};

/// When a world begins: 2026-06-01T00:00:00Z.
pub const START_MS: i64 = 1_780_272_000_000;

/// After so many calls a world stands still: something goes round in circles.
pub const CALLS_MAX: u64 = 3_000_000;

/// A launch rate at which a handful of people stand in line.
const NARROW: Rate = Rate { burst: 2, interval: jiff::SignedDuration::from_millis(200) };

/// How long before an idle stop a person is told when time passes by hand.
pub const NOTICE_BY_HAND: jiff::SignedDuration = jiff::SignedDuration::from_mins(10);

/// How time passes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pace {
    /// Whoever polls the futures says what time it is. Every call gives way once before it acts.
    ByHand,
    /// The same, and once more before its answer is out and once after: every place to die at.
    ByHandClosely,
    /// On a paused runtime: waits take simulated time.
    Live,
}

/// What exists. Cloning it is a snapshot.
#[derive(Clone, Default)]
pub struct State {
    /// Milliseconds since [`START_MS`] when time passes by hand.
    hand_ms: i64,
    pub(crate) journal: journal::Lists,
    pub(crate) queues: queue::Queues,
    pub(crate) timers: timers::Set,
    pub(crate) leases: leases::Granted,
    pub(crate) routes: routes::Table,
    pub(crate) suspected: suspects::Suspected,
    pub(crate) homes: homes::Directory,
    pub(crate) cloud: compute::Cloud,
    /// Who waits to be launched.
    pub line: starts::Line,
    pub(crate) ledger: usage::Ledger,
    /// The keys, what lies beside them, and their rotations.
    pub pools: pools::Pools,
    /// What the sidecars' journals on disk hold.
    pub(crate) outbox: provider::Outbox,
    pub(crate) provider: provider::Provider,
    pub(crate) clocks: clock::Clocks,
    /// How often each process has been started; a call of an older life never ends.
    pub(crate) lives: Vec<u64>,
    /// Processes that were killed and not started again.
    pub(crate) killed: Vec<usize>,
    /// How many calls were made.
    pub(crate) calls: u64,
    /// Which calls were made, when somebody wants to know.
    pub(crate) kinds: Option<Vec<seat::Call>>,
    pub(crate) script: script::Script,
    pub(crate) weather: Weather,
    pub(crate) trace: Trace,
}

/// A world that several processes act in.
pub struct World {
    pace: Pace,
    began: Option<Instant>,
    state: Mutex<State>,
    news: News,
    policy: Mutex<Policy>,
}

/// Who waits for what.
#[derive(Default)]
pub(crate) struct News {
    pub(crate) messages: [Notify; 4],
    pub(crate) timers: Notify,
    pub(crate) changes: Notify,
    pub(crate) feed: Notify,
    pub(crate) usage: Notify,
    /// The faults have stopped.
    pub(crate) calm: Notify,
    /// A process was killed.
    pub(crate) killed: Notify,
    /// Anything at all that may need looking after.
    pub(crate) stir: Notify,
}

impl World {
    /// A world in this state. Live ones need a paused runtime around them.
    pub fn new(pace: Pace, state: State) -> Arc<Self> {
        let began = (pace == Pace::Live).then(Instant::now);
        let (news, mut policy) = (News::default(), Policy::default());
        if pace != Pace::Live {
            // Longer than a crash, its visibility time-out and a sweep: what a person does before
            // it is over comes before it is over.
            policy.notice = NOTICE_BY_HAND;
        }
        Arc::new(Self { pace, began, state: Mutex::new(state), news, policy: Mutex::new(policy) })
    }

    /// How time passes.
    pub fn pace(&self) -> Pace {
        self.pace
    }

    /// The administrator's bounds in this world.
    pub fn policy(&self) -> Policy {
        *self.policy.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes the administrator's bounds, for processes that start from now on.
    pub(crate) fn bound(&self, change: impl FnOnce(&mut Policy)) {
        change(&mut self.policy.lock().unwrap_or_else(PoisonError::into_inner));
    }

    /// What exists now. Never held over a wait.
    pub fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn news(&self) -> &News {
        &self.news
    }

    /// The faults stop, and what they broke is mended.
    pub fn clear_up(&self) {
        let now = self.now_ms();
        {
            let mut state = self.state();
            state.weather.clear_up();
            state.cloud.heal(now);
        }
        self.news.calm.notify_waiters();
        self.news.stir.notify_waiters();
        self.news.changes.notify_waiters();
    }

    /// True time: milliseconds since [`START_MS`]. Only services go by it; a process has a clock.
    pub fn now_ms(&self) -> i64 {
        match self.began {
            Some(began) => i64::try_from(began.elapsed().as_millis()).unwrap_or(i64::MAX),
            None => self.state().hand_ms,
        }
    }

    /// Lets time pass by hand, and the cloud do what it does meanwhile.
    pub fn skip(&self, time: Duration) {
        let ms = i64::try_from(time.as_millis()).unwrap_or(i64::MAX);
        let mut state = self.state();
        state.hand_ms = state.hand_ms.saturating_add(ms);
        let now = state.hand_ms;
        state.cloud.tick(now);
    }

    /// The instant of a true time, for a live world's waits.
    pub(crate) fn instant(&self, at_ms: i64) -> Instant {
        let began = self.began.unwrap_or_else(Instant::now);
        began + Duration::from_millis(u64::try_from(at_ms).unwrap_or(0))
    }

    /// Starts a process: whatever its earlier lives still do never ends.
    pub fn start_process(self: &Arc<Self>, number: usize) -> Seat {
        let mut state = self.state();
        if state.lives.len() <= number {
            state.lives.resize(number + 1, 0);
        }
        state.lives[number] += 1;
        Seat::new(Arc::clone(self), number, state.lives[number])
    }

    /// The place of a process's present life.
    pub fn seat(self: &Arc<Self>, number: usize) -> Seat {
        let life = self.state().lives.get(number).copied().unwrap_or(0);
        Seat::new(Arc::clone(self), number, life)
    }

    /// Until processes are killed; gives which.
    pub(crate) async fn until_killed(&self) -> Vec<usize> {
        self.news.killed.notified().await;
        std::mem::take(&mut self.state().killed)
    }

    /// Until a workspace is parked.
    pub(crate) async fn until_parked(&self) {
        let parked = |state: &State| {
            state.journal.all().any(|(_, list)| list.status() == events::Status::Parked)
        };
        loop {
            let news = self.news.stir.notified();
            if parked(&self.state()) {
                return;
            }
            news.await;
        }
    }

    /// Kills a process, wherever it is.
    pub(crate) fn kill(&self, number: usize) {
        let now = self.now_ms();
        let mut state = self.state();
        state.lives[number] += 1;
        state.killed.push(number);
        state.trace.note(now, number, u64::MAX, || "KILLED".to_owned());
        drop(state);
        self.news.killed.notify_one();
    }
}

impl State {
    /// A world in which so much goes wrong.
    pub fn under(weather: Weather) -> Self {
        Self { weather, ..Self::default() }
    }

    /// The same on AWS: the compute is Fargate, and where the weather has one a line stands before it.
    #[must_use]
    pub fn on_aws(mut self) -> Self {
        self.cloud.fargate = Some(fargate::Records::default());
        let narrow = self.weather.chance(Hazard::NarrowLine) > 0;
        self.line.rate = Some(if narrow { NARROW } else { Rate::FARGATE });
        self
    }

    /// The same, and what happens from now on is noted here.
    #[must_use]
    pub fn noted_by(self, trace: Trace) -> Self {
        Self { trace, ..self }
    }

    /// Whether so many calls were made that the world stands still.
    pub fn is_exhausted(&self) -> bool {
        self.calls >= CALLS_MAX
    }
}
