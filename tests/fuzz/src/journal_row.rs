//! A row of the store that holds something else than was written there: the first byte says which
//! column, the rest is put into it. Nothing panics, what can be derived from other rows is, and
//! nobody else's rows are the worse for it.

use std::sync::{Arc, LazyLock, Mutex, PoisonError};
use std::time::Duration;

use events::{
    Class, Envelope, Event, Next, Policy, StartCause, StopReason, Version, Workspace, WorkspaceId,
};
use local::{Database, Local};
use ports::{Cursor, Delivery, Fault, Journal, Nudge, Outgoing, Projection, Query, Queue, Row};
use tokio::runtime::Runtime;

use super::scratch;

/// Whose rows are changed.
const ANN: &str = "ann";
/// Whose are not.
const BOB: &str = "bob";
/// How many facts each has.
const FACTS: usize = 2;

/// One store for all inputs, because opening one takes longer than a thousand looks at it.
static STORE: LazyLock<Mutex<Store>> = LazyLock::new(|| Mutex::new(Store::open()));

/// Checks one input.
pub fn check(data: &[u8]) {
    let Some((column, text)) = data.split_first() else { return };
    let store = STORE.lock().unwrap_or_else(PoisonError::into_inner);
    store.runtime.block_on(async {
        match column {
            b'e' => store.an_event(text).await,
            b'w' => store.a_fold(text).await,
            b'f' => store.a_row(text).await,
            b'm' => store.a_message(text).await,
            b'd' => store.a_dead_letter(text).await,
            _ => {}
        }
    });
}

struct Store {
    runtime: Runtime,
    database: Arc<Database>,
    journal: Arc<dyn Journal>,
    queue: Arc<dyn Queue>,
    /// What Ann's facts fold to.
    folded: Workspace,
    /// What her second event, her fold and her row hold when nobody has changed them.
    untouched: [String; 3],
}

/// Where her second event, her fold and her row are.
const COLUMNS: [&str; 3] = [
    "UPDATE events SET json = CAST(?1 AS TEXT) WHERE subject = 'ann' AND version = 2",
    "UPDATE workspaces SET workspace = CAST(?1 AS TEXT) WHERE id = 'ann'",
    "UPDATE workspaces SET found = CAST(?1 AS TEXT) WHERE id = 'ann'",
];

impl Store {
    fn open() -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build();
        let runtime = runtime.expect("a runtime");
        let local = Local::open(&scratch::directory().join("store")).expect("a fresh directory");
        let (journal, queue) = (local.journal(), local.queue());
        let folded = runtime.block_on(async {
            record(&local, BOB).await;
            record(&local, ANN).await
        });
        let events = runtime.block_on(journal.history(&id(ANN), Version(0), FACTS)).expect("read");
        let projection = Projection { workspace: folded.clone(), due: None };
        let untouched = [
            serde_json::to_string(&events[1].1).expect("to JSON"),
            serde_json::to_string(&folded).expect("to JSON"),
            serde_json::to_string(&Row::of(&id(ANN), &projection)).expect("to JSON"),
        ];
        Self { runtime, database: local.database(), journal, queue, folded, untouched }
    }

    async fn an_event(&self, text: &[u8]) {
        self.put(COLUMNS[0], text).await;
        let read = serde_json::from_slice::<Envelope>(text).ok();
        let history = self.journal.history(&id(ANN), Version(0), FACTS).await;
        let feed = self.journal.feed(Cursor(0), 2 * FACTS, Duration::ZERO).await;
        match read {
            Some(event) => {
                assert_eq!(history.expect("each can be read")[1].1, event);
                assert_eq!(feed.expect("each can be read")[2 * FACTS - 1].1, event);
            }
            None => {
                is_nonsense(&history.expect_err("one cannot be read"));
                is_nonsense(&feed.expect_err("one cannot be read"));
            }
        }
        let loaded = self.journal.load(&id(ANN)).await.expect("her fold is as it was");
        assert_eq!(loaded.workspace, self.folded);
        self.bob_is_well().await;
        self.put(COLUMNS[0], self.untouched[0].as_bytes()).await;
    }

    async fn a_fold(&self, text: &[u8]) {
        self.put(COLUMNS[1], text).await;
        let loaded = self.journal.load(&id(ANN)).await.expect("her events are the truth");
        let read = serde_json::from_slice::<Workspace>(text).ok();
        assert_eq!(loaded.version.0, u64::try_from(FACTS).expect("few"));
        assert_eq!(loaded.workspace, read.unwrap_or_else(|| self.folded.clone()));
        let now = jiff::Timestamp::UNIX_EPOCH;
        if let Next::Record(event) = events::next(&loaded.workspace, &Policy::default(), now) {
            assert!(!event.name().is_empty());
        }
        self.bob_is_well().await;
        self.put(COLUMNS[1], self.untouched[1].as_bytes()).await;
    }

    async fn a_row(&self, text: &[u8]) {
        self.put(COLUMNS[2], text).await;
        let rows = self.journal.find(&Query::default(), None, 10).await;
        let rows = rows.expect("one bad row is no reason to find nobody");
        let derived = || serde_json::from_str(&self.untouched[2]).expect("a row");
        let read = serde_json::from_slice::<Row>(text).ok().unwrap_or_else(derived);
        assert_eq!(rows.len(), 2, "{rows:?}");
        assert_eq!(rows[0], read);
        assert_eq!(rows[1].workspace, id(BOB));
        self.put(COLUMNS[2], self.untouched[2].as_bytes()).await;
    }

    async fn a_message(&self, text: &[u8]) {
        self.two_messages().await;
        let damage = "UPDATE messages SET body = CAST(?1 AS TEXT) WHERE id = (SELECT min(id) FROM \
                      messages)";
        self.put(damage, text).await;
        let received = self.receive().await;
        let nudges: Vec<_> = received.iter().map(|delivery| delivery.nudge.clone()).collect();
        let read = serde_json::from_slice::<Nudge>(text).ok();
        assert_eq!(nudges, [read, Some(nudge(BOB))]);
        self.empty().await;
    }

    async fn a_dead_letter(&self, text: &[u8]) {
        self.two_messages().await;
        let bury = "INSERT INTO dead_letters (id, class, team, body, sent, receives) SELECT id, \
                    class, team, CAST(?1 AS TEXT), sent, 20 FROM messages ORDER BY id LIMIT 1";
        self.put(bury, text).await;
        let letters = self.queue.dead_letters(Class::Compute, 10).await.expect("listed");
        assert_eq!(letters.len(), 1);
        assert_eq!(letters[0].body, String::from_utf8_lossy(text));
        assert_eq!(self.queue.redrive(Class::Compute).await.expect("sent back"), 1);
        assert_eq!(self.receive().await.len(), 3);
        self.empty().await;
    }

    /// Ann's and, sent after it, Bob's.
    async fn two_messages(&self) {
        let messages = [ANN, BOB].map(|name| Outgoing {
            nudge: nudge(name),
            group: None,
            delay: Duration::ZERO,
        });
        self.queue.send(Class::Compute, &messages).await.expect("sent");
    }

    async fn receive(&self) -> Vec<Delivery> {
        let visible_again = Duration::from_secs(60);
        let received = self.queue.receive(Class::Compute, 10, Duration::ZERO, visible_again).await;
        received.expect("one bad message is no reason to give none")
    }

    async fn empty(&self) {
        self.put("DELETE FROM messages WHERE length(?1) >= 0", b"").await;
    }

    /// Runs SQL with these bytes as its one parameter, past all that checks what is written.
    async fn put(&self, sql: &'static str, bytes: &[u8]) {
        let bytes = bytes.to_vec();
        let write = self.database.write(move |tx| {
            tx.execute(sql, [bytes])?;
            Ok(())
        });
        write.await.expect("written");
    }

    async fn bob_is_well(&self) {
        let bob = id(BOB);
        let history = self.journal.history(&bob, Version(0), FACTS).await.expect("his events");
        assert_eq!(history.len(), FACTS);
        assert_eq!(self.journal.load(&bob).await.expect("his fold").workspace, self.folded);
    }
}

/// Started and stopped, so that there is something to fold.
async fn record(local: &Local, name: &str) -> Workspace {
    let generation = events::Gen(1);
    let facts = [
        Event::StartRequested { generation, cause: StartCause::Login },
        Event::StopRequested { generation, reason: StopReason::Person },
    ];
    let time = jiff::Timestamp::from_second(1_780_000_000).expect("in range");
    let mut workspace = Workspace::default();
    let envelopes = facts.map(|event| {
        workspace.absorb(time, &event);
        let stamp = events::Stamp { id: local.ids().event_id(time), time, cause: None };
        Envelope::new("/tests/fuzz", Some(id(name)), stamp, event)
    });
    let projection = Projection { workspace: workspace.clone(), due: None };
    let journal = local.journal();
    journal.append(&id(name), Version(0), &envelopes, &projection).await.expect("appended");
    workspace
}

fn id(name: &str) -> WorkspaceId {
    name.parse().expect("a name")
}

fn nudge(name: &str) -> Nudge {
    Nudge { about: id(name).into(), cause: None }
}

fn is_nonsense(fault: &Fault) {
    assert!(matches!(fault, Fault::Nonsense { .. }), "not for a human: {fault:?}");
}
