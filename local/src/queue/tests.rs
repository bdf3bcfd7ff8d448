//! What the conformance suite cannot reach through the port.

use super::*;
use jiff::{SignedDuration, Timestamp};
use std::path::PathBuf;
use std::sync::Mutex;

use crate::scratch::Scratch;

struct SetClock(Mutex<Timestamp>);

impl Clock for SetClock {
    fn now(&self) -> Timestamp {
        *self.0.lock().expect("not poisoned")
    }
}

fn clock(second: i64) -> Arc<SetClock> {
    Arc::new(SetClock(Mutex::new(Timestamp::from_second(second).expect("in range"))))
}

fn nudge(name: &str) -> Outgoing {
    let nudge = ports::Nudge { about: name.parse().expect("a name"), cause: None };
    Outgoing { nudge, group: None, delay: Duration::ZERO }
}

fn queue(path: PathBuf, clock: Arc<SetClock>) -> SqliteQueue {
    let steady = Steady::starting(clock.now());
    let fit = |tx: &Transaction<'_>| messages::pull_back(tx, steady.now_ms());
    let database = Database::open_under(&path, None, fit).expect("opens");
    SqliteQueue::new(Arc::new(database), clock, steady)
}

const CLASS: Class = Class::Compute;
const NOW: Duration = Duration::ZERO;
const HIDDEN: Duration = Duration::from_millis(300);

#[tokio::test]
async fn with_its_most_in_flight_a_queue_gives_nothing_until_one_is_settled() {
    let scratch = Scratch::new();
    let queue = queue(scratch.path("db"), clock(1_790_000_000)).with_in_flight_max(2);
    queue.send(CLASS, &["a", "b", "c"].map(nudge)).await.expect("sent");
    let minute = Duration::from_secs(60);
    let first = queue.receive(CLASS, 10, NOW, minute).await.expect("received");
    assert_eq!(first.len(), 2);
    assert!(queue.receive(CLASS, 10, NOW, minute).await.expect("received").is_empty());
    queue.delete(CLASS, &[first[0].handle.clone()]).await.expect("deleted");
    assert_eq!(queue.receive(CLASS, 10, NOW, minute).await.expect("received").len(), 1);
}

fn of_team(team: &str, name: &str) -> Outgoing {
    Outgoing { group: Some(team.parse().expect("a name")), ..nudge(name) }
}

async fn names(queue: &SqliteQueue, max: usize) -> Vec<String> {
    let got = queue.receive(CLASS, max, NOW, Duration::from_secs(60)).await.expect("received");
    got.into_iter().map(|got| got.nudge.expect("readable").about.to_string()).collect()
}

#[tokio::test]
async fn teams_take_turns_within_a_receive_and_from_one_to_the_next() {
    let scratch = Scratch::new();
    let queue = queue(scratch.path("db"), clock(1_790_000_000));
    let sent = ["a1", "a2", "a3", "b1", "b2", "c1"].map(|name| of_team(&name[..1], name));
    queue.send(CLASS, &sent).await.expect("sent");
    assert_eq!(names(&queue, 2).await, ["a1", "b1"]);
    assert_eq!(names(&queue, 10).await, ["c1", "a2", "b2", "a3"]);
}

#[tokio::test]
async fn a_team_with_less_in_flight_comes_before_one_that_was_served_longer_ago() {
    let scratch = Scratch::new();
    let queue = queue(scratch.path("db"), clock(1_790_000_000));
    queue.send(CLASS, &[of_team("a", "a1"), of_team("a", "a2")]).await.expect("sent");
    assert_eq!(names(&queue, 2).await, ["a1", "a2"]);
    queue.send(CLASS, &[of_team("b", "b1")]).await.expect("sent");
    assert_eq!(names(&queue, 1).await, ["b1"]);
    // Now a was served longer ago, and has two in flight against one.
    queue.send(CLASS, &[of_team("a", "a3"), of_team("b", "b2")]).await.expect("sent");
    assert_eq!(names(&queue, 2).await, ["b2", "a3"]);
}

#[tokio::test]
async fn messages_of_no_team_are_not_held_up_by_their_own_kind() {
    let scratch = Scratch::new();
    let queue = queue(scratch.path("db"), clock(1_790_000_000));
    queue.send(CLASS, &["n1", "n2", "n3", "n4"].map(nudge)).await.expect("sent");
    assert_eq!(names(&queue, 3).await.len(), 3);
    queue.send(CLASS, &[of_team("a", "a1"), of_team("a", "a2")]).await.expect("sent");
    assert_eq!(names(&queue, 1).await, ["a1"]);
    assert_eq!(names(&queue, 1).await, ["n4"]);
}

#[tokio::test]
async fn a_body_that_cannot_be_read_is_delivered_as_such_and_is_set_aside_in_the_end() {
    let scratch = Scratch::new();
    let queue = queue(scratch.path("db"), clock(1_790_000_000));
    queue.send(CLASS, &[nudge("ann")]).await.expect("sent");
    let broken = |tx: &Transaction<'_>| Ok(tx.execute("UPDATE messages SET body = '{'", [])?);
    assert_eq!(queue.database.write(broken).await.expect("changed"), 1);
    for receive in 1..=RECEIVES_MAX {
        let got = queue.receive(CLASS, 1, NOW, NOW).await.expect("received");
        assert_eq!((got[0].receives, got[0].nudge.is_none()), (receive, true));
    }
    assert!(queue.receive(CLASS, 1, NOW, NOW).await.expect("received").is_empty());
    let letters = queue.dead_letters(CLASS, 10).await.expect("listed");
    assert_eq!((letters.len(), letters[0].body.as_str()), (1, "{"));
}

#[tokio::test]
async fn a_clock_that_is_set_while_it_runs_hides_nothing_for_longer() {
    let scratch = Scratch::new();
    let clock = clock(1_790_000_000);
    let queue = queue(scratch.path("db"), Arc::clone(&clock));
    queue.send(CLASS, &[nudge("ann")]).await.expect("sent");
    queue.receive(CLASS, 1, NOW, HIDDEN).await.expect("received");
    *clock.0.lock().expect("not poisoned") -= SignedDuration::from_hours(1);
    let again = queue.receive(CLASS, 1, Duration::from_secs(10), HIDDEN).await.expect("received");
    assert_eq!(again.len(), 1);
}

#[tokio::test]
async fn a_clock_that_was_set_back_between_two_runs_hides_nothing_for_longer() {
    let scratch = Scratch::new();
    {
        let queue = queue(scratch.path("db"), clock(1_790_003_600));
        queue.send(CLASS, &[nudge("ann")]).await.expect("sent");
        queue.receive(CLASS, 1, NOW, HIDDEN).await.expect("received");
    }
    let queue = queue(scratch.path("db"), clock(1_790_000_000));
    let again = queue.receive(CLASS, 1, Duration::from_secs(10), HIDDEN).await.expect("received");
    assert_eq!(again.len(), 1);
}

#[tokio::test]
async fn no_message_stays_hidden_for_longer_than_twelve_hours_after_its_receive() {
    let scratch = Scratch::new();
    let queue = queue(scratch.path("db"), clock(1_790_000_000));
    queue.send(CLASS, &[nudge("ann")]).await.expect("sent");
    let got = queue.receive(CLASS, 1, NOW, Duration::from_secs(60)).await.expect("received");
    tokio::time::sleep(Duration::from_millis(5)).await;
    let fault = queue.change_visibility(CLASS, &got[0].handle, VISIBILITY_MAX).await;
    assert!(matches!(fault, Err(Fault::Nonsense { .. })), "{fault:?}");
}
