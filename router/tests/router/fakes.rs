//! The ports in memory: as little as the front door needs.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use events::{
    Attempt, Class, Envelope, EventId, Gen, Policy, Secret, Version, Workspace, WorkspaceId,
};
use jiff::Timestamp;
use ports::{
    Clock, Cursor, Delivery, Fault, Handle, Ids, Journal, Lease, LeaseLookup, Leases, Letter,
    Loaded, Outgoing, People, Person, Projection, Query, Queue, Route, Routes, Row, Session,
    Timers,
};

/// Starts at a fixed time and goes on by a millisecond with each look.
pub(crate) struct StepClock(AtomicI64);

impl Default for StepClock {
    fn default() -> Self {
        Self(AtomicI64::new(1_700_000_000_000))
    }
}

impl StepClock {
    pub(crate) fn pass(&self, time: Duration) {
        self.0.fetch_add(time.as_millis() as i64, Ordering::SeqCst);
    }
}

impl Clock for StepClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_millisecond(self.0.fetch_add(1, Ordering::SeqCst)).expect("a time")
    }
}

#[derive(Default)]
pub(crate) struct Counter(AtomicU64);

impl Ids for Counter {
    fn event_id(&self, at: Timestamp) -> EventId {
        let n = self.0.fetch_add(1, Ordering::SeqCst);
        let mut random = [0; 10];
        random[2..].copy_from_slice(&n.to_be_bytes());
        let ms = at.as_millisecond() as u64;
        EventId(uuid::Builder::from_unix_timestamp_millis(ms, &random).into_uuid())
    }

    fn token(&self) -> Secret {
        Secret::new(format!("{:064x}", self.0.fetch_add(1, Ordering::SeqCst)))
    }

    fn below(&self, _: u64) -> u64 {
        0
    }
}

#[derive(Default)]
pub(crate) struct MemoryJournal {
    lists: Mutex<BTreeMap<WorkspaceId, Vec<Envelope>>>,
    /// Nothing can be written, as on a full disk.
    pub(crate) full: AtomicBool,
}

impl MemoryJournal {
    pub(crate) fn all(&self, id: &WorkspaceId) -> Vec<Envelope> {
        self.lists.lock().expect("lists").get(id).cloned().unwrap_or_default()
    }

    pub(crate) fn fold(&self, id: &WorkspaceId) -> Loaded {
        let all = self.all(id);
        let mut workspace = Workspace::default();
        for fact in &all {
            workspace.absorb(fact.time, &fact.event);
        }
        Loaded { version: Version(all.len() as u64), workspace }
    }
}

#[async_trait]
impl Journal for MemoryJournal {
    async fn load(&self, id: &WorkspaceId) -> Result<Loaded, Fault> {
        Ok(self.fold(id))
    }

    async fn append(
        &self,
        id: &WorkspaceId,
        expected: Version,
        events: &[Envelope],
        _: &Projection,
    ) -> Result<Version, Fault> {
        if self.full.load(Ordering::SeqCst) {
            return Err(Fault::unavailable("the journal", "no space left"));
        }
        let mut lists = self.lists.lock().expect("lists");
        let list = lists.entry(id.clone()).or_default();
        if Version(list.len() as u64) != expected {
            return Err(Fault::Conflict);
        }
        list.extend(events.iter().cloned());
        Ok(Version(list.len() as u64))
    }

    async fn record(&self, _: &[Envelope]) -> Result<(), Fault> {
        Ok(())
    }

    async fn history(
        &self,
        id: &WorkspaceId,
        after: Version,
        limit: usize,
    ) -> Result<Vec<(Version, Envelope)>, Fault> {
        let all = self.all(id).into_iter().enumerate();
        let all = all.map(|(n, fact)| (Version(n as u64 + 1), fact));
        Ok(all.filter(|(version, _)| *version > after).take(limit).collect())
    }

    async fn feed(
        &self,
        _: Cursor,
        _: usize,
        _: Duration,
    ) -> Result<Vec<(Cursor, Envelope)>, Fault> {
        Ok(Vec::new())
    }

    async fn find(&self, _: &Query, _: Option<&WorkspaceId>, _: usize) -> Result<Vec<Row>, Fault> {
        Ok(Vec::new())
    }
}

/// Takes nudges and timers, and does nothing with them.
pub(crate) struct Nobody;

#[async_trait]
impl Queue for Nobody {
    async fn send(&self, _: Class, messages: &[Outgoing]) -> Result<Vec<Result<(), Fault>>, Fault> {
        Ok(messages.iter().map(|_| Ok(())).collect())
    }

    async fn receive(
        &self,
        _: Class,
        _: usize,
        _: Duration,
        _: Duration,
    ) -> Result<Vec<Delivery>, Fault> {
        Ok(Vec::new())
    }

    async fn delete(&self, _: Class, _: &[Handle]) -> Result<(), Fault> {
        Ok(())
    }

    async fn change_visibility(&self, _: Class, _: &Handle, _: Duration) -> Result<(), Fault> {
        Ok(())
    }

    async fn dead_letters(&self, _: Class, _: usize) -> Result<Vec<Letter>, Fault> {
        Ok(Vec::new())
    }

    async fn redrive(&self, _: Class) -> Result<usize, Fault> {
        Ok(0)
    }
}

#[async_trait]
impl Timers for Nobody {
    async fn set(&self, _: &events::Subject, _: Option<Timestamp>) -> Result<(), Fault> {
        Ok(())
    }

    async fn due(
        &self,
        _: Timestamp,
        _: usize,
        _: Duration,
    ) -> Result<Vec<(events::Subject, Timestamp)>, Fault> {
        Ok(Vec::new())
    }

    async fn fired(&self, _: &events::Subject, _: Timestamp) -> Result<(), Fault> {
        Ok(())
    }
}

#[derive(Default)]
pub(crate) struct MemoryPeople {
    pub(crate) ids: Counter,
    pub(crate) sessions: Mutex<BTreeMap<String, (Person, Timestamp)>>,
    pub(crate) links: Mutex<BTreeMap<String, (Person, Timestamp)>>,
}

#[async_trait]
impl People for MemoryPeople {
    async fn invite(&self, person: &Person, until: Timestamp) -> Result<Secret, Fault> {
        let secret = self.ids.token();
        let mut links = self.links.lock().expect("links");
        links.insert(secret.expose().to_owned(), (person.clone(), until));
        Ok(secret)
    }

    async fn redeem(
        &self,
        secret: &str,
        now: Timestamp,
        until: Timestamp,
    ) -> Result<Option<(Person, Session)>, Fault> {
        let link = self.links.lock().expect("links").remove(secret);
        let Some((person, _)) = link.filter(|(_, late)| now < *late) else { return Ok(None) };
        let token = self.ids.token();
        let mut sessions = self.sessions.lock().expect("sessions");
        sessions.insert(token.expose().to_owned(), (person.clone(), until));
        Ok(Some((person, Session { token, until })))
    }

    async fn find(&self, token: &str, now: Timestamp) -> Result<Option<Person>, Fault> {
        let sessions = self.sessions.lock().expect("sessions");
        let session = sessions.get(token).filter(|(_, until)| now < *until);
        Ok(session.map(|(person, _)| person.clone()))
    }

    async fn count(&self, id: &WorkspaceId, now: Timestamp) -> Result<usize, Fault> {
        let sessions = self.sessions.lock().expect("sessions");
        let good = |(person, until): &&(Person, Timestamp)| person.id == *id && now < *until;
        Ok(sessions.values().filter(good).count())
    }

    async fn forget(&self, id: &WorkspaceId) -> Result<(), Fault> {
        self.sessions.lock().expect("sessions").retain(|_, (person, _)| person.id != *id);
        Ok(())
    }
}

#[derive(Default)]
pub(crate) struct MemoryRoutes(pub Mutex<BTreeMap<WorkspaceId, Route>>);

#[async_trait]
impl Routes for MemoryRoutes {
    async fn open(&self, id: &WorkspaceId, route: &Route) -> Result<bool, Fault> {
        self.0.lock().expect("routes").insert(id.clone(), *route);
        Ok(true)
    }

    async fn close(&self, id: &WorkspaceId, _: Gen, _: Attempt) -> Result<(), Fault> {
        self.0.lock().expect("routes").remove(id);
        Ok(())
    }

    async fn find(&self, id: &WorkspaceId) -> Result<Option<Route>, Fault> {
        Ok(self.0.lock().expect("routes").get(id).copied())
    }

    async fn list(&self) -> Result<Vec<(WorkspaceId, Route)>, Fault> {
        Ok(Vec::new())
    }
}

/// Derives the names as the real one does; grants nothing.
pub(crate) struct Derived;

#[async_trait]
impl LeaseLookup for Derived {
    async fn find(&self, _: &str) -> Result<Option<Lease>, Fault> {
        Ok(None)
    }
}

#[async_trait]
impl Leases for Derived {
    fn token(&self, id: &WorkspaceId, generation: Gen, attempt: Attempt) -> Secret {
        events::token::lease_token(&Secret::new("pool"), id, generation, attempt)
    }

    fn pass(&self, id: &WorkspaceId, generation: Gen, attempt: Attempt) -> Secret {
        events::token::pass(&Secret::new("pool"), id, generation, attempt)
    }

    async fn grant(&self, _: &Lease) -> Result<(), Fault> {
        Ok(())
    }

    async fn revoke(&self, _: &WorkspaceId, _: Gen, _: Attempt) -> Result<(), Fault> {
        Ok(())
    }

    async fn list(&self) -> Result<Vec<Lease>, Fault> {
        Ok(Vec::new())
    }
}

pub(crate) fn policy() -> Policy {
    Policy::default()
}
