//! A system in memory, fast enough to be built ten thousand times, and two of its parts driven by
//! hand: in every order of their calls, or one stopped at each of its calls while the other runs.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Waker};
use std::time::Duration;

use consumers::{Verdict, World, handle};
use events::{Class, Envelope, Event, Policy, Status, Version, Workspace, rotation};
use jiff::SignedDuration;
use ports::{Clock, Compute as _, Delivery, Journal as _, Person, Queue as _, TaskStatus};
use producers::{Bus, Pools};
use tests::world::{Pace, State};

use crate::memory::Memory;
use crate::outside::Outside;
use crate::system::{TestClock, id};

/// Far more than a start, a teardown and another start take.
const ROUNDS_MAX: usize = 400;

pub(crate) type Part = Pin<Box<dyn Future<Output = ()>>>;

#[derive(Clone)]
pub(crate) struct Rig {
    pub(crate) world: World,
    pub(crate) outside: Arc<Outside>,
    pub(crate) memory: Arc<Memory>,
    clock: Arc<TestClock>,
}

impl Rig {
    pub(crate) fn new() -> Self {
        let (memory, outside) = (Arc::new(Memory::default()), Arc::new(Outside::default()));
        let clock = Arc::new(TestClock::starting());
        let bus = bus(&memory, clock.clone());
        // Nothing is rotated here.
        let seat = Arc::new(tests::world::World::new(Pace::ByHand, State::default()).seat(0));
        let believing = rotation::Policy::believing(SignedDuration::ZERO);
        let world = World {
            pools: Pools::new(bus.clone(), seat.clone(), believing),
            keys: seat.clone(),
            trial: seat,
            bus,
            homes: outside.clone(),
            compute: outside.clone(),
            starts: None,
            leases: memory.clone(),
            routes: memory.clone(),
            suspects: memory.clone(),
            agents: outside.clone(),
            default_team: "everyone".parse().expect("a name"),
        };
        Self { world, outside, memory, clock }
    }

    /// One that is ready.
    pub(crate) async fn ready() -> Self {
        let rig = Self::new();
        rig.log_in().await;
        rig.rest().await;
        assert_eq!(rig.workspace().await.status(), Status::Ready);
        rig
    }

    /// The same system, from a process whose clock is ahead.
    pub(crate) fn ahead(&self, by: SignedDuration) -> Self {
        let mut rig = self.clone();
        rig.world.bus = bus(&self.memory, Arc::new(Ahead(self.clock.clone(), by)));
        rig
    }

    pub(crate) fn skip(&self, time: SignedDuration) {
        self.clock.skip(time);
    }

    pub(crate) async fn log_in(&self) {
        let team = "everyone".parse().expect("a name");
        let person = Person { id: id("ann"), team, admin: false };
        producers::session::log_in(&self.world.bus, &person).await.expect("logged in");
    }

    pub(crate) async fn stop(&self) {
        let reason = events::StopReason::Person;
        producers::command::stop(&self.world.bus, &id("ann"), reason).await.expect("asked");
    }

    pub(crate) async fn workspace(&self) -> Workspace {
        self.memory.load(&id("ann")).await.expect("loaded").workspace
    }

    pub(crate) async fn history(&self) -> Vec<Envelope> {
        let all = self.memory.history(&id("ann"), Version(0), 10_000).await.expect("read");
        all.into_iter().map(|(_, envelope)| envelope).collect()
    }

    /// The messages that wait, taken out.
    pub(crate) async fn messages(&self) -> Vec<(Class, Delivery)> {
        let mut messages = Vec::new();
        for class in Class::ALL {
            let received = self.memory.receive(class, 10, Duration::ZERO, Duration::ZERO).await;
            messages.extend(received.expect("received").into_iter().map(|it| (class, it)));
        }
        messages
    }

    pub(crate) async fn handle(&self, class: Class, delivery: &Delivery) {
        let settled = match handle(&self.world, class, delivery).await {
            Verdict::Delete => {
                self.memory.delete(class, std::slice::from_ref(&delivery.handle)).await
            }
            Verdict::ComeBack(after) => {
                self.memory.change_visibility(class, &delivery.handle, after).await
            }
        };
        settled.expect("settled");
    }

    /// Writes down what the compute has to say. Gives whether it had anything.
    pub(crate) async fn observe(&self) -> bool {
        let changes = self.outside.changes(Duration::ZERO).await.expect("in memory");
        for task in &changes {
            consumers::observer::observe(&self.world.bus, task).await.expect("noted");
        }
        !changes.is_empty()
    }

    /// Handles messages until nothing moves any more.
    pub(crate) async fn rest(&self) {
        for _ in 0..ROUNDS_MAX {
            let messages = self.messages().await;
            for (class, delivery) in &messages {
                self.handle(*class, delivery).await;
            }
            let (bus, memory) = (&self.world.bus, &*self.memory);
            let fired = producers::cron_wake::fire(bus, memory, Duration::ZERO).await;
            let quiet = messages.is_empty() && fired.expect("fired") == 0;
            if !self.observe().await && quiet {
                return;
            }
        }
        panic!("it never comes to rest: {:?}", self.workspace().await);
    }

    /// What must hold at rest, however it came to it.
    pub(crate) async fn check(&self) {
        let workspace = self.workspace().await;
        let leases = self.world.leases.list().await.expect("listed");
        let routes = self.world.routes.list().await.expect("listed");
        let (alive, most, held) = {
            let state = self.outside.state();
            let alive: Vec<_> = state.live_tasks().into_iter().cloned().collect();
            (alive, state.most_alive, state.held)
        };
        assert!(most <= 1, "a second task beside the first");
        match workspace.status() {
            Status::Ready => {
                let generation = workspace.generation();
                let ([task], [_], [(_, route)]) = (&*alive, &*leases, &*routes) else {
                    panic!("{alive:?} {leases:?} {routes:?}")
                };
                assert_eq!((task.generation, route.generation), (generation, generation));
                assert_eq!(task.status, TaskStatus::Listening(route.address));
                assert!(!held, "nobody let the agent go");
            }
            Status::Asleep | Status::Failed => {
                assert!(alive.is_empty() && leases.is_empty() && routes.is_empty(), "left over");
            }
            status @ (Status::Starting | Status::Stopping | Status::Parked) => {
                panic!("it rests while {status:?}")
            }
        }
        self.check_stops(&workspace).await;
    }

    /// Stop always wins, and one for idleness is conditional.
    async fn check_stops(&self, workspace: &Workspace) {
        let history = self.history().await;
        for (place, envelope) in history.iter().enumerate() {
            let Event::StopRequested { generation, reason } = &envelope.event else { continue };
            let ended = workspace.ending().is_some_and(|ending| ending.generation >= *generation);
            assert!(ended, "the stop of {generation} is lost");
            for later in &history[place..] {
                let up = matches!(&later.event, Event::StepDone { generation: g, .. } if g == generation);
                assert!(!up, "{generation} went on after its stop");
            }
            let events::StopReason::Idle { last_active } = reason else { continue };
            let used = |e: &&Envelope| matches!(e.event, Event::Active { .. });
            let used = history[..place].iter().filter(used).map(|e| e.time).max();
            assert!(used <= Some(*last_active), "stopped for idleness while in use");
        }
    }
}

fn bus(memory: &Arc<Memory>, clock: Arc<dyn Clock>) -> Bus {
    let ids = Arc::new(system::SystemIds::default());
    let (journal, queue, timers) = (memory.clone(), memory.clone(), memory.clone());
    Bus::new(journal, queue, timers, clock, ids, Policy::default())
}

/// A clock that goes like another, and is ahead of it.
struct Ahead(Arc<TestClock>, SignedDuration);

impl Clock for Ahead {
    fn now(&self) -> jiff::Timestamp {
        self.0.now() + self.1
    }
}

/// Runs two parts in every order of their calls, each time on a fresh system, and checks what comes
/// of it. Gives how many orders there are.
pub(crate) async fn every_order<S: AsyncFn() -> Rig>(
    setup: S,
    parts: impl Fn(&Rig) -> [Part; 2],
    also: impl AsyncFn(&Rig),
) -> usize {
    let settled = async |rig: &Rig| {
        rig.rest().await;
        rig.check().await;
        also(rig).await;
    };
    in_every_order(setup, parts, settled).await
}

/// The same, and nothing else is done or checked afterwards than what `then` does.
pub(crate) async fn in_every_order<S: AsyncFn() -> Rig>(
    setup: S,
    parts: impl Fn(&Rig) -> [Part; 2],
    then: impl AsyncFn(&Rig),
) -> usize {
    let mut plan: Vec<bool> = Vec::new();
    let mut orders = 0;
    loop {
        let rig = setup().await;
        let mut taken = Vec::new();
        let mut left = parts(&rig).map(Some);
        while left.iter().any(Option::is_some) {
            let second = match (&left[0], &left[1]) {
                (Some(_), Some(_)) => {
                    let second = plan.get(taken.len()).copied().unwrap_or(false);
                    taken.push(second);
                    second
                }
                (first, _) => first.is_none(),
            };
            step(&mut left[usize::from(second)]);
        }
        then(&rig).await;
        orders += 1;
        while taken.last() == Some(&true) {
            taken.pop();
        }
        match taken.last_mut() {
            Some(last) => *last = true,
            None => return orders,
        }
        plan = taken;
    }
}

/// Stops the first part before each of its calls in turn, runs the second to its end, and then the
/// rest of the first. Gives how many calls the first part makes.
pub(crate) async fn late_at_every_call<S: AsyncFn() -> Rig>(
    setup: S,
    parts: impl Fn(&Rig) -> [Part; 2],
    also: impl AsyncFn(&Rig),
) -> usize {
    for calls in 0.. {
        let rig = setup().await;
        let mut left = parts(&rig).map(Some);
        for _ in 0..calls {
            step(&mut left[0]);
        }
        let over = left[0].is_none();
        let [mut first, second] = left;
        second.expect("untouched").await;
        while first.is_some() {
            step(&mut first);
        }
        rig.rest().await;
        rig.check().await;
        also(&rig).await;
        if over {
            return calls;
        }
    }
    0
}

/// Lets a part make its next call.
pub(crate) fn step(part: &mut Option<Part>) {
    let mut context = Context::from_waker(Waker::noop());
    if part.as_mut().is_some_and(|part| part.as_mut().poll(&mut context).is_ready()) {
        *part = None;
    }
}
