//! The place from which one life of one process calls the world: every port is implemented on it.
//!
//! Each call goes the same way: it waits, may fail before it acts, acts, waits again, and may lose
//! its answer. When the process has died meanwhile it never goes on.

use std::future::{pending, poll_fn};
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use consumers::World as Ports;
use events::rotation;
use jiff::SignedDuration;
use ports::{Clock, Fault, Starts};
use producers::{Bus, Pools};

use super::script::Strike;
use super::{Hazard, Pace, State, World};

/// For how long a sidecar of this world believes a look at the pool.
const BELIEF: SignedDuration = SignedDuration::from_secs(60);

/// A call of a port, as the trace and the faults name it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[expect(missing_docs, reason = "each is the port's own call")]
pub enum Call {
    Load,
    Append,
    Record,
    History,
    Feed,
    Find,
    Send,
    Receive,
    Delete,
    ChangeVisibility,
    DeadLetters,
    Redrive,
    SetTimer,
    DueTimers,
    TimerFired,
    GrantLease,
    RevokeLease,
    FindLease,
    ListLeases,
    OpenRoute,
    CloseRoute,
    FindRoute,
    ListRoutes,
    EnsureHome,
    PurgeHome,
    RegisterTask,
    DeregisterTask,
    Admit,
    ClaimStart,
    NameStart,
    ReleaseStart,
    FenceStarts,
    RunTask,
    DescribeTask,
    StopTask,
    ListTasks,
    Changes,
    Probe,
    Quiesce,
    Resume,
    WakeTimes,
    CompareSuspects,
    ListSuspects,
    CountUsage,
    Report,
    LoadRotations,
    AppendRotation,
    RotationHistory,
    ListRotations,
    KeysOf,
    ListKeys,
    AddKey,
    RemoveKey,
    StageKeys,
    StagedKeys,
    PromoteKeys,
    RetireKeys,
    RestoreKeys,
    WithdrawKeys,
    ForgetKeys,
    TryKey,
}

/// One life of one process.
#[derive(Clone)]
pub struct Seat {
    world: Arc<World>,
    process: usize,
    life: u64,
}

impl Seat {
    pub(super) fn new(world: Arc<World>, process: usize, life: u64) -> Self {
        Self { world, process, life }
    }

    /// The world it acts in.
    pub fn world(&self) -> &Arc<World> {
        &self.world
    }

    /// Which process it is of.
    pub fn process(&self) -> usize {
        self.process
    }

    /// Whether this life of the process goes on.
    pub fn is_alive(&self) -> bool {
        self.world.state().lives.get(self.process) == Some(&self.life)
    }

    /// Never ends when the process has died.
    pub async fn survive(&self) {
        if !self.is_alive() {
            pending::<()>().await;
        }
    }

    /// The ports of a process, as a composition root puts them together.
    pub fn ports(&self) -> Ports {
        let seat = Arc::new(self.clone());
        let bus = self.bus(seat.clone());
        let believing = rotation::Policy::believing(BELIEF);
        Ports {
            pools: Pools::new(bus.clone(), seat.clone(), believing),
            keys: seat.clone(),
            trial: seat.clone(),
            bus,
            homes: seat.clone(),
            compute: seat.clone(),
            leases: seat.clone(),
            routes: seat.clone(),
            suspects: seat.clone(),
            starts: self.world.state().line.rate.map(|_| seat.clone() as Arc<dyn Starts>),
            agents: seat,
            default_team: "everyone".parse().expect("a name"),
        }
    }

    /// Where facts go, on somebody's clock.
    pub fn bus(&self, clock: Arc<dyn Clock>) -> Bus {
        let seat = Arc::new(self.clone());
        let (journal, queue, timers) = (seat.clone(), seat.clone(), seat.clone());
        Bus::new(journal, queue, timers, clock, seat, self.world.policy())
    }

    /// Makes one call: `act` does it, on the world as it is at that moment of true time.
    pub(super) async fn call<T>(
        &self,
        call: Call,
        act: impl FnOnce(&mut State, i64) -> Result<T, Fault>,
    ) -> Result<T, Fault> {
        self.give_way().await;
        if self.world.state().is_exhausted() {
            pending::<()>().await;
        }
        if let Some(fault) = self.goes_wrong(call) {
            return Err(fault);
        }
        let answer = {
            let now = self.world.now_ms();
            let mut state = self.world.state();
            let mut answer = act(&mut state, now);
            // Somebody else's call cannot come between this act and its answer's loss.
            if state.script.after() && answer.is_ok() {
                answer = Err(Strike::LosesAnswer.fault(service(call)));
            }
            self.note(&mut state, now, call, answer.as_ref().err());
            answer
        };
        if self.world.pace() == Pace::ByHandClosely || self.is_slow_to_answer() {
            self.give_way().await;
        }
        // A conflict or a refusal is an answer of its own; only what acted can lose one.
        if answer.is_ok() && self.world.state().weather.strikes(Hazard::LostAnswer) {
            return Err(Fault::unavailable(service(call), "its answer was lost"));
        }
        if self.world.pace() == Pace::ByHandClosely {
            self.give_way().await;
        }
        answer
    }

    /// What goes wrong before a call acts.
    fn goes_wrong(&self, call: Call) -> Option<Fault> {
        let now = self.world.now_ms();
        let mut state = self.world.state();
        state.calls += 1;
        let number = state.calls;
        state.kinds.iter_mut().for_each(|kinds| kinds.push(call));
        let fault = if let Some(strike) = state.script.before(number, call) {
            strike.fault(service(call))
        } else if state.weather.strikes(Hazard::Unavailable) {
            Fault::unavailable(service(call), "it did not answer")
        } else if state.weather.strikes(Hazard::Throttled) {
            let after = state.weather.between(0, 3);
            let after = (after > 0).then(|| Duration::from_secs(after.unsigned_abs()));
            Fault::Throttled { service: service(call), after }
        } else {
            return None;
        };
        self.note(&mut state, now, call, Some(&fault));
        Some(fault)
    }

    fn note(&self, state: &mut State, now: i64, call: Call, fault: Option<&Fault>) {
        let mark = call as u64 * 2 + u64::from(fault.is_some());
        state.trace.note(now, self.process, mark, || match fault {
            Some(fault) => format!("{call:?} ✗ {fault}"),
            None => format!("{call:?}"),
        });
    }

    /// Lets others go first; live, lets time pass as well. The process may die here.
    async fn give_way(&self) {
        match self.world.pace() {
            Pace::ByHand | Pace::ByHandClosely => once().await,
            Pace::Live => {
                let wait = self.latency();
                if wait > 0 {
                    // A call that is slow because of the weather is so no longer than that.
                    let calm = self.world.news().calm.notified();
                    let _ = tokio::time::timeout(Duration::from_millis(wait), calm).await;
                } else {
                    tokio::task::yield_now().await;
                }
                self.survive().await;
                if self.world.state().weather.strikes(Hazard::Crash) {
                    self.world.kill(self.process);
                    self.survive().await;
                }
            }
        }
    }

    /// Whether, live, others come between an effect and its answer. Often enough; each time costs.
    fn is_slow_to_answer(&self) -> bool {
        self.world.pace() == Pace::Live && self.world.state().weather.between(0, 4) == 1
    }

    /// How long half a call takes, in milliseconds.
    fn latency(&self) -> u64 {
        let mut state = self.world.state();
        let weather = &mut state.weather;
        let ms = if weather.strikes(Hazard::SlowCall) {
            weather.between(1_000, 45_000)
        } else {
            // Half of the calls are so fast that others hardly come between.
            (weather.between(0, 40) - 20).max(0)
        };
        ms.unsigned_abs()
    }
}

/// Gives way once, to whoever polls by hand or to the runtime.
async fn once() {
    let mut gave_way = false;
    poll_fn(|context| {
        if std::mem::replace(&mut gave_way, true) {
            return Poll::Ready(());
        }
        context.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

/// The service behind a call, as an operator knows it.
fn service(call: Call) -> &'static str {
    match call {
        Call::Load
        | Call::Append
        | Call::Record
        | Call::History
        | Call::Feed
        | Call::Find
        | Call::LoadRotations
        | Call::AppendRotation
        | Call::RotationHistory
        | Call::ListRotations => "the journal",
        Call::Send
        | Call::Receive
        | Call::Delete
        | Call::ChangeVisibility
        | Call::DeadLetters
        | Call::Redrive => "the queue",
        Call::SetTimer | Call::DueTimers | Call::TimerFired => "the timers",
        Call::GrantLease | Call::RevokeLease | Call::FindLease | Call::ListLeases => "the leases",
        Call::OpenRoute | Call::CloseRoute | Call::FindRoute | Call::ListRoutes => "the routes",
        Call::EnsureHome | Call::PurgeHome => "the homes",
        Call::RegisterTask
        | Call::DeregisterTask
        | Call::Admit
        | Call::ClaimStart
        | Call::NameStart
        | Call::ReleaseStart
        | Call::FenceStarts
        | Call::RunTask
        | Call::DescribeTask
        | Call::StopTask
        | Call::ListTasks
        | Call::Changes => "the compute",
        Call::Probe | Call::Quiesce | Call::Resume | Call::WakeTimes => "the agent",
        Call::CompareSuspects | Call::ListSuspects => "the suspects",
        Call::CountUsage | Call::Report => "the ledger",
        Call::KeysOf
        | Call::ListKeys
        | Call::AddKey
        | Call::RemoveKey
        | Call::StageKeys
        | Call::StagedKeys
        | Call::PromoteKeys
        | Call::RetireKeys
        | Call::RestoreKeys
        | Call::WithdrawKeys
        | Call::ForgetKeys => "the key pool",
        Call::TryKey => "the provider",
    }
}
