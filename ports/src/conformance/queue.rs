//! The promises of [`Queue`]. Each rule needs queues that nobody else uses and that are empty.

use std::collections::BTreeSet;
use std::time::Duration;

use events::{Class, TeamId};
use tokio::time::{Instant, sleep};

use super::given::{person, started, team};
use crate::queue::{BATCH_MAX, DELAY_MAX, RECEIVES_MAX, VISIBILITY_MAX, WAIT_MAX};
use crate::{Delivery, Fault, Handle, Nudge, Outgoing, Queue};

rules!($ queue_rules, queue:
    a_message_is_received_as_it_was_sent,
    a_received_message_stays_invisible_and_then_comes_back,
    a_deleted_message_never_comes_back,
    each_receive_makes_a_new_handle,
    a_stale_handle_settles_nothing,
    a_handle_of_nothing_settles_nothing,
    a_batch_of_handles_settles_those_that_are_good,
    a_visibility_that_is_changed_counts_from_now,
    a_visibility_of_none_gives_a_message_back_at_once,
    a_delayed_message_comes_when_its_delay_has_passed,
    a_delay_above_the_most_fails_its_entry_alone,
    what_is_beyond_the_limits_is_turned_away,
    a_receive_waits_for_a_message,
    a_receive_wakes_when_a_hidden_message_comes_back,
    a_receive_ends_its_wait_when_nothing_comes,
    two_receivers_never_hold_the_same_message,
    classes_are_apart,
    a_message_that_was_received_too_often_is_set_aside,
    a_redrive_sends_dead_letters_back_with_a_fresh_count,
    a_busy_team_does_not_hold_up_another,
);

const CLASS: Class = Class::Compute;
const NO_WAIT: Duration = Duration::ZERO;
/// Far longer than any queue takes, and short enough to wait for in a test.
const LONG: Duration = Duration::from_secs(10);
const MINUTE: Duration = Duration::from_secs(60);
const SECOND: Duration = Duration::from_secs(1);
/// Long enough that a busy machine makes the next call within it, short enough to wait for.
const SHORT: Duration = Duration::from_secs(3);

fn message(prefix: &str, name: &str) -> Outgoing {
    let nudge = Nudge { about: person(prefix, name).into(), cause: None };
    Outgoing { nudge, group: None, delay: Duration::ZERO }
}

async fn send(queue: &dyn Queue, messages: &[Outgoing]) {
    for batch in messages.chunks(BATCH_MAX) {
        let answers = queue.send(CLASS, batch).await.expect("send");
        assert_eq!(answers.len(), batch.len());
        for answer in answers {
            answer.expect("each is sent");
        }
    }
}

async fn receive(queue: &dyn Queue, wait: Duration, visibility: Duration) -> Vec<Delivery> {
    queue.receive(CLASS, BATCH_MAX, wait, visibility).await.expect("receive")
}

/// One message, which is there or on its way.
async fn one(queue: &dyn Queue, visibility: Duration) -> Delivery {
    let mut got = queue.receive(CLASS, 1, LONG, visibility).await.expect("receive");
    assert_eq!(got.len(), 1, "a message was on its way");
    got.remove(0)
}

async fn delete(queue: &dyn Queue, handles: &[Handle]) {
    queue.delete(CLASS, handles).await.expect("delete");
}

fn name(delivery: &Delivery) -> String {
    delivery.nudge.as_ref().expect("readable").about.to_string()
}

/// With its cause, for the first time, and a time.
pub async fn a_message_is_received_as_it_was_sent(queue: &dyn Queue, prefix: &str) {
    let mut sent = message(prefix, "ann");
    sent.nudge.cause = Some(started(&person(prefix, "ann"), 0, 1).as_cause());
    sent.group = Some(team(prefix, "red"));
    send(queue, std::slice::from_ref(&sent)).await;
    let got = one(queue, MINUTE).await;
    assert_eq!((got.nudge, got.receives), (Some(sent.nudge), 1));
}

/// Not before its time-out, and then with a higher count.
pub async fn a_received_message_stays_invisible_and_then_comes_back(
    queue: &dyn Queue,
    prefix: &str,
) {
    send(queue, &[message(prefix, "ann")]).await;
    let first = one(queue, SHORT).await;
    let began = Instant::now();
    assert!(receive(queue, NO_WAIT, MINUTE).await.is_empty());
    let second = one(queue, MINUTE).await;
    // The first time-out began before the first answer came.
    assert!(began.elapsed() > SHORT / 2, "too early");
    assert_eq!((first.receives, second.receives), (1, 2));
    assert_eq!((first.nudge, first.sent), (second.nudge, second.sent));
}

/// Not even after its time-out.
pub async fn a_deleted_message_never_comes_back(queue: &dyn Queue, prefix: &str) {
    send(queue, &[message(prefix, "ann")]).await;
    let got = one(queue, SECOND).await;
    delete(queue, &[got.handle]).await;
    assert!(receive(queue, 2 * SECOND, MINUTE).await.is_empty());
}

/// It stands for this receive and no other.
pub async fn each_receive_makes_a_new_handle(queue: &dyn Queue, prefix: &str) {
    send(queue, &[message(prefix, "ann")]).await;
    let mut handles = BTreeSet::new();
    for _ in 0..3 {
        handles.insert(one(queue, Duration::ZERO).await.handle);
    }
    assert_eq!(handles.len(), 3);
}

/// Who was too slow no longer owns the message.
pub async fn a_stale_handle_settles_nothing(queue: &dyn Queue, prefix: &str) {
    send(queue, &[message(prefix, "ann")]).await;
    let stale = one(queue, Duration::ZERO).await.handle;
    let latest = one(queue, SHORT).await;
    queue.change_visibility(CLASS, &stale, Duration::ZERO).await.expect("no error");
    delete(queue, std::slice::from_ref(&stale)).await;
    assert!(receive(queue, NO_WAIT, MINUTE).await.is_empty(), "it was made visible");
    let back = one(queue, MINUTE).await;
    assert_eq!(back.receives, latest.receives + 1, "it is still there");
}

/// Nor does it fail.
pub async fn a_handle_of_nothing_settles_nothing(queue: &dyn Queue, prefix: &str) {
    send(queue, &[message(prefix, "ann")]).await;
    for text in ["", "x", "0.0", "1.1", "-1.-1", "99999999999999999999.1"] {
        let handle = Handle(text.to_owned());
        delete(queue, std::slice::from_ref(&handle)).await;
        queue.change_visibility(CLASS, &handle, MINUTE).await.expect("no error");
    }
    one(queue, MINUTE).await;
}

/// One that is stale harms none of the others.
pub async fn a_batch_of_handles_settles_those_that_are_good(queue: &dyn Queue, prefix: &str) {
    send(queue, &[message(prefix, "ann"), message(prefix, "bob")]).await;
    let (one, two) = (one(queue, SHORT).await, one(queue, SHORT).await);
    let nothing = Handle("nothing".to_owned());
    delete(queue, &[one.handle, nothing, two.handle]).await;
    assert!(receive(queue, SHORT + SECOND, MINUTE).await.is_empty());
}

/// Otherwise it would have been back earlier.
pub async fn a_visibility_that_is_changed_counts_from_now(queue: &dyn Queue, prefix: &str) {
    send(queue, &[message(prefix, "ann")]).await;
    let got = one(queue, SHORT).await;
    queue.change_visibility(CLASS, &got.handle, 2 * SHORT).await.expect("changed");
    let began = Instant::now();
    assert_eq!(one(queue, MINUTE).await.receives, 2);
    assert!(began.elapsed() > SHORT + SECOND, "too early");
}

/// Also to somebody who already waits for it.
pub async fn a_visibility_of_none_gives_a_message_back_at_once(queue: &dyn Queue, prefix: &str) {
    send(queue, &[message(prefix, "ann")]).await;
    let got = one(queue, MINUTE).await;
    let began = Instant::now();
    let (back, ()) = tokio::join!(one(queue, MINUTE), async {
        sleep(Duration::from_millis(200)).await;
        let changed = queue.change_visibility(CLASS, &got.handle, Duration::ZERO).await;
        changed.expect("changed");
    });
    assert_eq!(back.receives, 2);
    assert!(began.elapsed() < LONG, "it slept through the change");
}

/// Not before.
pub async fn a_delayed_message_comes_when_its_delay_has_passed(queue: &dyn Queue, prefix: &str) {
    let began = Instant::now();
    send(queue, &[Outgoing { delay: SHORT, ..message(prefix, "ann") }]).await;
    assert!(receive(queue, NO_WAIT, MINUTE).await.is_empty());
    assert_eq!(one(queue, MINUTE).await.receives, 1);
    assert!(began.elapsed() >= SHORT, "too early");
}

/// A batch may fail in part.
pub async fn a_delay_above_the_most_fails_its_entry_alone(queue: &dyn Queue, prefix: &str) {
    let late = Outgoing { delay: DELAY_MAX + SECOND, ..message(prefix, "late") };
    let batch = [message(prefix, "ann"), late, message(prefix, "bob")];
    let answers = queue.send(CLASS, &batch).await.expect("send");
    assert!(matches!(answers[..], [Ok(()), Err(Fault::Nonsense { .. }), Ok(())]), "{answers:?}");
    let (one, two) = (one(queue, MINUTE).await, one(queue, MINUTE).await);
    let names = BTreeSet::from([name(&one), name(&two)]);
    assert_eq!(names, BTreeSet::from(["ann", "bob"].map(|who| format!("{prefix}-{who}"))));
    assert!(receive(queue, SECOND, MINUTE).await.is_empty());
}

/// Those of SQS.
pub async fn what_is_beyond_the_limits_is_turned_away(queue: &dyn Queue, prefix: &str) {
    let many: Vec<_> = (0..=BATCH_MAX).map(|_| message(prefix, "ann")).collect();
    assert!(matches!(queue.send(CLASS, &many).await, Err(Fault::Nonsense { .. })));
    let handles: Vec<_> = (0..=BATCH_MAX).map(|n| Handle(n.to_string())).collect();
    assert!(matches!(queue.delete(CLASS, &handles).await, Err(Fault::Nonsense { .. })));
    let beyond = [
        (0, NO_WAIT, MINUTE),
        (BATCH_MAX + 1, NO_WAIT, MINUTE),
        (1, WAIT_MAX + SECOND, MINUTE),
        (1, NO_WAIT, VISIBILITY_MAX + SECOND),
    ];
    for (max, wait, visibility) in beyond {
        let answer = queue.receive(CLASS, max, wait, visibility).await;
        assert!(matches!(answer, Err(Fault::Nonsense { .. })), "{answer:?}");
    }
    assert!(receive(queue, SECOND, MINUTE).await.is_empty(), "nothing was sent");
}

/// It answers when the message comes, not when the wait is over.
pub async fn a_receive_waits_for_a_message(queue: &dyn Queue, prefix: &str) {
    let began = Instant::now();
    let (got, ()) = tokio::join!(one(queue, MINUTE), async {
        sleep(Duration::from_millis(200)).await;
        send(queue, &[message(prefix, "ann")]).await;
    });
    assert_eq!(name(&got), format!("{prefix}-ann"));
    assert!(began.elapsed() < LONG, "it slept through the message");
}

/// Nobody sends anything meanwhile.
pub async fn a_receive_wakes_when_a_hidden_message_comes_back(queue: &dyn Queue, prefix: &str) {
    send(queue, &[message(prefix, "ann")]).await;
    one(queue, SECOND).await;
    let began = Instant::now();
    assert_eq!(one(queue, MINUTE).await.receives, 2);
    assert!(began.elapsed() < LONG, "it slept through the message");
}

/// Not earlier, and with nothing.
pub async fn a_receive_ends_its_wait_when_nothing_comes(queue: &dyn Queue, _prefix: &str) {
    let began = Instant::now();
    assert!(receive(queue, SECOND, MINUTE).await.is_empty());
    assert!(began.elapsed() >= SECOND);
}

/// While it is invisible it has one holder.
pub async fn two_receivers_never_hold_the_same_message(queue: &dyn Queue, prefix: &str) {
    let messages: Vec<_> = (0..40).map(|n| message(prefix, &format!("n{n}"))).collect();
    send(queue, &messages).await;
    let drain = async || {
        let mut names = Vec::new();
        loop {
            let got = receive(queue, SECOND, MINUTE).await;
            if got.is_empty() {
                return names;
            }
            names.extend(got.iter().map(|delivery| name(delivery).to_owned()));
        }
    };
    let (one, two, three) = tokio::join!(drain(), drain(), drain());
    let all = [one, two, three].concat();
    let different: BTreeSet<_> = all.iter().collect();
    assert_eq!((all.len(), different.len()), (40, 40));
}

/// A permission class sees only its own queue.
pub async fn classes_are_apart(queue: &dyn Queue, prefix: &str) {
    send(queue, &[message(prefix, "ann")]).await;
    for other in Class::ALL.into_iter().filter(|class| *class != CLASS) {
        let got = queue.receive(other, 1, SECOND, MINUTE).await.expect("receive");
        assert!(got.is_empty(), "{other:?}");
    }
    let got = one(queue, 2 * SECOND).await;
    queue.delete(Class::Storage, std::slice::from_ref(&got.handle)).await.expect("delete");
    assert_eq!(one(queue, MINUTE).await.receives, 2, "another class's handle settled it");
}

/// Receives a message as often as it may be, and once more.
async fn wear_out(queue: &dyn Queue) {
    for receive in 1..=RECEIVES_MAX {
        assert_eq!(one(queue, Duration::ZERO).await.receives, receive);
    }
    assert!(receive(queue, SECOND, Duration::ZERO).await.is_empty(), "it is set aside");
}

/// Nothing is dropped, and it is in nobody's way.
pub async fn a_message_that_was_received_too_often_is_set_aside(queue: &dyn Queue, prefix: &str) {
    let sent = message(prefix, "ann");
    send(queue, std::slice::from_ref(&sent)).await;
    wear_out(queue).await;
    let letters = queue.dead_letters(CLASS, 10).await.expect("letters");
    assert_eq!(letters.len(), 1);
    let said: Nudge = serde_json::from_str(&letters[0].body).expect("its body");
    assert_eq!((said, letters[0].class), (sent.nudge, CLASS));
    assert_eq!(letters[0].receives, RECEIVES_MAX);
}

/// And nothing stays behind.
pub async fn a_redrive_sends_dead_letters_back_with_a_fresh_count(queue: &dyn Queue, prefix: &str) {
    send(queue, &[message(prefix, "ann")]).await;
    wear_out(queue).await;
    assert_eq!(queue.redrive(CLASS).await.expect("redrive"), 1);
    let got = one(queue, MINUTE).await;
    assert_eq!((name(&got), got.receives), (format!("{prefix}-ann"), 1));
    assert!(queue.dead_letters(CLASS, 10).await.expect("letters").is_empty());
    assert_eq!(queue.redrive(CLASS).await.expect("redrive"), 0);
}

/// A team with much in flight and much waiting, and then one that has a single message.
pub async fn a_busy_team_does_not_hold_up_another(queue: &dyn Queue, prefix: &str) {
    let of = |group: &TeamId, name: &str| Outgoing {
        group: Some(group.clone()),
        ..message(prefix, name)
    };
    let (busy, quiet) = (team(prefix, "busy"), team(prefix, "quiet"));
    let much: Vec<_> = (0..60).map(|n| of(&busy, &format!("n{n}"))).collect();
    send(queue, &much).await;
    let mut in_flight = 0;
    while in_flight < 40 {
        let got = receive(queue, LONG, MINUTE).await;
        assert!(!got.is_empty(), "there is more");
        in_flight += got.len();
    }
    send(queue, &[of(&quiet, "quiet")]).await;
    let next = receive(queue, LONG, MINUTE).await;
    let waited_for = format!("{prefix}-quiet");
    assert!(next.iter().any(|delivery| name(delivery) == waited_for), "it waits behind the others");
}
