//! Looks for drift as CloudFormation's documents have them
//! (AWSCloudFormation/latest/APIReference/API_DescribeStackDriftDetectionStatus.html), in simulated time.

use std::cell::RefCell;
use std::time::Duration;

use aws::drift::{self, TIME_MAX};
use aws::stacks;
use aws_sdk_cloudformation::Client;
use aws_sdk_cloudformation::config::retry::RetryConfig;
use aws_sdk_cloudformation::config::{BehaviorVersion, Credentials, Region};
use replay::Replay;
use tokio::time::Instant;

fn client(service: &Replay) -> Client {
    let config = aws_sdk_cloudformation::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("eu-central-1"))
        .credentials_provider(Credentials::new("id", "secret", None, None, "tests"))
        .retry_config(RetryConfig::disabled())
        .http_client(service.clone());
    Client::from_conf(config.build())
}

fn begun(id: &str) -> (u16, String) {
    let id = format!("<StackDriftDetectionId>{id}</StackDriftDetectionId>");
    let result = format!("<DetectStackDriftResult>{id}</DetectStackDriftResult>");
    (200, format!("<DetectStackDriftResponse>{result}</DetectStackDriftResponse>"))
}

fn is(status: &str) -> (u16, String) {
    let result = format!(
        "<DescribeStackDriftDetectionStatusResult><StackId>s</StackId>\
         <StackDriftDetectionId>i</StackDriftDetectionId>\
         <DetectionStatus>{status}</DetectionStatus>\
         <DetectionStatusReason>Failed to detect drift on resource [Key]</DetectionStatusReason>\
         <Timestamp>2026-11-26T08:00:00Z</Timestamp></DescribeStackDriftDetectionStatusResult>"
    );
    let name = "DescribeStackDriftDetectionStatusResponse";
    (200, format!("<{name}>{result}</{name}>"))
}

fn names(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

fn asked(service: &Replay) -> Vec<String> {
    let bodies = service.requests().map(|request| request.body().bytes().unwrap_or_default());
    let text = bodies.map(|body| String::from_utf8_lossy(body).into_owned());
    text.map(|body| body.split('&').next().unwrap_or_default().replace("Action=", "")).collect()
}

#[tokio::test(start_paused = true)]
async fn stacks_are_looked_at_side_by_side_and_each_is_told_when_it_is_over() {
    let goes_on = "DETECTION_IN_PROGRESS";
    let service = Replay::new([
        begun("one"),
        begun("two"),
        is(goes_on),
        is("DETECTION_COMPLETE"),
        is("DETECTION_COMPLETE"),
    ]);
    let (heard, began) = (RefCell::new(Vec::new()), Instant::now());
    let told = |(name, seen): &drift::Looked| {
        heard.borrow_mut().push((name.clone(), seen.is_ok(), began.elapsed()));
    };
    let looked = drift::detect(&client(&service), &names(&["a", "b"]), told).await;
    assert!(looked.iter().all(|(_, seen)| seen.is_ok()), "{looked:?}");
    let pause = Duration::from_secs(3);
    assert_eq!(*heard.borrow(), [("a".to_owned(), true, pause), ("b".to_owned(), true, pause)]);
    let (begin, state) = ("DetectStackDrift", "DescribeStackDriftDetectionStatus");
    assert_eq!(asked(&service), [begin, begin, state, state, state]);
}

#[tokio::test(start_paused = true)]
async fn a_look_that_failed_or_could_not_begin_says_so_and_hides_no_other() {
    let denied = "<ErrorResponse><Error><Type>Sender</Type><Code>AccessDenied</Code>\
                  <Message>not authorized to perform: cloudformation:DetectStackDrift</Message>\
                  </Error></ErrorResponse>";
    let service = Replay::new([
        (403, denied.to_owned()),
        begun("two"),
        begun("three"),
        is("DETECTION_FAILED"),
        is("DETECTION_COMPLETE"),
    ]);
    let looked = drift::detect(&client(&service), &names(&["a", "b", "c"]), |_| {}).await;
    let words = |at: usize| looked[at].1.as_ref().expect_err("a fault").reason().words;
    assert!(words(0).contains("not authorized"), "{}", words(0));
    assert!(words(1).contains("Failed to detect drift on resource [Key]"), "{}", words(1));
    assert!(looked[2].1.is_ok(), "{:?}", looked[2]);
}

#[tokio::test(start_paused = true)]
async fn a_look_without_an_end_is_waited_for_so_long_and_no_longer() {
    let for_ever = std::iter::repeat_n(is("DETECTION_IN_PROGRESS"), 1_000);
    let service = Replay::new(std::iter::once(begun("one")).chain(for_ever));
    let began = Instant::now();
    let looked = drift::detect(&client(&service), &names(&["a"]), |_| {}).await;
    assert_eq!(began.elapsed(), TIME_MAX);
    let words = looked[0].1.as_ref().expect_err("a fault").reason().words;
    assert!(words.contains("after 10 minutes"), "{words}");
}

#[tokio::test]
async fn a_stack_says_when_somebody_looked_last() {
    let stack = |information: &str| {
        let body = format!(
            "<DescribeStacksResponse><DescribeStacksResult><Stacks><member><StackName>x</StackName>\
             <StackStatus>CREATE_COMPLETE</StackStatus><CreationTime>2026-11-26T00:00:00Z</CreationTime>\
             <DriftInformation>{information}</DriftInformation></member></Stacks>\
             </DescribeStacksResult></DescribeStacksResponse>"
        );
        client(&Replay::new([(200, body)]))
    };
    let looked = "<StackDriftStatus>IN_SYNC</StackDriftStatus>\
                  <LastCheckTimestamp>2026-11-25T08:00:00.5Z</LastCheckTimestamp>";
    let found = stacks::find(&stack(looked), "x").await.expect("an answer").expect("a stack");
    let at = found.looked.expect("a time");
    assert_eq!(at, "2026-11-25T08:00:00.5Z".parse().expect("a time"));
    let never = "<StackDriftStatus>NOT_CHECKED</StackDriftStatus>";
    let found = stacks::find(&stack(never), "x").await.expect("an answer").expect("a stack");
    assert_eq!((found.drift, found.looked), (stacks::Drift::Unknown, None));
}
