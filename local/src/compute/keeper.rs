//! Keeps one running task: notices when it listens and when it ends, stops it when told to, and
//! records that it is gone only when nothing of it is left.

use std::net::{Ipv4Addr, SocketAddr};
use std::os::fd::OwnedFd;
use std::process::Child;
use std::sync::Arc;
use std::time::Duration;

use events::{Reason, ReasonClass, TaskId, WorkspaceId};
use rusqlite::Transaction;
use rustix::process::{Pid, PidfdFlags, pidfd_open};
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;
use tokio::sync::watch;
use tokio::task::AbortHandle;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep, sleep_until};

use super::kernel;
use super::kin::Kin;
use super::settings::{Ending, Settings};
use super::{log, table};
use crate::database::Database;
use crate::signals::Topic;

/// How often the kernel is asked whether the agent listens yet; it does not tell by itself.
const LOOK_EVERY: Duration = Duration::from_millis(100);
/// How often the length of the log is looked at.
const TRIM_EVERY: Duration = Duration::from_secs(30);
/// How long after a kill the next one follows, for processes that were being started.
const KILL_AGAIN: Duration = Duration::from_millis(20);
/// When killed processes are still there after this many rounds, the rounds become slow and an
/// operator is told: a process can hang inside the kernel.
const QUICK_ROUNDS: u32 = 250;
/// A slow round.
const SLOW: Duration = Duration::from_secs(1);
/// How much of the log is given to whoever words the reason.
pub(crate) const TAIL_BYTES: u64 = 16 * 1024;

/// The way to a keeper.
#[derive(Clone)]
pub(crate) struct Handle {
    deadline: Arc<watch::Sender<Option<Instant>>>,
    done: watch::Receiver<()>,
    keeping: AbortHandle,
}

impl Handle {
    /// Tells the keeper to stop its task, by force from `deadline` on; an earlier deadline counts.
    pub(crate) fn stop(&self, deadline: Instant) {
        self.deadline.send_modify(|set| *set = Some(set.map_or(deadline, |set| set.min(deadline))));
    }

    /// Lets the task go on without being watched.
    pub(crate) fn let_go(&self) {
        self.keeping.abort();
    }

    /// Whether the task is gone and recorded as gone.
    pub(crate) fn is_done(&self) -> bool {
        self.done.has_changed().is_err()
    }

    /// Waits until the task is gone and recorded as gone.
    pub(crate) async fn gone(mut self) {
        while self.done.changed().await.is_ok() {}
    }
}

/// What a keeper is given.
pub(crate) struct Keeper {
    pub(crate) database: Arc<Database>,
    pub(crate) settings: Arc<Settings>,
    pub(crate) id: TaskId,
    pub(crate) workspace: WorkspaceId,
    pub(crate) kin: Kin,
    pub(crate) port: Option<u16>,
    pub(crate) log_start: u64,
    /// The process itself when this engine started it: only a parent learns how it ended.
    pub(crate) child: Option<Child>,
    /// Whether it was told to stop, by this engine or the one before.
    pub(crate) stopping: bool,
    /// Whether it is known to listen.
    pub(crate) listening: bool,
}

impl Keeper {
    /// Begins to keep the task. A process that is gone already is finished up the same way.
    pub(crate) fn start(self) -> Handle {
        let (deadline, told) = watch::channel(None);
        let (done, gone) = watch::channel(());
        let keeping = tokio::spawn(async move {
            self.keep(told).await;
            drop(done);
        });
        let keeping = keeping.abort_handle();
        Handle { deadline: Arc::new(deadline), done: gone, keeping }
    }

    async fn keep(mut self, told: watch::Receiver<Option<Instant>>) {
        if let Some(process) = self.open() {
            self.until_ended(&process, told).await;
        }
        self.end_the_rest().await;
        let ending = self.reap();
        let reason = self.reason(ending).await;
        tracing::info!(workspace = %self.workspace, task = %self.id, ?ending, "the agent ended");
        let id = self.id.clone();
        while let Err(fault) = self.record(&id, &reason).await {
            tracing::warn!(%fault, task = %self.id, "the end of a task cannot be recorded yet");
            sleep(SLOW).await;
        }
    }

    /// A handle on the leader that outlasts its number; `None` when it is gone.
    fn open(&self) -> Option<AsyncFd<OwnedFd>> {
        let handle = pidfd_open(Pid::from_raw(self.kin.leader)?, PidfdFlags::empty()).ok()?;
        // Looked at after the handle was opened: so it is a handle on the recorded process.
        let now = kernel::process(self.kin.leader)?;
        if now.started != self.kin.started {
            return None;
        }
        #[expect(
            deprecated,
            reason = "sound for a descriptor that is owned; what replaces it is unsafe"
        )]
        let watched = AsyncFd::with_interest(handle, Interest::READABLE);
        match watched {
            Ok(handle) => Some(handle),
            Err(error) => {
                tracing::error!(%error, task = %self.id, "an agent cannot be watched; ending it");
                None
            }
        }
    }

    async fn until_ended(
        &mut self,
        process: &AsyncFd<OwnedFd>,
        mut told: watch::Receiver<Option<Instant>>,
    ) {
        let mut look = interval(LOOK_EVERY);
        let mut trim = interval(TRIM_EVERY);
        look.set_missed_tick_behavior(MissedTickBehavior::Delay);
        trim.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut force: Option<Instant> = None;
        let mut asked = false;
        loop {
            let due = force.unwrap_or_else(Instant::now);
            tokio::select! {
                biased;
                // A process's handle is readable from its end on.
                _ended = process.readable() => return,
                Ok(()) = told.changed() => {
                    force = *told.borrow_and_update();
                    self.stopping = true;
                    if !std::mem::replace(&mut asked, true) {
                        self.kin.ask();
                    }
                }
                () = sleep_until(due), if force.is_some() => {
                    self.kin.kill();
                    force = Some(Instant::now() + KILL_AGAIN);
                }
                _ = look.tick(), if !self.listening && !self.stopping => self.look().await,
                _ = trim.tick() => {
                    if let Err(error) = log::trim(&self.settings.data_dir, &self.workspace) {
                        tracing::warn!(%error, workspace = %self.workspace, "a log cannot be cut");
                    }
                }
            }
        }
    }

    /// Records the address once the kernel says that every socket which answers there is ours.
    async fn look(&mut self) {
        let Some(port) = self.port else { return };
        let kin = self.kin.clone();
        let ours = tokio::task::spawn_blocking(move || {
            let found = kernel::listeners(port);
            !found.is_empty() && found.iter().all(|listener| kin.owns(listener))
        });
        if !matches!(ours.await, Ok(true)) {
            return;
        }
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        let id = self.id.clone();
        let set = move |work: &Transaction<'_>| table::set_listening(work, &id, address);
        match self.database.write_for(Topic::Tasks, set).await {
            Ok(()) => self.listening = true,
            Err(fault) => tracing::warn!(%fault, task = %self.id, "an address cannot be recorded"),
        }
    }

    /// Ends what the leader left behind. Does not give up: a task is gone when all of it is.
    async fn end_the_rest(&self) {
        let mut round = 0_u32;
        loop {
            let kin = self.kin.clone();
            let left = tokio::task::spawn_blocking(move || kin.kill()).await.unwrap_or(usize::MAX);
            if left == 0 {
                return;
            }
            round = round.saturating_add(1);
            if round == QUICK_ROUNDS {
                tracing::warn!(task = %self.id, left, "processes of an agent do not end");
            }
            sleep(if round < QUICK_ROUNDS { KILL_AGAIN } else { SLOW }).await;
        }
    }

    fn reap(&mut self) -> Ending {
        use std::os::unix::process::ExitStatusExt;
        let status = self.child.as_mut().and_then(|child| child.try_wait().ok().flatten());
        status.map_or_else(Ending::default, |status| Ending {
            code: status.code(),
            signal: status.signal(),
        })
    }

    async fn reason(&self, ending: Ending) -> Reason {
        if self.stopping {
            return Reason::new(ReasonClass::AgentExited, "it was told to stop");
        }
        let tail = log::tail(&self.settings.data_dir, &self.workspace, self.log_start, TAIL_BYTES);
        (self.settings.words)(ending, &tail.unwrap_or_default())
    }

    async fn record(&self, id: &TaskId, reason: &Reason) -> Result<(), ports::Fault> {
        let (id, reason) = (id.clone(), reason.clone());
        self.database
            .write_for(Topic::Tasks, move |work: &Transaction<'_>| {
                table::set_stopped(work, &id, &reason)
            })
            .await
    }
}
