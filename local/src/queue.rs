//! [`Queue`] on a table, with SQS's semantics. This file checks requests and waits; what happens
//! to messages is in `messages.rs`.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use events::Class;
use ports::queue::{BATCH_MAX, DELAY_MAX, IN_FLIGHT_MAX, RECEIVES_MAX, VISIBILITY_MAX, WAIT_MAX};
use ports::{Clock, Delivery, Fault, Handle, Letter, Outgoing, Queue};
use rusqlite::{Connection, Transaction};
use tokio::time::Instant;

use crate::columns::nanos;
use crate::database::Database;
use crate::error::Error;
use crate::messages::{self, Receive, Send};
use crate::signals::{Topic, deadline};
use crate::steady::{Steady, millis};

/// As an operator knows it.
const SERVICE: &str = "queue";

/// The queues of one machine. `sent` is the injected clock's time; visibility follows
/// [`Steady`], so that nobody who sets a clock hides a message for longer than its time-out.
pub(crate) struct SqliteQueue {
    database: Arc<Database>,
    clock: Arc<dyn Clock>,
    steady: Steady,
    in_flight_max: usize,
}

impl SqliteQueue {
    /// The queues in this database, on a time line to which `messages::pull_back` has fitted what
    /// an earlier run left.
    pub(crate) fn new(database: Arc<Database>, clock: Arc<dyn Clock>, steady: Steady) -> Self {
        Self { database, clock, steady, in_flight_max: IN_FLIGHT_MAX }
    }

    /// The same with fewer messages in flight, for the test of that limit.
    #[cfg(test)]
    fn with_in_flight_max(mut self, most: usize) -> Self {
        self.in_flight_max = most;
        self
    }

    fn outgoing(&self, class: Class, message: &Outgoing) -> Result<Send, Fault> {
        if message.delay > DELAY_MAX {
            return Err(nonsense(format!(
                "a delay of {} s; the most are {} s",
                message.delay.as_secs(),
                DELAY_MAX.as_secs()
            )));
        }
        let body =
            serde_json::to_string(&message.nudge).map_err(|error| nonsense(error.to_string()))?;
        Ok(Send {
            class,
            team: message.group.as_ref().map_or(String::new(), ToString::to_string),
            body,
            sent: nanos(self.clock.now()),
            delay_ms: millis(message.delay),
            now_ms: self.steady.now_ms(),
        })
    }
}

#[async_trait]
impl Queue for SqliteQueue {
    async fn send(
        &self,
        class: Class,
        messages: &[Outgoing],
    ) -> Result<Vec<Result<(), Fault>>, Fault> {
        within("messages in one call", messages.len(), 0)?;
        let checked: Vec<_> = messages.iter().map(|m| self.outgoing(class, m)).collect();
        let good: Vec<Send> =
            checked.iter().filter_map(|sent| sent.as_ref().ok()).cloned().collect();
        let work = move |tx: &Transaction<'_>| {
            good.iter().try_for_each(|message| messages::send(tx, message))
        };
        self.database.write_for(Topic::Queue(class), work).await?;
        Ok(checked.into_iter().map(|sent| sent.map(|_| ())).collect())
    }

    async fn receive(
        &self,
        class: Class,
        max: usize,
        wait: Duration,
        visibility: Duration,
    ) -> Result<Vec<Delivery>, Fault> {
        within("messages in one call", max, 1)?;
        no_longer("wait", wait, WAIT_MAX)?;
        no_longer("visibility", visibility, VISIBILITY_MAX)?;
        let until = deadline(wait);
        let mut news = self.database.watch(Topic::Queue(class));
        loop {
            let receive = Receive {
                class,
                max,
                now_ms: self.steady.now_ms(),
                visibility_ms: millis(visibility),
                in_flight_max: self.in_flight_max,
                receives_max: RECEIVES_MAX,
            };
            let work = move |tx: &Transaction<'_>| messages::receive(tx, &receive);
            let received = self.database.write(work).await?;
            if !received.deliveries.is_empty() || Instant::now() >= until {
                return Ok(received.deliveries);
            }
            let next = received.next_ms.map(|ms| self.steady.instant(ms));
            news.wait(next.map_or(until, |next| next.min(until))).await;
        }
    }

    async fn delete(&self, class: Class, handles: &[Handle]) -> Result<(), Fault> {
        within("handles in one call", handles.len(), 0)?;
        let handles = handles.to_vec();
        let work = move |tx: &Transaction<'_>| {
            handles.iter().try_for_each(|handle| messages::delete(tx, class, handle))
        };
        self.database.write(work).await
    }

    async fn change_visibility(
        &self,
        class: Class,
        handle: &Handle,
        visibility: Duration,
    ) -> Result<(), Fault> {
        no_longer("visibility", visibility, VISIBILITY_MAX)?;
        let (handle, now_ms) = (handle.clone(), self.steady.now_ms());
        let work = move |tx: &Transaction<'_>| {
            let hidden = messages::hide(tx, class, &handle, now_ms, millis(visibility))?;
            if hidden { Ok(()) } else { Err(Error::Fault(too_long_in_all())) }
        };
        self.database.write_for(Topic::Queue(class), work).await
    }

    async fn dead_letters(&self, class: Class, limit: usize) -> Result<Vec<Letter>, Fault> {
        let look = move |connection: &Connection| messages::dead_letters(connection, class, limit);
        self.database.read(look).await
    }

    async fn redrive(&self, class: Class) -> Result<usize, Fault> {
        let (sent, now_ms) = (nanos(self.clock.now()), self.steady.now_ms());
        let work = move |tx: &Transaction<'_>| messages::redrive(tx, class, sent, now_ms);
        self.database.write_for(Topic::Queue(class), work).await
    }
}

fn within(what: &str, count: usize, least: usize) -> Result<(), Fault> {
    if (least..=BATCH_MAX).contains(&count) {
        return Ok(());
    }
    Err(nonsense(format!("{count} {what}; {least} to {BATCH_MAX} are allowed")))
}

fn no_longer(what: &str, duration: Duration, most: Duration) -> Result<(), Fault> {
    if duration <= most {
        return Ok(());
    }
    let (asked, most) = (duration.as_secs(), most.as_secs());
    Err(nonsense(format!("a {what} of {asked} s; the most are {most} s")))
}

fn too_long_in_all() -> Fault {
    let most = VISIBILITY_MAX.as_secs();
    nonsense(format!("a message that stays hidden for more than {most} s after its receive"))
}

fn nonsense(words: String) -> Fault {
    Fault::Nonsense { service: SERVICE, words }
}

#[cfg(test)]
mod tests;
