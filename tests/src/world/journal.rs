//! The journal: conditional appends over versions, searches that lag behind, conflicts that nobody
//! made, appends that are written although their answer is lost.

use std::collections::BTreeMap;
use std::time::Duration;

use events::{Envelope, EventId, Policy, Status, Version, Workspace, WorkspaceId};
use jiff::Timestamp;
use ports::{Cursor, Fault, Journal, Loaded, Projection, Query, Row, async_trait};
use tokio::time::{Instant, timeout_at};

use super::seat::Call;
use super::{Hazard, Pace, Seat, State};

/// Every list, and the order over all of them.
#[derive(Clone, Default)]
pub struct Lists {
    lists: BTreeMap<WorkspaceId, List>,
    /// Where each recorded event is; those of no list have no version.
    places: BTreeMap<EventId, Option<(WorkspaceId, Version)>>,
    /// In the order of recording: an event of a list by its place, one of none whole.
    feed: Vec<Entry>,
}

#[derive(Clone)]
enum Entry {
    Of(WorkspaceId, usize),
    Alone(Box<Envelope>),
}

/// One workspace's list.
#[derive(Clone, Default)]
pub struct List {
    /// Its events.
    pub events: Vec<Envelope>,
    /// What they were said to fold to with the last append.
    pub workspace: Workspace,
    /// When time alone changes what is next.
    pub due: Option<Timestamp>,
    status: Option<Status>,
}

impl List {
    fn version(&self) -> Version {
        Version(self.events.len() as u64)
    }

    /// Where the workspace stands.
    pub fn status(&self) -> Status {
        self.status.unwrap_or(Status::Asleep)
    }

    /// What its first events fold to.
    pub fn folded(&self, count: usize) -> Workspace {
        let mut workspace = Workspace::default();
        for envelope in &self.events[..count] {
            workspace.absorb(envelope.time, &envelope.event);
        }
        workspace
    }
}

impl Lists {
    /// Every list.
    pub fn all(&self) -> impl Iterator<Item = (&WorkspaceId, &List)> {
        self.lists.iter()
    }

    /// One list.
    pub fn of(&self, id: &WorkspaceId) -> Option<&List> {
        self.lists.get(id)
    }

    fn append(
        &mut self,
        id: &WorkspaceId,
        expected: Version,
        events: &[Envelope],
        projection: &Projection,
    ) -> Result<Version, Fault> {
        if events.iter().any(|event| event.subject.as_ref() != Some(id)) {
            return Err(nonsense("an event of another workspace"));
        }
        let known = |event: &Envelope| match self.places.get(&event.id) {
            Some(Some((of, version))) if of == id => Some(*version),
            Some(_) | None => None,
        };
        let repeated: Option<Vec<Version>> = events.iter().map(known).collect();
        if let Some(last) = repeated.and_then(|all| all.into_iter().max()) {
            return Ok(last);
        }
        let list = self.lists.entry(id.clone()).or_default();
        if list.version() != expected {
            return Err(Fault::Conflict);
        }
        if events.iter().any(|event| self.places.contains_key(&event.id)) {
            return Err(nonsense("an event that is recorded already"));
        }
        for event in events {
            self.feed.push(Entry::Of(id.clone(), list.events.len()));
            list.events.push(event.clone());
            self.places.insert(event.id, Some((id.clone(), list.version())));
        }
        list.workspace = projection.workspace.clone();
        list.due = projection.due;
        list.status = Some(projection.workspace.status());
        Ok(list.version())
    }

    /// Records an event of no list, unless it is known.
    pub(super) fn alone(&mut self, event: &Envelope) -> bool {
        if self.places.contains_key(&event.id) {
            return false;
        }
        self.places.insert(event.id, None);
        self.feed.push(Entry::Alone(Box::new(event.clone())));
        true
    }

    fn entry(&self, entry: &Entry) -> Option<Envelope> {
        match entry {
            Entry::Of(id, place) => self.lists.get(id)?.events.get(*place).cloned(),
            Entry::Alone(event) => Some((**event).clone()),
        }
    }

    fn read_feed(&self, after: Cursor, limit: usize) -> Vec<(Cursor, Envelope)> {
        let numbered = (1..).map(Cursor).zip(&self.feed).filter(|(cursor, _)| *cursor > after);
        let whole = numbered.filter_map(|(cursor, entry)| Some((cursor, self.entry(entry)?)));
        whole.take(limit).collect()
    }

    fn find(&self, query: &Query, after: Option<&WorkspaceId>, limit: usize) -> Vec<Row> {
        let quick = |(id, list): &(&WorkspaceId, &List)| {
            after.is_none_or(|after| *id > after)
                && (query.status.is_empty() || query.status.contains(&list.status()))
                && query.due_by.is_none_or(|by| list.due.is_some_and(|due| due <= by))
        };
        let row = |(id, list): (&WorkspaceId, &List)| {
            Row::of(id, &Projection { workspace: list.workspace.clone(), due: list.due })
        };
        let fits = |row: &Row| query.matches(row);
        self.lists.iter().filter(quick).map(row).filter(fits).take(limit).collect()
    }
}

#[async_trait]
impl Journal for Seat {
    async fn load(&self, id: &WorkspaceId) -> Result<Loaded, Fault> {
        self.call(Call::Load, |state, _| Ok(load(&state.journal, id))).await
    }

    async fn append(
        &self,
        id: &WorkspaceId,
        expected: Version,
        events: &[Envelope],
        projection: &Projection,
    ) -> Result<Version, Fault> {
        let process = self.process();
        let append = |state: &mut State, now| {
            if state.weather.strikes(Hazard::FalseConflict) {
                return Err(Fault::Conflict);
            }
            let version = state.journal.append(id, expected, events, projection)?;
            for event in events {
                state.trace.note(now, process, version.0, || format!("{id} ⇒ {:?}", event.event));
            }
            Ok(version)
        };
        let version = self.call(Call::Append, append).await;
        self.world().news().feed.notify_waiters();
        self.world().news().stir.notify_waiters();
        version
    }

    async fn record(&self, events: &[Envelope]) -> Result<(), Fault> {
        let record = |state: &mut State, _| {
            events.iter().for_each(|event| {
                state.journal.alone(event);
            });
            Ok(())
        };
        let recorded = self.call(Call::Record, record).await;
        self.world().news().feed.notify_waiters();
        recorded
    }

    async fn history(
        &self,
        id: &WorkspaceId,
        after: Version,
        limit: usize,
    ) -> Result<Vec<(Version, Envelope)>, Fault> {
        let read = |state: &mut State, _| {
            let events = state.journal.of(id).map(|list| list.events.as_slice());
            let numbered = (1..).map(Version).zip(events.unwrap_or_default());
            let wanted = numbered.filter(|(version, _)| *version > after).take(limit);
            Ok(wanted.map(|(version, event)| (version, event.clone())).collect())
        };
        self.call(Call::History, read).await
    }

    async fn feed(
        &self,
        after: Cursor,
        limit: usize,
        wait: Duration,
    ) -> Result<Vec<(Cursor, Envelope)>, Fault> {
        let until = Instant::now() + wait;
        loop {
            let news = self.world().news().feed.notified();
            let read = |state: &mut State, _| Ok(state.journal.read_feed(after, limit));
            let found = self.call(Call::Feed, read).await?;
            let over = self.world().pace() != Pace::Live || Instant::now() >= until;
            if !found.is_empty() || over || timeout_at(until, news).await.is_err() {
                return Ok(found);
            }
        }
    }

    async fn find(
        &self,
        query: &Query,
        after: Option<&WorkspaceId>,
        limit: usize,
    ) -> Result<Vec<Row>, Fault> {
        let policy = self.world().policy();
        let search = |state: &mut State, _| Ok(find(state, query, after, limit, &policy));
        self.call(Call::Find, search).await
    }
}

/// A search reads an index, which may lag behind: as it was a few events ago.
fn find(
    state: &mut State,
    query: &Query,
    after: Option<&WorkspaceId>,
    limit: usize,
    policy: &Policy,
) -> Vec<Row> {
    let State { journal, weather, .. } = state;
    let mut rows = journal.find(query, after, limit);
    rows.retain(|_| !weather.strikes(Hazard::MissedRow));
    for row in &mut rows {
        let Some(list) = journal.of(&row.workspace) else { continue };
        if weather.strikes(Hazard::StaleRead) {
            let behind = usize::try_from(weather.between(1, 4)).unwrap_or(1);
            let count = list.events.len().saturating_sub(behind);
            let then = list.events[..count].last().map(|envelope| envelope.time);
            let workspace = list.folded(count);
            let projection = Projection::of(workspace, policy, then.unwrap_or(Timestamp::MIN));
            *row = Row::of(&row.workspace, &projection);
        }
    }
    rows
}

fn load(journal: &Lists, id: &WorkspaceId) -> Loaded {
    let loaded = journal
        .of(id)
        .map(|list| Loaded { version: list.version(), workspace: list.workspace.clone() });
    loaded.unwrap_or_default()
}

fn nonsense(words: &str) -> Fault {
    Fault::Nonsense { service: "the journal", words: words.to_owned() }
}
