//! What the conformance suite cannot reach through the port: who writes a timer, and for whom it is
//! news.

use events::{Envelope, Event, Gen, Stamp, StartCause, Version, WorkspaceId};
use ports::{Ids as _, Journal as _, Projection};
use system::SystemIds;

use super::*;
use crate::journal::SqliteJournal;
use crate::scratch::Scratch;

const NOW: Duration = Duration::ZERO;

fn second(second: i64) -> Timestamp {
    Timestamp::from_second(1_790_000_000 + second).expect("in range")
}

fn ann() -> WorkspaceId {
    "ann".parse().expect("a name")
}

fn database(scratch: &Scratch) -> Arc<Database> {
    Arc::new(Database::open(&scratch.path("db")).expect("opens"))
}

/// A start of ann's workspace, and the projection that has it due at a second.
fn start(due: i64) -> (Envelope, Projection) {
    let stamp =
        Stamp { id: SystemIds::default().event_id(second(0)), time: second(0), cause: None };
    let event = Event::StartRequested { generation: Gen(1), cause: StartCause::Login };
    let fact = Envelope::new("/test", Some(ann()), stamp, event);
    (fact, Projection { workspace: events::Workspace::default(), due: Some(second(due)) })
}

#[tokio::test]
async fn a_crash_right_after_an_append_loses_no_timer() {
    let scratch = Scratch::new();
    let (fact, projection) = start(60);
    let journal = SqliteJournal::new(database(&scratch));
    journal.append(&ann(), Version(0), &[fact], &projection).await.expect("appended");
    drop(journal);
    let timers = SqliteTimers::new(database(&scratch));
    assert!(timers.due(second(59), 10, NOW).await.expect("read").is_empty());
    assert_eq!(timers.due(second(60), 10, NOW).await.expect("read"), [(ann().into(), second(60))]);
}

#[tokio::test]
async fn a_repeated_append_leaves_a_timer_that_was_moved_since() {
    let scratch = Scratch::new();
    let database = database(&scratch);
    let timers = SqliteTimers::new(Arc::clone(&database));
    let journal = SqliteJournal::new(database);
    let (fact, projection) = start(60);
    let facts = [fact];
    journal.append(&ann(), Version(0), &facts, &projection).await.expect("appended");
    timers.set(&ann().into(), Some(second(30))).await.expect("moved");
    journal.append(&ann(), Version(0), &facts, &projection).await.expect("repeated");
    assert_eq!(timers.due(second(99), 10, NOW).await.expect("read"), [(ann().into(), second(30))]);
}

#[tokio::test]
async fn only_a_new_first_timer_is_news_for_who_waits_for_the_first() {
    let scratch = Scratch::new();
    let database = database(&scratch);
    let set = async |name: &str, at: Option<i64>| {
        let (id, at) = (name.parse().expect("a name"), at.map(second));
        database.write(move |tx| super::set(tx, &id, at)).await.expect("set")
    };
    assert!(set("ann", Some(60)).await, "the only one");
    assert!(!set("ann", Some(60)).await, "nothing changed");
    assert!(!set("bea", Some(90)).await, "later than the first");
    assert!(set("bea", Some(30)).await, "moved to the front");
    assert!(!set("bea", None).await, "who waits wakes at its time and finds the next");
}
