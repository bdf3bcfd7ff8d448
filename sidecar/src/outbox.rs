//! Usage on its way to the ledger: a bounded backlog and a task that hands it over in batches,
//! again and again until the ledger has it.
//!
//! A request reserves its place before it goes to a provider. So reporting can never fail for want
//! of room, and when the ledger is away for long, new requests are refused rather than not counted.

use std::sync::Arc;
use std::time::Duration;

use events::Envelope;
use ports::{Fault, Ids, Retry, Usage};
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, sleep, timeout_at};

/// How many records may wait, requests under way included. A record is about 1 KiB.
const BACKLOG_MAX: usize = 4096;
/// The most records in one batch: fits SQS's message size (60 KiB of about 700 bytes each).
const BATCH_MAX: usize = 80;
/// How long the first record of a batch waits for company; what a crash can lose.
const BATCH_AGE_MAX: Duration = Duration::from_millis(250);
/// The first and the longest pause before a batch is handed over again.
const PAUSE: Duration = Duration::from_millis(100);
const PAUSE_MAX: Duration = Duration::from_secs(5);

/// What waits.
pub(crate) enum Item {
    /// A record.
    Record(Box<Envelope>),
    /// Somebody wants to know when all before it is handed over.
    Flush(oneshot::Sender<()>),
}

/// A reserved place for one record.
pub(crate) type Place = mpsc::OwnedPermit<Item>;

/// The near end of the backlog.
pub(crate) struct Outbox(mpsc::Sender<Item>);

impl Outbox {
    /// An outbox whose task hands over to `usage`. The task ends when the outbox and every place
    /// are gone and all is handed over. Needs a tokio runtime.
    pub(crate) fn new(usage: Arc<dyn Usage>, ids: Arc<dyn Ids>) -> Self {
        let (sender, receiver) = mpsc::channel(BACKLOG_MAX);
        tokio::spawn(Courier { receiver, usage, ids }.run());
        Self(sender)
    }

    /// A place for one record; `None` when the backlog is full.
    pub(crate) fn reserve(&self) -> Option<Place> {
        self.0.clone().try_reserve_owned().ok()
    }

    /// Waits until all that was recorded by now is handed over. Without an end while the ledger is
    /// away.
    pub(crate) async fn flush(&self) {
        let (done, wait) = oneshot::channel();
        if self.0.send(Item::Flush(done)).await.is_ok() {
            // An error means that the task is gone, and with it whatever could be waited for.
            let _gone = wait.await;
        }
    }
}

struct Courier {
    receiver: mpsc::Receiver<Item>,
    usage: Arc<dyn Usage>,
    ids: Arc<dyn Ids>,
}

impl Courier {
    async fn run(mut self) {
        while let Some(first) = self.receiver.recv().await {
            let (batch, flushes) = self.gather(first).await;
            if !batch.is_empty() {
                self.hand_over(&batch).await;
            }
            for flush in flushes {
                // Whoever asked may have given up.
                let _gone = flush.send(());
            }
        }
    }

    /// A batch that is full, old enough, or waited for.
    async fn gather(&mut self, first: Item) -> (Vec<Envelope>, Vec<oneshot::Sender<()>>) {
        let (mut batch, mut flushes) = (Vec::new(), Vec::new());
        let until = Instant::now() + BATCH_AGE_MAX;
        let mut next = Some(first);
        while let Some(item) = next {
            match item {
                Item::Record(envelope) => batch.push(*envelope),
                Item::Flush(done) => flushes.push(done),
            }
            if batch.len() >= BATCH_MAX || !flushes.is_empty() {
                break;
            }
            next = timeout_at(until, self.receiver.recv()).await.ok().flatten();
        }
        (batch, flushes)
    }

    /// Hands a batch over, however long it takes. What the ledger never accepts is handed over
    /// one by one, so that one bad record blocks no other.
    async fn hand_over(&self, batch: &[Envelope]) {
        let Err(fault) = self.insist(batch).await else { return };
        tracing::error!(%fault, records = batch.len(), "the ledger refused a batch of usage");
        for envelope in batch {
            if let Err(fault) = self.insist(std::slice::from_ref(envelope)).await {
                // The last place where it can still be found: the record holds no secret.
                let record = serde_json::to_string(envelope).unwrap_or_default();
                tracing::error!(%fault, record, "the ledger refused a usage record for good");
            }
        }
    }

    /// Tries until it works or can never work.
    async fn insist(&self, batch: &[Envelope]) -> Result<(), Fault> {
        let mut pause = PAUSE;
        loop {
            let fault = match self.usage.count(batch).await {
                Ok(()) => return Ok(()),
                Err(fault) => fault,
            };
            let after = match fault.retry() {
                Retry::Reload => Duration::ZERO,
                Retry::Later(after) => after.unwrap_or(Duration::ZERO),
                Retry::Never | Retry::Park => return Err(fault),
            };
            tracing::warn!(%fault, records = batch.len(), "usage waits for the ledger");
            let spread = self.ids.below(pause.as_millis() as u64 + 1);
            sleep(after.min(PAUSE_MAX).max(pause) + Duration::from_millis(spread)).await;
            pause = (pause * 2).min(PAUSE_MAX);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_backlog_gives_no_place_and_a_returned_place_is_free_again() {
        // No courier: nothing leaves the backlog, as with a ledger that is away.
        let (sender, _receiver) = mpsc::channel(BACKLOG_MAX);
        let outbox = Outbox(sender);
        let mut places: Vec<Place> = std::iter::from_fn(|| outbox.reserve()).collect();
        assert_eq!(places.len(), BACKLOG_MAX);
        assert!(outbox.reserve().is_none());
        drop(places.pop());
        assert!(outbox.reserve().is_some());
    }

    #[test]
    fn without_a_courier_there_is_no_place() {
        let (sender, receiver) = mpsc::channel(BACKLOG_MAX);
        drop(receiver);
        assert!(Outbox(sender).reserve().is_none(), "what nobody would count is refused");
    }
}
