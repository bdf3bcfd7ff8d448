//! The task that hands usage over: in batches, again and again until the ledger has it, what is in
//! memory and what waits in the journal in turn.

use std::sync::Arc;
use std::time::Duration;

use events::Envelope;
use ports::{Fault, Ids, Retry, UsageSink};
use tokio::sync::mpsc::error::TryRecvError;
use tokio::sync::{Notify, mpsc, oneshot};
use tokio::time::{Instant, sleep, sleep_until};

use super::Item;
use super::batch::{Batch, batches};
use crate::journal::Journal;
use crate::metrics::{Line, Metrics};

/// The first and the longest pause before a batch is handed over again.
const PAUSE: Duration = Duration::from_millis(100);
const PAUSE_MAX: Duration = Duration::from_secs(5);

/// Who hands over.
pub(super) struct Courier {
    pub(super) receiver: mpsc::Receiver<Item>,
    pub(super) usage: Arc<dyn UsageSink>,
    pub(super) ids: Arc<dyn Ids>,
    pub(super) journal: Arc<Journal>,
    pub(super) metrics: Arc<Metrics>,
    /// Somebody waits, or much has come.
    pub(super) hurry: Arc<Notify>,
    /// What had no room in the last batch.
    pub(super) next: Option<Box<Envelope>>,
}

impl Courier {
    /// In turn what is in memory and a segment of what waits in the journal, so that neither holds
    /// up the other.
    pub(super) async fn run(mut self) {
        loop {
            self.catch_up().await;
            let first = match self.receive_now() {
                Err(TryRecvError::Empty) if !self.journal.has_left() => self.receiver.recv().await,
                Ok(first) => Some(first),
                Err(TryRecvError::Empty | TryRecvError::Disconnected) => None,
            };
            if first.is_none() && self.receiver.is_closed() && !self.journal.has_left() {
                return;
            }
            let (batch, flushes) = self.gather(first).await;
            self.hand_over(batch.records(), &self.metrics.usage.in_memory).await;
            while !flushes.is_empty() && self.journal.has_left() {
                self.catch_up().await;
            }
            for flush in flushes {
                // Whoever asked may have given up.
                let _gone = flush.send(());
            }
        }
    }

    fn receive_now(&mut self) -> Result<Item, TryRecvError> {
        match self.next.take() {
            Some(record) => Ok(Item::Record(record)),
            None => self.receiver.try_recv(),
        }
    }

    /// Hands over what waits in one segment of the journal.
    async fn catch_up(&self) {
        if !self.journal.has_left() {
            return;
        }
        let journal = Arc::clone(&self.journal);
        // A panic has already been told; what was in hand is read again at the next start.
        let left = tokio::task::spawn_blocking(move || journal.left()).await.unwrap_or_default();
        let line = &self.metrics.usage.on_disk;
        for batch in batches(left, self.usage.bounds()) {
            self.hand_over(batch.records(), line).await;
        }
        if !self.journal.has_left() {
            // Some may have been lost with their segment.
            line.emptied();
        }
    }

    /// A batch that is full, old enough, or waited for. What comes meanwhile waits in the backlog and
    /// wakes nobody, unless it is much.
    async fn gather(&mut self, first: Option<Item>) -> (Batch, Vec<oneshot::Sender<()>>) {
        let bounds = self.usage.bounds();
        let (mut batch, mut flushes) = (Batch::within(bounds), Vec::new());
        let until = Instant::now() + bounds.age;
        let mut next = first;
        loop {
            while let Some(item) = next {
                match item {
                    Item::Record(record) => self.next = batch.add(record).err(),
                    Item::Flush(done) => flushes.push(done),
                }
                if self.next.is_some() || batch.is_full() || !flushes.is_empty() {
                    return (batch, flushes);
                }
                next = self.receiver.try_recv().ok();
            }
            if Instant::now() >= until || self.receiver.is_closed() {
                return (batch, flushes);
            }
            tokio::select! {
                () = sleep_until(until) => {}
                () = self.hurry.notified() => {}
            }
            next = self.receiver.try_recv().ok();
        }
    }

    /// Hands a batch over, however long it takes. One that the ledger never accepts is halved
    /// until what it does not accept is alone, so that one bad record holds up no other.
    async fn hand_over(&self, batch: &[Envelope], line: &Line) {
        let Some(oldest) = batch.iter().map(|record| record.time).min() else { return };
        line.first(oldest);
        // The first half comes off the end first, so the order stays.
        let mut parts = vec![batch];
        while let Some(part) = parts.pop() {
            let Err(fault) = self.insist(part).await else {
                self.metrics.usage.records_sent.add(part.len() as u64);
                continue;
            };
            if let [record] = part {
                self.set_aside(record, &fault);
                continue;
            }
            tracing::warn!(%fault, records = part.len(), "the ledger refused a batch of usage");
            let (first, second) = part.split_at(part.len() / 2);
            parts.extend([second, first]);
        }
        self.journal.settle(batch);
        line.left(batch.len() as u64);
    }

    /// The last place where a record can still be found that the ledger never takes: it holds no
    /// secret.
    fn set_aside(&self, record: &Envelope, fault: &Fault) {
        self.metrics.usage.records_refused.one();
        let record = serde_json::to_string(record).unwrap_or_default();
        tracing::error!(%fault, record, "the ledger refused a usage record for good");
    }

    /// Tries until it works or can never work.
    async fn insist(&self, batch: &[Envelope]) -> Result<(), Fault> {
        let mut pause = PAUSE;
        loop {
            let fault = match self.usage.count(batch).await {
                Ok(()) => {
                    self.metrics.usage.batches_sent.one();
                    return Ok(());
                }
                Err(fault) => fault,
            };
            self.metrics.usage.batches_failed.one();
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
mod tests;
