//! A whole system in one value: the stores of one machine, an outside in memory, a clock that only
//! a test moves, and a consumer that a test drives.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU32, Ordering};
use std::time::Duration;

use consumers::sweeper::Swept;
use consumers::{Verdict, World, handle};
use events::{Class, Event, Policy, Status, Workspace, WorkspaceId, rotation};
use jiff::{SignedDuration, Timestamp};
use local::Local;
use ports::{Clock, Compute, Person};
use producers::{Bus, Pools};

use crate::outside::Outside;

/// Far longer than anything here takes.
const REST_WITHIN: Duration = Duration::from_secs(20);
/// The time between two sweeps.
pub(crate) const SWEPT_EVERY: SignedDuration = SignedDuration::from_mins(1);
/// Real time between two looks at queues in which something is delayed.
const LOOK_EVERY: Duration = Duration::from_millis(2);

/// The longest that is waited for a message that comes back: less than any time-out of a test.
const PAUSE_MAX: Duration = Duration::from_millis(500);

/// How far the clock is moved at a time when only a timer can go on.
const TIMER_STEP: SignedDuration = SignedDuration::from_millis(100);

/// A clock that stands until it is moved. It runs a little at each look, so that two facts never
/// have the same time.
pub(crate) struct TestClock(AtomicI64);

impl TestClock {
    pub(crate) fn starting() -> Self {
        let start = Timestamp::from_second(1_780_000_000).expect("in range");
        Self(AtomicI64::new(start.as_millisecond()))
    }

    pub(crate) fn skip(&self, time: SignedDuration) {
        let ms = i64::try_from(time.as_millis()).expect("short");
        self.0.fetch_add(ms, Ordering::SeqCst);
    }
}

impl Clock for TestClock {
    fn now(&self) -> Timestamp {
        let ms = self.0.fetch_add(1, Ordering::SeqCst);
        Timestamp::from_millisecond(ms).expect("in range")
    }
}

pub(crate) struct System {
    pub(crate) outside: Arc<Outside>,
    pub(crate) world: World,
    pub(crate) local: Local,
    clock: Arc<TestClock>,
    /// How often each message is delivered before it is settled.
    pub(crate) copies: usize,
    directory: PathBuf,
}

impl System {
    pub(crate) fn new(name: &str) -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::SeqCst);
        let directory = std::env::temp_dir()
            .join(format!("teamclaw-engine-{}-{number}-{name}", std::process::id()));
        let clock = Arc::new(TestClock::starting());
        let ids = Arc::new(system::SystemIds::default());
        let local = Local::open_with(&directory, clock.clone(), ids).expect("a fresh directory");
        let bus = Bus::new(
            local.journal(),
            local.queue(),
            local.timers(),
            local.clock(),
            local.ids(),
            Policy::default(),
        );
        let outside = Arc::new(Outside::default());
        let believing = rotation::Policy::believing(SignedDuration::from_secs(60));
        let world = World {
            pools: Pools::new(bus.clone(), local.rotations(), believing),
            keys: local.staging(),
            trial: outside.clone(),
            bus,
            homes: outside.clone(),
            compute: outside.clone(),
            starts: None,
            leases: local.leases(),
            routes: local.routes(),
            suspects: local.suspects(),
            agents: outside.clone(),
            default_team: "everyone".parse().expect("a name"),
        };
        Self { outside, world, local, clock, copies: 1, directory }
    }

    pub(crate) async fn log_in(&self, name: &str) {
        let person =
            Person { id: id(name), team: "everyone".parse().expect("a name"), admin: false };
        producers::session::log_in(&self.world.bus, &person).await.expect("logged in");
    }

    /// Lets time pass, fires the timers that are due meanwhile, and lets everything come to rest.
    pub(crate) async fn pass(&self, time: SignedDuration) {
        self.clock.skip(time);
        self.rest().await;
    }

    /// Delivers messages until there are none left and nothing is due.
    pub(crate) async fn rest(&self) {
        let bus = &self.world.bus;
        let until = tokio::time::Instant::now() + REST_WITHIN;
        let mut quiet = 0;
        while quiet < 3 {
            assert!(tokio::time::Instant::now() < until, "it never comes to rest");
            let mut moved = 0;
            let mut back = Vec::new();
            for class in Class::ALL {
                moved += self.deliver(class, &mut back).await;
            }
            // What rests after a failure does so until its time has come.
            if moved > 0 && moved == back.len() {
                let soonest = back.into_iter().min().unwrap_or_default();
                self.clock.skip(soonest.min(PAUSE_MAX).try_into().expect("short"));
            }
            for task in self.outside.changes(Duration::ZERO).await.expect("in memory") {
                moved +=
                    usize::from(consumers::observer::observe(bus, &task).await.expect("noted"));
            }
            let timers = self.local.timers();
            moved +=
                producers::cron_wake::fire(bus, &*timers, Duration::ZERO).await.expect("fired");
            if moved == 0 {
                let waits = self.transitional().await > 0;
                quiet += usize::from(!waits);
                // Whoever waited in vain often enough left it to a timer.
                if waits {
                    self.clock.skip(TIMER_STEP);
                }
                tokio::time::sleep(LOOK_EVERY).await;
            } else {
                quiet = 0;
            }
        }
    }

    /// Delivers what there is so many times, and lets no time pass.
    pub(crate) async fn deliver_often(&self, times: usize) {
        for _ in 0..times {
            for class in Class::ALL {
                self.deliver(class, &mut Vec::new()).await;
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    /// Delivers everything that there is once, after this time; gives how many messages that were.
    pub(crate) async fn turn(&self, after: SignedDuration) -> usize {
        self.clock.skip(after);
        let timers = self.local.timers();
        let fired = producers::cron_wake::fire(&self.world.bus, &*timers, Duration::ZERO).await;
        fired.expect("fired");
        let mut delivered = 0;
        for class in Class::ALL {
            let mut of_class = self.deliver(class, &mut Vec::new()).await;
            delivered += of_class;
            while of_class == ports::queue::BATCH_MAX {
                of_class = self.deliver(class, &mut Vec::new()).await;
                delivered += of_class;
            }
        }
        delivered
    }

    /// Workspaces that a delayed message or a step on its way will move.
    async fn transitional(&self) -> usize {
        let status = vec![Status::Starting, Status::Stopping];
        let query = ports::Query { status, ..ports::Query::default() };
        let rows = self.world.bus.journal().find(&query, None, 1_000).await.expect("found");
        rows.len()
    }

    /// Handles what there is; gives how many that were, and adds when those that come back wanted to.
    async fn deliver(&self, class: Class, back: &mut Vec<Duration>) -> usize {
        let queue = self.world.bus.queue();
        let visibility = consumers::handle::VISIBILITY;
        let received =
            queue.receive(class, 10, Duration::ZERO, visibility).await.expect("received");
        for delivery in &received {
            let mut verdict = Verdict::Delete;
            for _ in 0..self.copies {
                verdict = handle(&self.world, class, delivery).await;
            }
            match verdict {
                Verdict::Delete => {
                    let handles = std::slice::from_ref(&delivery.handle);
                    queue.delete(class, handles).await.expect("deleted");
                }
                Verdict::ComeBack(after) => {
                    back.push(after);
                    let soon = Duration::ZERO;
                    let changed = queue.change_visibility(class, &delivery.handle, soon);
                    changed.await.expect("changed");
                }
            }
        }
        received.len()
    }

    /// Loses every message that waits.
    pub(crate) async fn lose_messages(&self) {
        let queue = self.world.bus.queue();
        for class in Class::ALL {
            let visibility = consumers::handle::VISIBILITY;
            let lost =
                queue.receive(class, 10, Duration::ZERO, visibility).await.expect("received");
            let handles: Vec<_> = lost.into_iter().map(|delivery| delivery.handle).collect();
            if !handles.is_empty() {
                queue.delete(class, &handles).await.expect("deleted");
            }
        }
    }

    /// A minute later, somebody sweeps.
    pub(crate) async fn sweep(&self) -> Swept {
        self.clock.skip(SWEPT_EVERY);
        consumers::sweeper::sweep(&self.world).await.expect("swept")
    }

    pub(crate) async fn workspace(&self, name: &str) -> Workspace {
        self.world.bus.journal().load(&id(name)).await.expect("loaded").workspace
    }

    pub(crate) async fn status(&self, name: &str) -> Status {
        self.workspace(name).await.status()
    }

    pub(crate) async fn events(&self, name: &str) -> Vec<Event> {
        let none = events::Version(0);
        let history = self.world.bus.journal().history(&id(name), none, 10_000).await;
        history.expect("read").into_iter().map(|(_, envelope)| envelope.event).collect()
    }

    /// What of a workspace exists besides its home: tasks, routes, leases.
    pub(crate) async fn things(&self) -> (usize, usize, usize) {
        let tasks = self.outside.state().live_tasks().len();
        let routes = self.world.routes.list().await.expect("listed").len();
        let leases = self.world.leases.list().await.expect("listed").len();
        (tasks, routes, leases)
    }
}

impl Drop for System {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.directory);
    }
}

pub(crate) fn id(name: &str) -> WorkspaceId {
    name.parse().expect("a name")
}
