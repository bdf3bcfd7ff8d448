//! New keys are put beside the pool and come into force when their provider takes them, step by step,
//! while sidecars still use the old ones; what the provider refuses changes nothing.

use aws::keys::SecretsKeys;
use aws::rotations::DynamoRotations;
use events::{Event, ProviderId, Version};
use ports::{Keys, RotationLists};
use serde_json::{Value, json};

use super::cloud::{HISTORY_MAX, LOOK_EVERY, LOOKS_MAX};
use super::{Cloud, provider};

/// What Secrets Manager tells by itself (infra/lib/control/patterns.ts, `newKeys`).
fn put_beside(cloud: &Cloud) -> Value {
    json!({
        "source": "aws.secretsmanager",
        "detail-type": "Secret Label Updated",
        "detail": { "name": cloud.environment.pool_secret(), "labelUpdated": ["TEAMCLAW_NEW"] }
    })
}

/// Puts a key beside the pool, as an administrator does who must not see the others.
async fn offer(cloud: &Cloud, key: &str) {
    let secrets = aws_sdk_secretsmanager::Client::new(&cloud.config);
    let put = secrets.put_secret_value().secret_id(cloud.environment.pool_secret());
    let offered = json!({ "providers": { "anthropic": { "keys": [key] } } });
    let put = put.secret_string(offered.to_string()).version_stages("TEAMCLAW_NEW");
    put.send().await.expect("put beside the pool");
}

async fn recorded(cloud: &Cloud, wanted: impl Fn(&Event) -> bool) {
    let provider: ProviderId = "anthropic".parse().expect("a name");
    let dynamodb = aws_sdk_dynamodb::Client::new(&cloud.config);
    let lists = DynamoRotations::new(dynamodb, &cloud.environment);
    let mut known = Vec::new();
    for _ in 0..LOOKS_MAX {
        known = lists.history(&provider, Version(0), HISTORY_MAX).await.expect("a list");
        if known.iter().any(|(_, fact)| wanted(&fact.event)) {
            return;
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
    panic!("it is not on record: {:?}", known.iter().map(|(_, it)| &it.event).collect::<Vec<_>>());
}

/// The keys in force.
async fn in_force(cloud: &Cloud) -> Vec<String> {
    let secrets = aws_sdk_secretsmanager::Client::new(&cloud.config);
    let keys = SecretsKeys::reader(secrets, &cloud.environment).of("anthropic").await;
    keys.expect("a pool").iter().map(|key| key.secret.expose().to_owned()).collect()
}

/// One rotation to the end, one that comes to nothing, and an administrator's.
pub(crate) async fn are_rotated(cloud: &Cloud) {
    let pool = |key: &str| json!({ "provider": "anthropic", "key": key });
    let first = cloud.operator("POST", "/keys", &pool("sk-first"));
    assert_eq!(first["changed"], true, "{first}");
    offer(cloud, "sk-second").await;
    cloud.invoke("rotation", &put_beside(cloud));
    recorded(cloud, |event| matches!(event, Event::Rotated { .. })).await;
    assert_eq!(in_force(cloud).await, ["sk-second"]);

    // The schedule finds that what lies there is in the pool already, and asks for nothing.
    cloud.invoke("rotation", &json!({ "source": "aws.events", "detail-type": "Scheduled Event" }));
    let bad = json!({ "provider": "anthropic", "keys": [provider::REFUSED], "retire": null });
    cloud.operator("POST", "/rotations", &bad);
    recorded(cloud, |event| matches!(event, Event::RotationRefused { .. })).await;
    assert_eq!(in_force(cloud).await, ["sk-second"]);

    let wish = json!({ "provider": "anthropic", "keys": ["sk-third"], "retire": null });
    let plan = cloud.operator("POST", "/rotations/plan", &wish);
    assert_eq!(plan["new"][0]["taken"], true, "{plan}");
    cloud.operator("POST", "/rotations", &wish);
    let third = |event: &Event| matches!(event, Event::Rotated { rotation, .. } if rotation.0 == 3);
    recorded(cloud, third).await;
    assert_eq!(in_force(cloud).await, ["sk-third"]);
    let rows = cloud.operator("GET", "/rotations", &Value::Null);
    assert_eq!(rows["rows"].as_array().map(Vec::len), Some(3), "{rows}");
    let told = cloud.operator("GET", "/rotations/anthropic/events", &Value::Null);
    assert!(!told["events"].as_array().expect("events").is_empty());

    cloud.operator("POST", "/keys", &pool("sk-fourth"));
    let keys = cloud.operator("GET", "/keys", &Value::Null);
    let last = keys["keys"].as_array().and_then(|all| all.last()).expect("a key");
    let last = format!("/keys/anthropic/{}", last["key"].as_str().expect("a fingerprint"));
    cloud.operator("DELETE", &last, &Value::Null);
    assert_eq!(in_force(cloud).await, ["sk-third"]);
}
