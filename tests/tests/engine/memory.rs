//! Journal, queue, timers, leases, routes and suspects in memory, with the ports' promises and no more. Every
//! call first gives way once, so that a test can drive two handlers call by call.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use events::{Attempt, Class, Envelope, Gen, Secret, Subject, Version, Workspace, WorkspaceId};
use jiff::Timestamp;
use ports::{
    Cursor, Delivery, Fault, Handle, Journal, Lease, LeaseLookup, Leases, Letter, Loaded, Nudge,
    Outgoing, Projection, Query, Queue, Route, Routes, Row, Suspect, Suspects, Timers, async_trait,
};

#[derive(Default)]
pub(crate) struct Memory(Mutex<State>);

#[derive(Default)]
struct State {
    lists: BTreeMap<WorkspaceId, (Vec<Envelope>, Workspace, Option<Timestamp>)>,
    waiting: BTreeMap<Class, VecDeque<(Nudge, u32)>>,
    flying: BTreeMap<Handle, (Nudge, u32)>,
    received: u64,
    sends_that_fail: usize,
    timers: BTreeMap<Subject, Timestamp>,
    leases: Vec<Lease>,
    revoked: BTreeMap<WorkspaceId, (Gen, Attempt)>,
    routes: BTreeMap<WorkspaceId, Route>,
    closed: BTreeMap<WorkspaceId, (Gen, Attempt)>,
    suspects: BTreeMap<Suspect, Timestamp>,
}

impl Memory {
    /// Makes the next send fail.
    pub(crate) fn fail_a_send(&self) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).sends_that_fail += 1;
    }

    async fn turn(&self) -> MutexGuard<'_, State> {
        tokio::task::yield_now().await;
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl Journal for Memory {
    async fn load(&self, id: &WorkspaceId) -> Result<Loaded, Fault> {
        let state = self.turn().await;
        let loaded = state.lists.get(id).map(|(events, workspace, _)| Loaded {
            version: Version(events.len() as u64),
            workspace: workspace.clone(),
        });
        Ok(loaded.unwrap_or_default())
    }

    async fn append(
        &self,
        id: &WorkspaceId,
        expected: Version,
        events: &[Envelope],
        projection: &Projection,
    ) -> Result<Version, Fault> {
        let mut state = self.turn().await;
        let (list, workspace, due) = state.lists.entry(id.clone()).or_default();
        if list.len() as u64 != expected.0 {
            return Err(Fault::Conflict);
        }
        list.extend(events.iter().cloned());
        *workspace = projection.workspace.clone();
        *due = projection.due;
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
        let state = self.turn().await;
        let list = state.lists.get(id).map(|(events, ..)| events.clone()).unwrap_or_default();
        let numbered = (1..).map(Version).zip(list);
        Ok(numbered.filter(|(version, _)| *version > after).take(limit).collect())
    }

    async fn feed(
        &self,
        _: Cursor,
        _: usize,
        _: Duration,
    ) -> Result<Vec<(Cursor, Envelope)>, Fault> {
        Ok(Vec::new())
    }

    async fn find(
        &self,
        query: &Query,
        after: Option<&WorkspaceId>,
        limit: usize,
    ) -> Result<Vec<Row>, Fault> {
        let state = self.turn().await;
        let row = |(id, (_, workspace, due)): (&WorkspaceId, &(Vec<Envelope>, Workspace, _))| {
            Row::of(id, &Projection { workspace: workspace.clone(), due: *due })
        };
        let fits = |row: &Row| {
            (query.status.is_empty() || query.status.contains(&row.status))
                && query.due_by.is_none_or(|by| row.due.is_some_and(|due| due <= by))
                && after.is_none_or(|after| row.workspace > *after)
        };
        Ok(state.lists.iter().map(row).filter(fits).take(limit).collect())
    }
}

#[async_trait]
impl Queue for Memory {
    async fn send(
        &self,
        class: Class,
        messages: &[Outgoing],
    ) -> Result<Vec<Result<(), Fault>>, Fault> {
        let mut state = self.turn().await;
        if state.sends_that_fail > 0 {
            state.sends_that_fail -= 1;
            return Err(Fault::unavailable("the queue", "it does not answer"));
        }
        let queue = state.waiting.entry(class).or_default();
        queue.extend(messages.iter().map(|message| (message.nudge.clone(), 0)));
        Ok(messages.iter().map(|_| Ok(())).collect())
    }

    async fn receive(
        &self,
        class: Class,
        max: usize,
        _: Duration,
        _: Duration,
    ) -> Result<Vec<Delivery>, Fault> {
        let mut state = self.turn().await;
        let queue = state.waiting.entry(class).or_default();
        let taken: Vec<_> = queue.drain(..queue.len().min(max)).collect();
        let deliveries = taken.into_iter().map(|(nudge, receives)| {
            state.received += 1;
            let handle = Handle(state.received.to_string());
            state.flying.insert(handle.clone(), (nudge.clone(), receives + 1));
            let sent = Timestamp::UNIX_EPOCH;
            Delivery { handle, nudge: Some(nudge), receives: receives + 1, sent }
        });
        Ok(deliveries.collect())
    }

    async fn delete(&self, _: Class, handles: &[Handle]) -> Result<(), Fault> {
        let mut state = self.turn().await;
        state.flying.retain(|handle, _| !handles.contains(handle));
        Ok(())
    }

    async fn change_visibility(
        &self,
        class: Class,
        handle: &Handle,
        _: Duration,
    ) -> Result<(), Fault> {
        let mut state = self.turn().await;
        if let Some(message) = state.flying.remove(handle) {
            state.waiting.entry(class).or_default().push_back(message);
        }
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
impl Timers for Memory {
    async fn set(&self, id: &Subject, at: Option<Timestamp>) -> Result<(), Fault> {
        let mut state = self.turn().await;
        match at {
            Some(at) => state.timers.insert(id.clone(), at),
            None => state.timers.remove(id),
        };
        Ok(())
    }

    async fn due(
        &self,
        now: Timestamp,
        limit: usize,
        _: Duration,
    ) -> Result<Vec<(Subject, Timestamp)>, Fault> {
        let state = self.turn().await;
        let due = state.timers.iter().filter(|(_, at)| **at <= now);
        Ok(due.take(limit).map(|(id, at)| (id.clone(), *at)).collect())
    }

    async fn fired(&self, id: &Subject, at: Timestamp) -> Result<(), Fault> {
        let mut state = self.turn().await;
        state.timers.retain(|known, time| known != id || *time != at);
        Ok(())
    }
}

#[async_trait]
impl LeaseLookup for Memory {
    async fn find(&self, _: &str) -> Result<Option<Lease>, Fault> {
        Ok(None)
    }
}

#[async_trait]
impl Leases for Memory {
    fn token(&self, id: &WorkspaceId, generation: Gen, attempt: Attempt) -> Secret {
        Secret::new(format!("token-{id}-{generation}-{attempt}"))
    }

    fn pass(&self, id: &WorkspaceId, generation: Gen, attempt: Attempt) -> Secret {
        Secret::new(format!("pass-{id}-{generation}-{attempt}"))
    }

    async fn grant(&self, lease: &Lease) -> Result<(), Fault> {
        let mut state = self.turn().await;
        let fence = state.revoked.get(&lease.workspace);
        if fence.is_some_and(|fence| *fence >= (lease.generation, lease.attempt)) {
            let words = "the lease was revoked";
            let reason = events::Reason::new(events::ReasonClass::Internal, words);
            return Err(Fault::Refused(reason));
        }
        if !state.leases.contains(lease) {
            state.leases.push(lease.clone());
        }
        Ok(())
    }

    async fn revoke(
        &self,
        id: &WorkspaceId,
        generation: Gen,
        attempt: Attempt,
    ) -> Result<(), Fault> {
        let mut state = self.turn().await;
        let fence = state.revoked.entry(id.clone()).or_default();
        *fence = (*fence).max((generation, attempt));
        let old =
            |l: &Lease| l.workspace == *id && (l.generation, l.attempt) <= (generation, attempt);
        state.leases.retain(|lease| !old(lease));
        Ok(())
    }

    async fn list(&self) -> Result<Vec<Lease>, Fault> {
        Ok(self.turn().await.leases.clone())
    }
}

#[async_trait]
impl Routes for Memory {
    async fn open(&self, id: &WorkspaceId, route: &Route) -> Result<bool, Fault> {
        let mut state = self.turn().await;
        let this = (route.generation, route.attempt);
        let closed = state.closed.get(id).is_some_and(|fence| *fence >= this);
        let later = state.routes.get(id).is_some_and(|r| (r.generation, r.attempt) > this);
        if !closed && !later {
            state.routes.insert(id.clone(), *route);
        }
        Ok(state.routes.get(id) == Some(route))
    }

    async fn close(
        &self,
        id: &WorkspaceId,
        generation: Gen,
        attempt: Attempt,
    ) -> Result<(), Fault> {
        let mut state = self.turn().await;
        let fence = state.closed.entry(id.clone()).or_default();
        *fence = (*fence).max((generation, attempt));
        state
            .routes
            .retain(|known, r| known != id || (r.generation, r.attempt) > (generation, attempt));
        Ok(())
    }

    async fn find(&self, id: &WorkspaceId) -> Result<Option<Route>, Fault> {
        Ok(self.turn().await.routes.get(id).copied())
    }

    async fn list(&self) -> Result<Vec<(WorkspaceId, Route)>, Fault> {
        Ok(self.turn().await.routes.iter().map(|(id, route)| (id.clone(), *route)).collect())
    }
}

#[async_trait]
impl Suspects for Memory {
    async fn compare(
        &self,
        now: Timestamp,
        found: &[Suspect],
    ) -> Result<Vec<(Suspect, Timestamp)>, Fault> {
        let mut state = self.turn().await;
        let known = std::mem::take(&mut state.suspects);
        let since = |suspect: &Suspect| known.get(suspect).map_or(now, |since| now.min(*since));
        state.suspects = found.iter().map(|it| (it.clone(), since(it))).collect();
        Ok(state.suspects.clone().into_iter().collect())
    }

    async fn list(&self) -> Result<Vec<(Suspect, Timestamp)>, Fault> {
        Ok(self.turn().await.suspects.clone().into_iter().collect())
    }
}
