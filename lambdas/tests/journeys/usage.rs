//! A sidecar trades its lease's token, sends what its workspace used, and nobody can send in another's
//! name.

use aws::broker::Traded;
use aws::usage_queue::SqsUsage;
use aws_sdk_sqs::config::Credentials;
use events::price::Cost;
use events::usage::{Completion, Tokens, UsageRecord};
use events::{Activity, Envelope, Event, Gen, KeyPrint, Secret, Stamp, WorkspaceId};
use jiff::{SignedDuration, Timestamp};
use ports::{Ids, UsageSink};
use serde_json::{Value, json};
use system::SystemIds;

use super::Cloud;

/// So long after the last use a model call is written down as one.
const LATER: SignedDuration = SignedDuration::from_secs(90);

/// A record of somebody's model call that ended then.
fn record(of: &WorkspaceId, time: Timestamp) -> Envelope {
    let record = UsageRecord {
        generation: Gen(1),
        team: "sales".parse().expect("a name"),
        provider: "anthropic".to_owned(),
        model: "claude".to_owned(),
        key: KeyPrint("0123456789ab".to_owned()),
        started: time,
        duration_ms: 1,
        status: 200,
        completion: Completion::Complete,
        tokens: Tokens { output: 7, ..Tokens::default() },
        estimated: false,
        cost: Cost::Unknown { why: "no price".to_owned() },
        raw: None,
    };
    let stamp = Stamp { id: SystemIds::default().event_id(time), time, cause: None };
    Envelope::new("/sidecar", Some(of.clone()), stamp, Event::UsageRecorded(record))
}

/// What the sidecar of ann's task was given to trade.
fn token(cloud: &Cloud) -> String {
    let asked = cloud.fake.asked("ecs.RunTask");
    let parts = asked[0]["overrides"]["containerOverrides"].as_array().expect("parts").iter();
    let variables = parts.flat_map(|part| part["environment"].as_array().into_iter().flatten());
    let mut tokens = variables.filter(|it| it["name"] == "TEAMCLAW_LEASE_TOKEN");
    let token = tokens.next().expect("a token")["value"].as_str().expect("text");
    token.to_owned()
}

/// Everything between the token and the ledger.
pub(crate) async fn is_counted(cloud: &Cloud, ann: &WorkspaceId) {
    let token = token(cloud);
    let trade = ("POST", "/lease");
    assert_eq!(cloud.ask(("broker", "tc_nobodys"), trade, &Value::Null).0, 401);
    let (status, told) = cloud.ask(("broker", &token), trade, &Value::Null);
    assert_eq!(status, 200, "no credentials");
    let traded = Traded::read(&Secret::new(told.to_string())).expect("credentials");
    assert_eq!(traded.lease.workspace, *ann);

    let (secret, session) = (traded.secret_key.expose(), traded.session.expose().to_owned());
    let credentials = Credentials::new(&traded.access_key, secret, Some(session), None, "broker");
    let config = aws_sdk_sqs::config::Builder::from(&cloud.config);
    let config = config.credentials_provider(credentials).build();
    let sidecar = SqsUsage::new(aws_sdk_sqs::Client::from_conf(config), &cloud.environment);
    let now = cloud.bus.now();
    let later = now.saturating_add(LATER).expect("in range");
    let batch = [record(ann, now), record(ann, later)];
    // Its answer was lost, so it sends the batch again.
    for _ in 0..2 {
        sidecar.count(&batch).await.expect("sent");
    }
    let agents =
        |event: &Event| matches!(event, Event::Active { activity: Activity::AgentTurn, .. });
    cloud.recorded(ann, agents).await;
    let since = now.saturating_sub(SignedDuration::from_hours(2)).expect("in range");
    let used = format!("/lease/used?since={since}");
    let (status, told) = cloud.ask(("broker", &token), ("GET", &used), &Value::Null);
    assert_eq!((status, &told["requests"]), (200, &json!(2)), "{told}");
    assert_eq!(cloud.ask(("broker", "tc_nobodys"), ("GET", &used), &Value::Null).0, 401);

    is_nobody_elses(cloud, &sidecar).await;
    for by in ["user", "team", "model", "provider", "key"] {
        let told = cloud.operator("GET", &format!("/usage?by={by}"), &Value::Null);
        assert_eq!(told["rows"].as_array().map(Vec::len), Some(1), "{by}: {told}");
    }
    let told = cloud.operator("GET", &format!("/usage?by=user&since={since}"), &Value::Null);
    assert_eq!(told["rows"][0]["requests"], 2, "{told}");
}

/// What ann's session sends of somebody else, or who is nobody's session, is refused, and an operator
/// sees it.
async fn is_nobody_elses(cloud: &Cloud, sidecar: &SqsUsage) {
    let ben = "ben".parse().expect("a name");
    let of_ben = [record(&ben, cloud.bus.now())];
    sidecar.count(&of_ben).await.expect("sent");
    let stranger = aws_sdk_sqs::Client::new(&cloud.config);
    SqsUsage::new(stranger, &cloud.environment).count(&of_ben).await.expect("sent");
    cloud.told("usage", "UsageRefused", 2).await;
}
