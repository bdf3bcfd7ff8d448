//! The one thread that writes. It commits whatever waits together (group commit), so that many
//! writers share one fsync; each job has a savepoint of its own, so that one that fails takes
//! nothing of the others with it. Nobody is answered before the commit.
//!
//! Who was answered by one commit asks again within microseconds, one a little after the other.
//! So a batch is not what waits when it begins, but also what arrives while it runs.

use std::collections::BTreeSet;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::thread::JoinHandle;

use ports::Fault;
use rusqlite::{Connection, Transaction, TransactionBehavior};
use tokio::sync::{mpsc, oneshot};

use crate::error::{Error, SERVICE, sqlite};
use crate::signals::{Signals, Topic};

/// The most jobs in one commit: enough to hide the fsync, few enough that nobody waits long.
const BATCH_MAX: usize = 256;
/// The most jobs that wait; more and the callers wait, which slows down what makes them.
const WAITING_MAX: usize = 1024;

/// Something to do in a transaction, with someone who waits for the answer.
trait Job: Send {
    /// Does it; gives whether to keep what it wrote.
    fn run(&mut self, transaction: &Transaction<'_>) -> bool;
    /// Answers with the job's own result, or with what kept it from being committed.
    fn answer(self: Box<Self>, committed: Result<(), Fault>);
    /// For whom it is news, once committed. Asked once, after it ran.
    fn topics(&mut self) -> Vec<Topic>;
}

struct Asked<F, T> {
    work: Option<F>,
    result: Option<Result<T, Error>>,
    reply: oneshot::Sender<Result<T, Fault>>,
    topics: Vec<Topic>,
}

impl<F, T> Job for Asked<F, T>
where
    F: FnOnce(&Transaction<'_>) -> Result<(T, Vec<Topic>), Error> + Send,
    T: Send,
{
    fn run(&mut self, transaction: &Transaction<'_>) -> bool {
        let Some(work) = self.work.take() else { return false };
        let result = work(transaction).map(|(value, topics)| {
            self.topics = topics;
            value
        });
        let kept = result.is_ok();
        self.result = Some(result);
        kept
    }

    fn answer(self: Box<Self>, committed: Result<(), Fault>) {
        let panicked =
            || Fault::Nonsense { service: SERVICE, words: "a write panicked".to_owned() };
        let answer = match (self.result, committed) {
            (Some(Err(error)), _) => Err(error.into()),
            (_, Err(fault)) => Err(fault),
            (Some(Ok(value)), Ok(())) => Ok(value),
            (None, Ok(())) => Err(panicked()),
        };
        // Whoever asked may have gone; what was written stays written.
        let _gone = self.reply.send(answer);
    }

    fn topics(&mut self) -> Vec<Topic> {
        std::mem::take(&mut self.topics)
    }
}

/// The way to the thread. Dropping it waits for what was accepted and closes the connection.
pub(crate) struct Writer {
    jobs: Option<mpsc::Sender<Box<dyn Job>>>,
    thread: Option<JoinHandle<()>>,
}

impl Writer {
    /// Starts the thread on a connection of its own.
    pub(crate) fn start(connection: Connection, signals: Arc<Signals>) -> std::io::Result<Self> {
        let (sender, receiver) = mpsc::channel(WAITING_MAX);
        let thread = std::thread::Builder::new()
            .name("database-writer".to_owned())
            .spawn(move || serve(connection, receiver, &signals))?;
        Ok(Self { jobs: Some(sender), thread: Some(thread) })
    }

    /// Runs a job in a transaction; answers after the commit. Beside its result it gives for whom it
    /// is news.
    pub(crate) async fn run<T, F>(&self, work: F) -> Result<T, Fault>
    where
        T: Send + 'static,
        F: FnOnce(&Transaction<'_>) -> Result<(T, Vec<Topic>), Error> + Send + 'static,
    {
        let closed = || Fault::unavailable(SERVICE, "it is closing");
        let (reply, answer) = oneshot::channel();
        let job = Asked { work: Some(work), result: None, reply, topics: Vec::new() };
        let jobs = self.jobs.as_ref().ok_or_else(closed)?;
        jobs.send(Box::new(job)).await.map_err(|_| closed())?;
        answer.await.map_err(|_| closed())?
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.jobs = None;
        if let Some(thread) = self.thread.take() {
            // It ends when the channel is empty; a panic of it has already been told.
            let _ended = thread.join();
        }
    }
}

fn serve(mut connection: Connection, mut jobs: mpsc::Receiver<Box<dyn Job>>, signals: &Signals) {
    while let Some(first) = jobs.blocking_recv() {
        commit(&mut connection, first, &mut jobs, signals);
    }
}

/// Commits a job together with those that wait, and those that come while they run.
fn commit(
    connection: &mut Connection,
    first: Box<dyn Job>,
    jobs: &mut mpsc::Receiver<Box<dyn Job>>,
    signals: &Signals,
) {
    let mut ran = Vec::new();
    let mut topics = BTreeSet::new();
    let outcome = match connection.transaction_with_behavior(TransactionBehavior::Immediate) {
        Ok(transaction) => together(transaction, first, jobs, &mut ran, &mut topics),
        Err(error) => {
            // Nobody who waits has a chance, and none need wait for the lock's whole time again.
            ran.push(first);
            ran.extend(std::iter::from_fn(|| jobs.try_recv().ok()).take(BATCH_MAX - 1));
            Err(error)
        }
    };
    if outcome.is_ok() {
        topics.into_iter().for_each(|topic| signals.tell(topic));
    }
    for job in ran {
        job.answer(outcome.as_ref().map_err(sqlite).copied());
    }
}

fn together(
    transaction: Transaction<'_>,
    first: Box<dyn Job>,
    jobs: &mut mpsc::Receiver<Box<dyn Job>>,
    ran: &mut Vec<Box<dyn Job>>,
    topics: &mut BTreeSet<Topic>,
) -> rusqlite::Result<()> {
    let mut next = Some(first);
    while let Some(job) = next {
        // Put down first: whatever happens, it is answered.
        let job = ran.push_mut(job);
        transaction.prepare_cached("SAVEPOINT job")?.execute([])?;
        let kept = catch_unwind(AssertUnwindSafe(|| job.run(&transaction))).unwrap_or(false);
        if kept {
            topics.extend(job.topics());
        }
        if transaction.is_autocommit() {
            // A full disk or the like made SQLite roll everything back, not only this job.
            let lost = rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_ABORT);
            return Err(rusqlite::Error::SqliteFailure(
                lost,
                Some("the transaction was rolled back, because of another write in it".to_owned()),
            ));
        }
        if !kept {
            transaction.prepare_cached("ROLLBACK TO job")?.execute([])?;
        }
        transaction.prepare_cached("RELEASE job")?.execute([])?;
        next = if ran.len() < BATCH_MAX { jobs.try_recv().ok() } else { None };
    }
    transaction.commit()
}
