//! [`SqsQueue`] is held to the port's rules over a local SQS, and to SQS's own words where no local
//! one says them.

mod rig;

use std::time::Duration;

use aws::queue::{SqsQueue, create};
use aws_sdk_sqs::Client;
use events::Class;
use ports::{Fault, Handle, Nudge, Outgoing, Queue};
use replay::Replay;

/// Queues that nobody else uses.
async fn fresh() -> SqsQueue {
    let (client, environment) = (Client::new(&rig::ministack().config().await), rig::environment());
    create(&client, &environment).await.expect("the queues are made");
    SqsQueue::new(client, &environment)
}

macro_rules! suite {
    ($port:ident: $($rule:ident),+) => {
        $(
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $rule() {
                ports::conformance::$port::$rule(&fresh().await, "t").await;
            }
        )+

        #[test]
        fn every_rule_is_in_the_list() {
            let text = include_str!("../../ports/src/conformance/queue.rs");
            let written = text.lines().filter(|line| line.starts_with("pub async fn ")).count();
            assert_eq!(written, [$(stringify!($rule)),+].len());
        }
    };
}

ports::queue_rules!(suite);

/// A queue whose service answers with these statuses and bodies, after it told the queue's URL.
fn answering(answers: &[(u16, &str)]) -> (SqsQueue, Replay) {
    let url = (200, r#"{"QueueUrl":"https://sqs.eu-central-1.amazonaws.com/123456789012/q"}"#);
    let http = Replay::new(std::iter::once(&url).chain(answers).copied());
    let queue = SqsQueue::new(Client::new(&http.config()), &rig::environment());
    (queue, http)
}

fn message(name: &str) -> Outgoing {
    let about = name.parse::<events::WorkspaceId>().expect("a name").into();
    Outgoing { nudge: Nudge { about, cause: None }, group: None, delay: Duration::ZERO }
}

/// API_SendMessageBatch.html: a 200 may hold failures.
#[tokio::test]
async fn a_batch_that_fails_in_part_tells_what_became_of_each() {
    let body = r#"{"Successful":[{"Id":"0","MessageId":"m","MD5OfMessageBody":"x"}],
        "Failed":[{"Id":"1","SenderFault":false,"Code":"InternalError","Message":"try again"},
                  {"Id":"2","SenderFault":true,"Code":"InvalidMessageContents"}]}"#;
    let (queue, http) = answering(&[(200, body)]);
    let batch = ["ann", "bob", "cat", "dan"].map(message);
    let answers = queue.send(Class::Compute, &batch).await;
    let answers = answers.expect("an answer");
    assert!(
        matches!(
            answers[..],
            [
                Ok(()),
                Err(Fault::Unavailable { .. }),
                Err(Fault::Nonsense { .. }),
                Err(Fault::Unavailable { .. }),
            ]
        ),
        "{answers:?}"
    );
    assert_eq!(http.requests().count(), 2);
}

/// A body is the nudge and nothing else, and the team is its group.
#[tokio::test]
async fn a_message_is_its_nudge_and_its_group_its_team() {
    let (queue, http) = answering(&[(200, r#"{"Successful":[],"Failed":[]}"#)]);
    let team = Some("red".parse().expect("a name"));
    let sent = Outgoing { group: team, delay: Duration::from_millis(1500), ..message("ann") };
    queue.send(Class::Compute, &[sent]).await.expect("an answer");
    let request = http.requests().last().expect("a request");
    let body: serde_json::Value =
        serde_json::from_slice(request.body().bytes().expect("a body")).expect("JSON");
    let entry = serde_json::json!({ "Id": "0", "MessageBody": r#"{"workspace":"ann"}"#,
        "MessageGroupId": "red", "DelaySeconds": 2 });
    assert_eq!(body["Entries"], serde_json::json!([entry]));
}

/// API_ReceiveMessage.html, OverLimit: too many messages are in flight.
#[tokio::test]
async fn with_too_many_in_flight_a_receive_gives_none() {
    let body = r#"{"__type":"com.amazonaws.sqs#OverLimit","message":"Too many messages"}"#;
    let (queue, _) = answering(&[(400, body)]);
    let got = queue.receive(Class::Compute, 1, Duration::ZERO, Duration::from_secs(30)).await;
    assert_eq!(got.expect("no fault").len(), 0);
}

/// API_ChangeMessageVisibility.html: MessageNotInflight, ReceiptHandleIsInvalid, and the words of an
/// InvalidParameterValue for a message that was deleted.
#[tokio::test]
async fn a_stale_handle_changes_nothing_in_any_of_the_services_words() {
    let handle = Handle("AQEB".to_owned());
    for body in [
        r#"{"__type":"com.amazonaws.sqs#MessageNotInflight"}"#,
        r#"{"__type":"com.amazonaws.sqs#ReceiptHandleIsInvalid","message":"The input receipt handle is invalid."}"#,
        r#"{"__type":"com.amazonaws.sqs#InvalidParameterValue","message":"Value AQEB for parameter ReceiptHandle is invalid. Reason: Message does not exist or is not available for visibility timeout change."}"#,
    ] {
        let (queue, _) = answering(&[(400, body)]);
        let changed =
            queue.change_visibility(Class::Compute, &handle, Duration::from_secs(5)).await;
        assert!(changed.is_ok(), "{body}: {changed:?}");
    }
}

const ARN: &str = r#"{"Attributes":{"QueueArn":"arn:aws:sqs:eu-central-1:123456789012:q-dlq"}}"#;

/// API_StartMessageMoveTask.html: one task at a time.
#[tokio::test]
async fn a_redrive_beside_another_is_asked_for_again_later() {
    let body = r#"{"__type":"com.amazonaws.sqs#UnsupportedOperation","message":"There is already a task running."}"#;
    let running = r#"{"Results":[{"Status":"RUNNING","ApproximateNumberOfMessagesMoved":3,"StartedTimestamp":1}]}"#;
    let (queue, _) = answering(&[(200, ARN), (200, running), (400, body), (200, running)]);
    let answer = queue.redrive(Class::Compute).await;
    assert!(matches!(answer, Err(Fault::Throttled { after: Some(_), .. })), "{answer:?}");
}

/// API_ListMessageMoveTasks.html tells the newest first, when it knows of it.
#[tokio::test]
async fn a_redrive_counts_its_own_task_and_not_the_one_before() {
    let earlier = r#"{"Results":[{"Status":"COMPLETED","ApproximateNumberOfMessagesMoved":99,"StartedTimestamp":1}]}"#;
    let ours = |status: &str, moved: u8| {
        format!(
            r#"{{"Results":[{{"Status":"{status}","ApproximateNumberOfMessagesMoved":{moved},"StartedTimestamp":2}}]}}"#
        )
    };
    let (running, done) = (ours("RUNNING", 3), ours("COMPLETED", 7));
    let started = r#"{"TaskHandle":"h"}"#;
    let answers = [ARN, earlier, started, earlier, &running, &done].map(|body| (200, body));
    let (queue, _) = answering(&answers);
    assert_eq!(queue.redrive(Class::Compute).await.expect("moved"), 7);
}

/// A look is a receive, so whoever looks gives the letters back.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_looks_at_dead_letters_leaves_them_for_the_next_who_looks() {
    let (client, environment) = (Client::new(&rig::ministack().config().await), rig::environment());
    create(&client, &environment).await.expect("the queues are made");
    let url = client.get_queue_url().queue_name(environment.dead_letters(Class::Compute));
    let url = url.send().await.expect("there").queue_url.expect("a URL");
    for n in 0..12 {
        let sent = client.send_message().queue_url(&url).message_body(n.to_string()).send().await;
        sent.expect("sent");
    }
    let queue = SqsQueue::new(client, &environment);
    for (limit, count) in [(100, 12), (12, 12), (5, 5), (0, 0), (100, 12)] {
        let letters = queue.dead_letters(Class::Compute, limit).await.expect("letters");
        assert_eq!(letters.len(), count);
        assert!(letters.is_sorted_by_key(|letter| letter.sent), "oldest first");
    }
}
