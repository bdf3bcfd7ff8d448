//! What `teamclaw doctor` reads, from a local AWS: parameters, stacks, alarms, queues, the identity.

mod rig;

use aws::published::{API_URL, Published};
use aws::set_aside;
use aws::stacks::{self, Drift};
use aws::{alarms, identity};
use aws_sdk_cloudwatch::types::{ComparisonOperator, StateValue, Statistic};
use aws_sdk_ssm::types::ParameterType;

/// More than one page: SSM gives ten parameters at a time.
const MANY: usize = 25;

/// The smallest stack that there can be.
const TEMPLATE: &str = r#"{"Resources":{"Topic":{"Type":"AWS::SNS::Topic"}}}"#;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_parameter_of_an_environment_is_read_and_none_of_another() {
    let client = aws_sdk_ssm::Client::new(&rig::ministack().config().await);
    let (ours, other) = (rig::environment(), rig::environment());
    let put = |name: String| {
        client.put_parameter().name(name).value("x").r#type(ParameterType::String).send()
    };
    for number in 0..MANY {
        put(ours.parameter(&format!("vpc/{number}"))).await.expect("written");
    }
    put(ours.parameter(API_URL)).await.expect("written");
    put(other.parameter(API_URL)).await.expect("written");
    let all = Published::new(client.clone(), &ours).all().await.expect("read");
    assert_eq!(all.len(), MANY + 1);
    assert_eq!(all.get(API_URL).map(String::as_str), Some("x"));
    let nothing = Published::new(client.clone(), &rig::environment()).all().await.expect("read");
    assert!(nothing.is_empty(), "{nothing:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stack_is_found_by_its_name_and_one_that_is_not_there_is_none() {
    let client = aws_sdk_cloudformation::Client::new(&rig::ministack().config().await);
    let name = rig::environment().named("foundation");
    assert_eq!(stacks::find(&client, &name).await.expect("an answer"), None);
    client.create_stack().stack_name(&name).template_body(TEMPLATE).send().await.expect("made");
    let mut found = stacks::find(&client, &name).await.expect("an answer").expect("a stack");
    while found.status.ends_with("_IN_PROGRESS") {
        found = stacks::find(&client, &name).await.expect("an answer").expect("a stack");
    }
    assert_eq!(found.status, "CREATE_COMPLETE");
    assert_eq!(found.drift, Drift::Unknown, "nobody has looked");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn only_alarms_that_ring_and_are_ours_are_told() {
    let client = aws_sdk_cloudwatch::Client::new(&rig::ministack().config().await);
    let (ours, other) = (rig::environment(), rig::environment());
    for (name, state) in [
        (ours.named("parked"), StateValue::Alarm),
        (ours.named("calm"), StateValue::Ok),
        (other.named("parked"), StateValue::Alarm),
    ] {
        let alarm = client
            .put_metric_alarm()
            .alarm_name(&name)
            .alarm_description("somebody waits for a human")
            .namespace("TeamClaw")
            .metric_name("parked")
            .statistic(Statistic::Maximum)
            .comparison_operator(ComparisonOperator::GreaterThanThreshold)
            .threshold(0.0)
            .period(60)
            .evaluation_periods(1);
        alarm.send().await.expect("made");
        let set = client.set_alarm_state().alarm_name(&name).state_value(state);
        set.state_reason("2 are parked").send().await.expect("set");
    }
    let ringing = alarms::ringing(&client, &ours).await.expect("an answer");
    let names: Vec<&str> = ringing.iter().map(|alarm| alarm.name.as_str()).collect();
    assert_eq!(names, [ours.named("parked")]);
    assert_eq!(ringing[0].why, "2 are parked");
    assert_eq!(ringing[0].about, "somebody waits for a human");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn messages_that_were_set_aside_are_counted() {
    let client = aws_sdk_sqs::Client::new(&rig::ministack().config().await);
    let environment = rig::environment();
    let queue = environment.dead_letters(events::Class::Compute);
    assert_eq!(set_aside::count(&client, &queue).await.expect("an answer"), None);
    let made = client.create_queue().queue_name(&queue).send().await.expect("made");
    let url = made.queue_url().expect("an address");
    assert_eq!(set_aside::count(&client, &queue).await.expect("an answer"), Some(0));
    for body in ["one", "two"] {
        client.send_message().queue_url(url).message_body(body).send().await.expect("sent");
    }
    assert_eq!(set_aside::count(&client, &queue).await.expect("an answer"), Some(2));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_credentials_say_whose_they_are() {
    let client = aws_sdk_sts::Client::new(&rig::ministack().config().await);
    let identity = identity::identity(&client).await.expect("an identity");
    assert_eq!(identity.account, rig::ACCOUNT);
    assert!(identity.arn.starts_with("arn:aws:"), "{}", identity.arn);
}
