//! Agents as child processes of the engine, each in a session of its own and behind walls.
//!
//! A task is on record before it runs, is let go only when its process is on record too, and is
//! recorded as gone only when no process of it is left. After a restart of the engine every task
//! on record is found again or finished up. Nothing here knows what an agent is.

mod adopt;
mod doors;
mod ground;
mod keeper;
mod kernel;
mod kin;
pub mod launcher;
mod log;
pub(crate) mod seats;
pub mod settings;
mod spawn;
mod start;
mod table;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use events::{Attempt, Gen, TaskId, WorkspaceId};
use ports::{Compute, Fault, Task, TaskSpec};
use rusqlite::Transaction;
use tokio::time::{Instant, timeout_at};

use crate::compute::keeper::Handle;
use crate::confine::Confinement;
use crate::database::Database;
use crate::homes::Homes;
use crate::signals::{Topic, deadline};
use crate::turns::Turns;

pub(crate) use ground::place_of;
pub use log::LOG_BYTES_MAX;
pub use settings::{Ending, OUTWARD_PORTS, PORTS, Settings, UID_BASE, Words};

/// The compute, as an operator knows it.
pub(crate) const SERVICE: &str = "agent processes";

/// The first descriptor after standard input, output and error.
const FIRST_EXTRA: i32 = 3;

/// How long killed processes may take to be gone before a stop answers "not yet".
const KILLED_WITHIN: Duration = Duration::from_secs(5);

/// Agents as processes of this machine. Dropping it stops no agent: the next one that is opened
/// on the directory adopts them.
pub struct Processes {
    inner: Arc<Inner>,
    confinement: Confinement,
    /// What the last call of `changes` handed out: the next call proves that it arrived.
    handed: Mutex<Vec<(TaskId, u64)>>,
}

struct Inner {
    database: Arc<Database>,
    settings: Arc<Settings>,
    users: Option<Arc<seats::Users>>,
    turns: Arc<Turns>,
    keepers: Mutex<BTreeMap<TaskId, Handle>>,
}

impl Processes {
    /// Checks the settings, claims the user ids, looks at the walls of this machine with a probe
    /// process, and takes over every task on record: those that run are watched again, the others
    /// are finished up. Call it once, inside a tokio runtime, with the directory's lock held.
    ///
    /// # Errors
    /// [`Fault::Nonsense`] for settings that cannot work here, with what to change;
    /// [`Fault::Refused`] when the launcher is missing, or walls are missing and all are required;
    /// [`Fault::Taken`] when another engine uses this directory's user ids.
    pub async fn open(database: Arc<Database>, settings: Settings) -> Result<Arc<Self>, Fault> {
        settings.check()?;
        // Our own files close by themselves in a child; those that we were started with may not,
        // and a shell's, an editor's or a service manager's are none of an agent's business.
        close_fds::set_fds_cloexec_threadsafe(FIRST_EXTRA, &[]);
        let users = seats::Users::claim(&database, settings.uid_base, &settings.data_dir).await?;
        let users = users.map(Arc::new);
        let settings = ground::prepare(settings, users.is_some())?;
        let settings = Arc::new(settings);
        let confinement = start::look_at_walls(&settings, users.as_deref()).await?;
        let inner =
            Inner { database, settings, users, turns: Arc::default(), keepers: Mutex::default() };
        let inner = Arc::new(inner);
        adopt::all(&inner).await?;
        Ok(Arc::new(Self { inner, confinement, handed: Mutex::default() }))
    }

    /// What confines agents on this machine, as the probe process found it.
    pub fn confinement(&self) -> &Confinement {
        &self.confinement
    }

    /// The homes of the agents that are started here.
    pub fn homes(&self) -> Homes {
        let Inner { database, settings, users, turns, .. } = &*self.inner;
        Homes::new(
            Arc::clone(database),
            settings.data_dir.clone(),
            settings.places.clone(),
            users.clone(),
            Arc::clone(turns),
        )
    }

    /// The end of what a workspace's agent printed, at most `bytes`; empty when it never did.
    ///
    /// # Errors
    /// [`Fault::Unavailable`] when the log is there and cannot be read.
    pub fn log_tail(&self, id: &WorkspaceId, bytes: u64) -> Result<String, Fault> {
        log::tail(&self.inner.settings.data_dir, id, 0, bytes)
            .map_err(|error| Fault::unavailable(SERVICE, error))
    }
}

impl Drop for Processes {
    /// The engine goes and its agents stay: the next engine on this directory adopts them.
    fn drop(&mut self) {
        let keepers = self.inner.keepers.lock().unwrap_or_else(PoisonError::into_inner);
        keepers.values().for_each(Handle::let_go);
    }
}

impl Inner {
    fn keep(&self, id: TaskId, handle: Handle) {
        let mut keepers = self.keepers.lock().unwrap_or_else(PoisonError::into_inner);
        keepers.retain(|_, keeper| !keeper.is_done());
        keepers.insert(id, handle);
    }

    fn keeper(&self, id: &TaskId) -> Option<Handle> {
        self.keepers.lock().unwrap_or_else(PoisonError::into_inner).get(id).cloned()
    }

    /// Waits for tasks that were told to stop; gives whether all are gone.
    async fn stopped(&self, tasks: &[TaskId], grace: Duration) -> Result<bool, Fault> {
        let force = Instant::now() + grace;
        let handles: Vec<_> = tasks.iter().filter_map(|task| self.keeper(task)).collect();
        handles.iter().for_each(|handle| handle.stop(force));
        for handle in handles {
            // Those that are late are found on record below.
            let _late = timeout_at(force + KILLED_WITHIN, handle.gone()).await;
        }
        let live = self.database.read(table::live).await?;
        Ok(!live.iter().any(|record| tasks.contains(&record.task.id)))
    }
}

#[async_trait]
impl Compute for Processes {
    async fn register(&self, id: &WorkspaceId, generation: Gen) -> Result<(), Fault> {
        let id = id.clone();
        self.inner.database.write(move |work| seats::register(work, &id, generation)).await
    }

    async fn deregister(&self, id: &WorkspaceId, generation: Gen) -> Result<(), Fault> {
        let id = id.clone();
        self.inner.database.write(move |work| seats::deregister(work, &id, generation)).await
    }

    async fn run(&self, spec: &TaskSpec) -> Result<TaskId, Fault> {
        let turn = self.inner.turns.take(&spec.workspace).await;
        let (inner, spec) = (Arc::clone(&self.inner), spec.clone());
        // On its own, so that a caller who goes away leaves no half-started task.
        let started = tokio::spawn(async move {
            let _turn = turn;
            start::run(&inner, &spec).await
        });
        started.await.map_err(|error| Fault::unavailable(SERVICE, error))?
    }

    async fn describe(&self, task: &TaskId) -> Result<Option<Task>, Fault> {
        let id = task.clone();
        let record = self.inner.database.read(move |look| table::find(look, &id)).await?;
        Ok(record.map(|record| record.task))
    }

    async fn stop(
        &self,
        id: &WorkspaceId,
        generation: Gen,
        attempt: Attempt,
        grace: Duration,
    ) -> Result<bool, Fault> {
        let turn = self.inner.turns.take(id).await;
        let name = id.clone();
        let fence = move |work: &Transaction<'_>| table::fence(work, &name, generation, attempt);
        let tasks = self.inner.database.write_for(Topic::Tasks, fence).await?;
        drop(turn);
        self.inner.stopped(&tasks, grace).await
    }

    async fn list(&self) -> Result<Vec<Task>, Fault> {
        let live = self.inner.database.read(table::live).await?;
        Ok(live.into_iter().map(|record| record.task).collect())
    }

    async fn changes(&self, wait: Duration) -> Result<Vec<Task>, Fault> {
        let until = deadline(wait);
        let handed = self.handed.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if !handed.is_empty() {
            self.inner.database.write(move |work| table::set_told(work, &handed)).await?;
        }
        let mut news = self.inner.database.watch(Topic::Tasks);
        loop {
            let changed = self.inner.database.read(table::untold).await?;
            if !changed.is_empty() || Instant::now() >= until {
                let changed: Vec<Task> = changed.into_iter().map(|record| record.task).collect();
                let mut handed = self.handed.lock().unwrap_or_else(PoisonError::into_inner);
                // Nothing is awaited from here on: what is noted as handed out is handed out.
                *handed = changed.iter().map(|task| (task.id.clone(), task.version)).collect();
                return Ok(changed);
            }
            news.wait(until).await;
        }
    }
}
