//! How a fact gets onto the bus: decided on what is known, appended if nothing else was meanwhile,
//! the timer set, the next consumer nudged.
//!
//! The nudge comes after the append. If the process dies in between, the fact is safe and the
//! timer or the sweeper nudges.

use std::sync::Arc;
use std::time::Duration;

use events::envelope::Cause;
use events::{Envelope, Event, Next, Policy, Stamp, Subject, Version, Workspace, WorkspaceId};
use jiff::Timestamp;
use ports::{
    Clock, Fault, Ids, Journal, Loaded, Nudge, Outgoing, Projection, Query, Queue, Row, Timers,
};

/// How often a decision is made anew when somebody else recorded something first. Each round lets
/// one other writer through, so that this many writers would have to come in between: far more than
/// a person has tabs that log in at the same moment.
const CONFLICTS_MAX: usize = 128;

/// How many workspaces a search reads at a time.
const PAGE: usize = 500;

/// Where facts go. Cheap to clone.
#[derive(Clone)]
pub struct Bus {
    journal: Arc<dyn Journal>,
    queue: Arc<dyn Queue>,
    timers: Arc<dyn Timers>,
    clock: Arc<dyn Clock>,
    ids: Arc<dyn Ids>,
    policy: Arc<Policy>,
}

/// A clock that is not behind a message that it has heard of.
struct NoEarlier {
    clock: Arc<dyn Clock>,
    sent: Timestamp,
}

impl Clock for NoEarlier {
    fn now(&self) -> Timestamp {
        self.clock.now().max(self.sent)
    }
}

/// What became of a decision.
#[derive(Clone, Debug)]
pub struct Put {
    /// The workspace afterwards.
    pub workspace: Workspace,
    /// Its version afterwards.
    pub version: Version,
    /// The last fact that was recorded, if any was.
    pub cause: Option<Cause>,
}

impl Bus {
    /// Puts the parts together.
    pub fn new(
        journal: Arc<dyn Journal>,
        queue: Arc<dyn Queue>,
        timers: Arc<dyn Timers>,
        clock: Arc<dyn Clock>,
        ids: Arc<dyn Ids>,
        policy: Policy,
    ) -> Self {
        Self { journal, queue, timers, clock, ids, policy: Arc::new(policy) }
    }

    /// The same for whoever handles what was sent then: it is no earlier for them, whatever their
    /// own clock says. A timer that fired by one clock would be set anew by another that is behind,
    /// and fire at once, for as long as they differ.
    #[must_use]
    pub fn no_earlier_than(&self, sent: Timestamp) -> Self {
        Self { clock: Arc::new(NoEarlier { clock: Arc::clone(&self.clock), sent }), ..self.clone() }
    }

    /// What has been recorded.
    pub fn journal(&self) -> &dyn Journal {
        &*self.journal
    }

    /// The messages.
    pub fn queue(&self) -> &dyn Queue {
        &*self.queue
    }

    /// What time it is.
    pub fn clock(&self) -> &dyn Clock {
        &*self.clock
    }

    /// Identities.
    pub fn ids(&self) -> &dyn Ids {
        &*self.ids
    }

    /// What the administrator decided.
    pub fn policy(&self) -> &Policy {
        &self.policy
    }

    /// Now.
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// Every workspace that matches, however many pages that takes.
    ///
    /// # Errors
    /// What the journal said.
    pub async fn find_all(&self, query: &Query) -> Result<Vec<Row>, Fault> {
        let mut rows: Vec<Row> = Vec::new();
        loop {
            let after = rows.last().map(|row| row.workspace.clone());
            let page = self.journal.find(query, after.as_ref(), PAGE).await?;
            let full = page.len() == PAGE;
            rows.extend(page);
            if !full {
                return Ok(rows);
            }
        }
    }

    /// A fact in its envelope, stamped now.
    pub fn envelope(
        &self,
        source: &str,
        subject: Option<&WorkspaceId>,
        cause: Option<Cause>,
        event: Event,
    ) -> Envelope {
        let time = self.now();
        let stamp = Stamp { id: self.ids.event_id(time), time, cause };
        Envelope::new(source, subject.cloned(), stamp, event)
    }

    /// Lets `decide` say what to record given what is known, and records it on the condition that
    /// this is still what is known. No events mean that nothing is to be done.
    ///
    /// # Errors
    /// What the journal or the queue said; [`Fault::Conflict`] only after many rounds.
    pub async fn put(
        &self,
        source: &str,
        id: &WorkspaceId,
        cause: Option<Cause>,
        decide: impl Fn(&Workspace, Timestamp) -> Vec<Event> + Send,
    ) -> Result<Put, Fault> {
        for _ in 0..CONFLICTS_MAX {
            let loaded = self.journal.load(id).await?;
            let events = decide(&loaded.workspace, self.now());
            if events.is_empty() {
                let Loaded { workspace, version } = loaded;
                return Ok(Put { workspace, version, cause: None });
            }
            match self.record(source, id, loaded, cause, events).await {
                Err(Fault::Conflict) => {}
                other => return other,
            }
        }
        Err(Fault::Conflict)
    }

    /// Records events on what was loaded, sets the timer and nudges.
    ///
    /// # Errors
    /// [`Fault::Conflict`] when the journal has moved on since; nothing was recorded then.
    pub async fn record(
        &self,
        source: &str,
        id: &WorkspaceId,
        loaded: Loaded,
        cause: Option<Cause>,
        events: Vec<Event>,
    ) -> Result<Put, Fault> {
        let put = self.append(source, id, loaded, cause, events).await?;
        self.nudge_next(id, &put.workspace, put.cause).await?;
        Ok(put)
    }

    /// Records events on what was loaded and sets the timer, but nudges nobody: for who comes back
    /// by themselves.
    ///
    /// # Errors
    /// [`Fault::Conflict`] when the journal has moved on since; nothing was recorded then.
    pub async fn append(
        &self,
        source: &str,
        id: &WorkspaceId,
        loaded: Loaded,
        cause: Option<Cause>,
        events: Vec<Event>,
    ) -> Result<Put, Fault> {
        let Loaded { mut workspace, version } = loaded;
        let mut last = cause;
        let mut envelopes = Vec::with_capacity(events.len());
        for event in events {
            let envelope = self.envelope(source, Some(id), last, event);
            workspace.absorb(envelope.time, &envelope.event);
            last = Some(envelope.as_cause());
            envelopes.push(envelope);
        }
        let projection = Projection::of(workspace.clone(), &self.policy, self.now());
        let version = self.journal.append(id, version, &envelopes, &projection).await?;
        self.timers.set(&id.into(), projection.due).await?;
        Ok(Put { workspace, version, cause: last })
    }

    /// Nudges whoever does what is next now, if anything is. Safe to repeat.
    ///
    /// # Errors
    /// What the queue said.
    pub async fn nudge_next(
        &self,
        id: &WorkspaceId,
        workspace: &Workspace,
        cause: Option<Cause>,
    ) -> Result<(), Fault> {
        let next = events::next(workspace, &self.policy, self.now());
        if matches!(next, Next::Wait { .. }) {
            return Ok(());
        }
        let class = events::workspace::class_of(&next);
        let nudge = Nudge { about: id.into(), cause };
        let group = workspace.team().cloned();
        self.nudge(class, Outgoing { nudge, group, delay: Duration::ZERO }).await
    }

    /// Sets the timer anew from what is known: for a look that found nothing to do yet.
    ///
    /// # Errors
    /// What the timers said.
    pub async fn set_timer(&self, of: &Subject, due: Option<Timestamp>) -> Result<(), Fault> {
        self.timers.set(of, due).await
    }

    /// Sends one message.
    ///
    /// # Errors
    /// What the queue said of the call or of this message.
    pub async fn nudge(&self, class: events::Class, message: Outgoing) -> Result<(), Fault> {
        let results = self.queue.send(class, std::slice::from_ref(&message)).await?;
        results.into_iter().collect()
    }
}
