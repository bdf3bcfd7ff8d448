//! A batch of usage on its way through a local SQS, and what SQS may say to it.

mod rig;
mod sample;

use aws::queue::create_usage;
use aws::usage_queue::{SqsUsage, accept};
use aws_sdk_sqs::Client;
use events::Envelope;
use ports::{Fault, UsageSink};
use sample::usage;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_batch_is_one_message_and_its_receiver_reads_what_was_sent() {
    let (client, environment) = (Client::new(&rig::ministack().config().await), rig::environment());
    create_usage(&client, &environment).await.expect("the queue is made");
    let batch = vec![usage("ann"), usage("ann")];
    SqsUsage::new(client.clone(), &environment).count(&batch).await.expect("sent");
    let url = client.get_queue_url().queue_name(environment.usage_queue()).send().await;
    let call = client.receive_message().queue_url(url.expect("there").queue_url().expect("a URL"));
    let got = call.max_number_of_messages(10).wait_time_seconds(5).send().await.expect("received");
    let [message] = got.messages() else { panic!("{got:?}") };
    let body = message.body().expect("a body");
    assert_eq!(accept(body, "AROACKCEVSQ6C2EXAMPLE:ann"), Ok(batch));
}

fn over(answers: &[(u16, &str)]) -> SqsUsage {
    let service = replay::Replay::new(answers.iter().copied());
    SqsUsage::new(Client::new(&service.config()), &rig::environment())
}

const URL: (u16, &str) = (200, r#"{"QueueUrl":"https://sqs.eu-central-1.amazonaws.com/1/q"}"#);

/// A batch is given up for good when it is [`Fault::Nonsense`], so nothing is that may pass.
#[tokio::test]
async fn usage_waits_through_whatever_may_be_mended() {
    for (status, body) in [
        (400, r#"{"__type":"com.amazonaws.sqs#QueueDoesNotExist"}"#),
        (403, r#"{"__type":"com.amazon.coral.service#AccessDeniedException"}"#),
        (403, r#"{"__type":"com.amazon.coral.service#ExpiredTokenException"}"#),
        (400, r#"{"__type":"com.amazonaws.sqs#RequestThrottled"}"#),
        (400, r#"{"__type":"com.amazonaws.sqs#UnsupportedOperation"}"#),
        (500, ""),
    ] {
        for answers in [vec![(status, body)], vec![URL, (status, body)]] {
            let answer = over(&answers).count(&[usage("ann")]).await;
            let waits = matches!(answer, Err(Fault::Unavailable { .. } | Fault::Throttled { .. }));
            assert!(waits, "{body}: {answer:?}");
        }
    }
}

#[tokio::test]
async fn what_sqs_will_never_take_is_given_up_and_no_batch_is_no_message() {
    let body = r#"{"__type":"com.amazonaws.sqs#InvalidMessageContents"}"#;
    let answer = over(&[URL, (400, body)]).count(&[usage("ann")]).await;
    assert!(matches!(answer, Err(Fault::Nonsense { .. })), "{answer:?}");
    let nobodys = Envelope { subject: None, ..usage("ann") };
    let answer = over(&[]).count(&[usage("ann"), nobodys]).await;
    assert!(matches!(answer, Err(Fault::Nonsense { .. })), "{answer:?}");
    over(&[]).count(&[]).await.expect("nothing to send");
}
