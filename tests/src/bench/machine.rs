//! The engine as `teamclaw up` runs it: the stores on disk and every loop, with only homes, tasks
//! and agents replaced by [`Outside`].

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use consumers::{Engine, World};
use events::{Policy, Status, StopReason, TeamId, WorkspaceId, rotation};
use jiff::SignedDuration;
use local::Local;
use ports::Person;
use producers::activity::Meter;
use producers::{Bus, Pools};
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout};

use super::Failure;
use super::noticed::{News, Noticed};
use super::outside::Outside;

/// How many teams the people are of: as in a company of a few departments.
const TEAMS: usize = 8;
/// Without news for so long it stands still, and the measurement is over.
const STILL_AFTER: Duration = Duration::from_secs(60);

/// A running engine.
pub(super) struct Machine {
    bus: Bus,
    engine: Engine,
    news: UnboundedReceiver<News>,
    /// Last, so that the directory is closed after whoever uses it.
    _local: Local,
}

impl Machine {
    /// Opens the stores in `directory` and starts every loop.
    ///
    /// # Errors
    /// What is wrong with the directory.
    pub(super) fn start(directory: &Path) -> Result<Self, Failure> {
        let local = Local::open(directory)?;
        let (told, news) = unbounded_channel();
        let journal = Arc::new(Noticed::new(local.journal(), told));
        let (queue, timers) = (local.queue(), local.timers());
        let policy = Policy::default();
        let bus = Bus::new(journal, queue, timers, local.clock(), local.ids(), policy);
        let outside = Arc::new(Outside::default());
        let believing = rotation::Policy::believing(SignedDuration::ZERO);
        let world = World {
            pools: Pools::new(bus.clone(), local.rotations(), believing),
            keys: local.staging(),
            trial: outside.clone(),
            bus: bus.clone(),
            homes: outside.clone(),
            compute: outside.clone(),
            starts: None,
            leases: local.leases(),
            routes: local.routes(),
            suspects: local.suspects(),
            agents: outside,
            default_team: "everyone".parse()?,
        };
        let engine = Engine::start(&world, local.timers(), Meter::new(bus.clone()));
        Ok(Self { bus, engine, news, _local: local })
    }

    /// Logs one person in and waits until their agent is ready. Gives how long both took.
    ///
    /// # Errors
    /// What the engine said, or that it stands still.
    pub(super) async fn log_in(&mut self, number: usize) -> Result<Duration, Failure> {
        let began = Instant::now();
        producers::session::log_in(&self.bus, &person(number)?).await?;
        let reached = self.reached(1, Status::Ready).await?;
        Ok(reached[0] - began)
    }

    /// Logs so many people in at the same moment and waits until all agents are ready. Gives after
    /// how long each was.
    ///
    /// # Errors
    /// What the engine said, or that it stands still.
    pub(super) async fn log_all_in(&mut self, people: usize) -> Result<Vec<Duration>, Failure> {
        let people: Vec<Person> = (0..people).map(person).collect::<Result<_, _>>()?;
        let count = people.len();
        let began = Instant::now();
        let mut logins = JoinSet::new();
        for person in people {
            let bus = self.bus.clone();
            logins.spawn(async move { producers::session::log_in(&bus, &person).await.map(drop) });
        }
        let reached = self.reached(count, Status::Ready).await?;
        while let Some(login) = logins.join_next().await {
            login??;
        }
        Ok(reached.into_iter().map(|at| at - began).collect())
    }

    /// Stops so many people's agents and waits until all are asleep.
    ///
    /// # Errors
    /// What the engine said, or that it stands still.
    pub(super) async fn stop_all(&mut self, people: usize) -> Result<(), Failure> {
        for number in 0..people {
            let id = person(number)?.id;
            producers::command::stop(&self.bus, &id, StopReason::Admin).await?;
        }
        self.reached(people, Status::Asleep).await.map(drop)
    }

    /// Ends every loop and closes the stores.
    pub(super) async fn end(self) {
        self.engine.stop().await;
    }

    /// Waits until so many workspaces have come to a status, and gives when each did.
    async fn reached(&mut self, count: usize, wanted: Status) -> Result<Vec<Instant>, Failure> {
        let mut reached = Vec::with_capacity(count);
        while reached.len() < count {
            let news = timeout(STILL_AFTER, self.news.recv()).await;
            let Ok(Some((id, status, at))) = news else {
                let words = format!("{} of {count} were {wanted:?}, then nothing", reached.len());
                return Err(words.into());
            };
            if matches!(status, Status::Failed | Status::Parked) {
                return Err(format!("{id} is {status:?} instead of {wanted:?}").into());
            }
            if status == wanted {
                reached.push(at);
            }
        }
        Ok(reached)
    }
}

fn person(number: usize) -> Result<Person, Failure> {
    let id: WorkspaceId = format!("person-{number}").parse()?;
    let team: TeamId = format!("team-{}", number % TEAMS).parse()?;
    Ok(Person { id, team, admin: false })
}
