//! A batch with everything in it that can go wrong, in simulated time.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use ports::Handle;

use super::*;

const AMPLE: Duration = Duration::from_secs(58);

fn messages(bodies: &[&str]) -> Vec<Message> {
    let message = |(number, body): (usize, &&str)| Message {
        id: format!("m{number}"),
        handle: Handle(format!("h{number}")),
        body: (*body).to_owned(),
        receives: 1,
        sent: None,
        sender: String::new(),
    };
    bodies.iter().enumerate().map(message).collect()
}

/// Does what the body says.
async fn obey(message: Message) -> End {
    match message.body.as_str() {
        "again" => End::Again,
        "panic" => panic!("a poison message"),
        "hang" => std::future::pending().await,
        "slow" => {
            tokio::time::sleep(Duration::from_secs(30)).await;
            End::Done
        }
        _ => End::Done,
    }
}

fn failures(ended: &Ended) -> Vec<String> {
    ended.answer().batch_item_failures.into_iter().map(|it| it.item_identifier).collect()
}

#[tokio::test(start_paused = true)]
async fn nothing_failed_is_an_answer_without_failures() {
    let ended = run(messages(&["ok"; 10]), AMPLE, obey).await;
    assert_eq!(ended, Ended { done: 10, ..Ended::default() });
    let answer = serde_json::to_string(&ended.answer()).expect("JSON");
    assert_eq!(answer, r#"{"batchItemFailures":[]}"#);
    assert_eq!(run(Vec::new(), AMPLE, obey).await, Ended::default());
}

#[tokio::test(start_paused = true)]
async fn each_message_fails_alone() {
    let bodies = ["ok", "again", "panic", "ok", "hang", "slow"];
    let ended = run(messages(&bodies), AMPLE, obey).await;
    assert_eq!(ended.done, 3);
    assert_eq!(failures(&ended), ["m1", "m2", "m4"]);
    let lost: Vec<&str> = ended.lost.iter().map(|message| message.body.as_str()).collect();
    assert_eq!(lost, ["panic", "hang"]);
}

#[tokio::test(start_paused = true)]
async fn what_is_not_finished_in_time_is_ended_and_reported() {
    struct Ends(Arc<AtomicUsize>);
    impl Drop for Ends {
        fn drop(&mut self) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }
    let (began, ended) = (Instant::now(), Arc::new(AtomicUsize::new(0)));
    let outcome = run(messages(&["slow", "hang"]), Duration::from_secs(5), |message| {
        let ends = Ends(Arc::clone(&ended));
        async move {
            let _ends = ends;
            obey(message).await
        }
    });
    assert_eq!(failures(&outcome.await), ["m0", "m1"]);
    assert_eq!(began.elapsed(), Duration::from_secs(5));
    tokio::task::yield_now().await;
    assert_eq!(ended.load(Ordering::Relaxed), 2, "they do not go on behind Lambda's back");
}

#[tokio::test(start_paused = true)]
async fn the_messages_of_a_batch_do_not_wait_for_each_other() {
    let began = Instant::now();
    run(messages(&["slow"; 10]), AMPLE, obey).await;
    assert_eq!(began.elapsed(), Duration::from_secs(30));
}

#[test]
fn a_handler_ends_a_margin_before_lambda_ends_it() {
    let now = Timestamp::from_millisecond(1_000_000).expect("in range");
    assert_eq!(time_left(1_060_000, now), Duration::from_secs(58));
    assert_eq!(time_left(1_001_000, now), Duration::ZERO);
    assert_eq!(time_left(0, now), Duration::ZERO);
}

#[test]
fn a_handler_has_time_to_put_off_what_was_lost_before_its_own_end_and_lambdas() {
    assert!(crate::consume::PUT_OFF_MAX < LAST);
    assert!(LAST < MARGIN);
}
