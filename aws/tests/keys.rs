//! [`SecretsKeys`] is held to the ports' rules over a local Secrets Manager, and to what must hold
//! when two edit at once or one dies half-way.

mod rig;
#[macro_use]
mod suite;

use aws::Environment;
use aws::keys::{SecretsKeys, create};
use aws_sdk_secretsmanager::Client;
use events::Secret;
use events::token::key_print;
use ports::{Fault, Grant, Keys, Renewed};
use replay::Replay;

/// A pool that nobody else uses.
async fn fresh() -> (Client, Environment) {
    let (client, environment) = (Client::new(&rig::ministack().config().await), rig::environment());
    create(&client, &environment).await.expect("the secret is made");
    (client, environment)
}

async fn keys() -> SecretsKeys {
    let (client, environment) = fresh().await;
    SecretsKeys::new(client, &environment)
}

async fn staging() -> SecretsKeys {
    keys().await
}

ports::keys_rules!(suite);
ports::staging_rules!(suite);

async fn texts(keys: &SecretsKeys) -> Vec<String> {
    let keys = keys.of("x").await.expect("of");
    keys.into_iter().map(|key| key.secret.expose().to_owned()).collect()
}

/// Each with a client of its own, as in two functions.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_many_who_edit_at_once_nobody_is_lost() {
    let (client, environment) = fresh().await;
    let edits = (0..4).map(|n| {
        let keys = SecretsKeys::new(client.clone(), &environment);
        tokio::spawn(async move { keys.add("x", Secret::new(format!("k{n}"))).await.map(drop) })
    });
    for edit in edits.collect::<Vec<_>>() {
        edit.await.expect("no panic").expect("added");
    }
    let keys = SecretsKeys::new(client, &environment);
    let mut all = texts(&keys).await;
    all.sort();
    assert_eq!(all, ["k0", "k1", "k2", "k3"]);
}

/// What it left is in nobody's way.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_dies_between_the_two_calls_leaves_the_old_keys_in_force() {
    let (client, environment) = fresh().await;
    let keys = SecretsKeys::new(client.clone(), &environment);
    keys.add("x", Secret::new("old")).await.expect("added");
    let put = client.put_secret_value().secret_id(environment.pool_secret());
    let put = put.secret_string(r#"{"providers":{"x":{"keys":["half"]}}}"#);
    put.version_stages("AWSPENDING").send().await.expect("put, and then it died");
    assert_eq!(texts(&keys).await, ["old"]);
    keys.add("x", Secret::new("new")).await.expect("added");
    assert_eq!(texts(&keys).await, ["old", "new"]);
}

/// As `infra/` may leave it, and an operator finds it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_secret_that_is_not_there_is_a_fault_and_no_empty_pool() {
    let client = Client::new(&rig::ministack().config().await);
    let keys = SecretsKeys::new(client, &rig::environment());
    let answer = keys.list().await;
    assert!(matches!(answer, Err(Fault::Nonsense { .. })), "{answer:?}");
}

/// What cannot be read is never written over, and its text is in no error.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_broken_pool_is_left_as_it_is() {
    let (client, environment) = fresh().await;
    let put = client.put_secret_value().secret_id(environment.pool_secret());
    put.secret_string("{\"x\":\"sk-secret").send().await.expect("put");
    let keys = SecretsKeys::new(client.clone(), &environment);
    let fault = keys.add("x", Secret::new("k")).await.expect_err("broken");
    assert!(!format!("{fault} {fault:?}").contains("sk-secret"), "{fault}");
    let got = client.get_secret_value().secret_id(environment.pool_secret()).send().await;
    assert_eq!(got.expect("there").secret_string(), Some("{\"x\":\"sk-secret"));
}

/// Nothing is written that says the same: versions are few, and writes are seldom.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_changes_nothing_makes_no_version() {
    let (client, environment) = fresh().await;
    let keys = SecretsKeys::new(client.clone(), &environment);
    keys.add("x", Secret::new("k")).await.expect("added");
    let version = async || {
        let got = client.get_secret_value().secret_id(environment.pool_secret()).send().await;
        got.expect("there").version_id().map(str::to_owned)
    };
    let before = version().await;
    assert!(!keys.add("x", Secret::new("k")).await.expect("there").1);
    assert!(!keys.remove("x", &key_print(&Secret::new("other"))).await.expect("not there"));
    assert_eq!(version().await, before);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_pool_that_would_be_too_long_is_refused_and_stays() {
    let (client, environment) = fresh().await;
    let keys = SecretsKeys::new(client, &environment);
    let long = |n: usize| Secret::new(format!("{n:04}{}", "k".repeat(4_000)));
    let mut added = 0;
    let fault = loop {
        match keys.add("x", long(added)).await {
            Ok(_) => added += 1,
            Err(fault) => break fault,
        }
        assert!(added < 17, "it never ends");
    };
    assert!(matches!(fault, Fault::Refused(_)), "{fault:?}");
    assert_eq!(texts(&keys).await.len(), added);
}

/// It could not keep the token that it buys.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_only_reads_gets_no_refresh_token_and_changes_nothing() {
    let (client, environment) = fresh().await;
    let put = client.put_secret_value().secret_id(environment.pool_secret());
    let put = put.secret_string(
        r#"{"providers":{"x":{"authType":"oauthToken","token":"t","refreshToken":"r"}}}"#,
    );
    put.send().await.expect("put");
    let reader = SecretsKeys::reader(client.clone(), &environment);
    let read = reader.of("x").await.expect("of");
    assert!(read.len() == 1 && read[0].grant.as_ref().is_some_and(|it| it.refresh.is_none()));
    let spent = key_print(&Secret::new("r"));
    let grant = Grant { ends: None, refresh: None };
    let to = Renewed { token: Secret::new("t2"), grant };
    assert!(reader.renew("x", &spent, &to).await.is_err());
    assert!(reader.add("x", Secret::new("k")).await.is_err());
    let writer = SecretsKeys::new(client, &environment);
    assert!(writer.renew("x", &spent, &to).await.expect("renewed"));
    assert_eq!(texts(&writer).await, ["t2"]);
}

fn over(answers: &[(u16, &str)]) -> (SecretsKeys, Replay) {
    let http = Replay::new(answers.iter().copied());
    (SecretsKeys::new(Client::new(&http.config()), &rig::environment()), http)
}

/// The body of a request.
fn asked(http: &Replay, nth: usize) -> serde_json::Value {
    let request = http.requests().nth(nth).expect("a request");
    serde_json::from_slice(request.body().bytes().expect("a body")).expect("JSON")
}

const READ: &str = r#"{"VersionId":"v1","SecretString":"{\"providers\":{}}"}"#;
const DONE: &str = "{}";
/// API_UpdateSecretVersionStage.html: the label is not where RemoveFromVersionId says.
const MOVED: &str = r#"{"__type":"InvalidParameterException","Message":"The parameter RemoveFromVersionId can't be empty or is wrong."}"#;

/// The label is taken from the version that was read and from no other.
#[tokio::test]
async fn a_change_is_made_on_what_was_read() {
    let (keys, http) = over(&[(200, READ), (200, DONE), (200, DONE)]);
    assert!(keys.add("x", Secret::new("k")).await.expect("added").1);
    let (put, moved) = (asked(&http, 1), asked(&http, 2));
    assert_eq!(put["VersionStages"], serde_json::json!(["AWSPENDING"]));
    assert_eq!(moved["VersionStage"], "AWSCURRENT");
    assert_eq!(moved["RemoveFromVersionId"], "v1");
    assert_eq!(moved["MoveToVersionId"], put["ClientRequestToken"]);
}

/// Who edits meanwhile moves it first.
#[tokio::test]
async fn a_change_that_comes_second_is_made_anew_on_the_first() {
    let theirs =
        r#"{"VersionId":"v2","SecretString":"{\"providers\":{\"x\":{\"keys\":[\"theirs\"]}}}"}"#;
    let answers = [READ, DONE, MOVED, theirs, theirs, DONE, DONE]
        .map(|body| (if body == MOVED { 400 } else { 200 }, body));
    let (keys, http) = over(&answers);
    keys.add("x", Secret::new("ours")).await.expect("added");
    let text = asked(&http, 5)["SecretString"].as_str().expect("text").to_owned();
    assert!(text.contains("theirs") && text.contains("ours"), "{text}");
    assert_eq!(asked(&http, 6)["RemoveFromVersionId"], "v2");
}

/// The label was moved, and the answer never came; the next try finds it where we wanted it.
#[tokio::test]
async fn a_change_whose_answer_was_lost_is_found_done() {
    let (probe, http) = over(&[(200, READ), (200, DONE), (200, DONE)]);
    probe.add("x", Secret::new("k")).await.expect("added");
    let token = asked(&http, 1)["ClientRequestToken"].as_str().expect("a token").to_owned();
    let ours = format!(r#"{{"VersionId":"{token}","SecretString":"{{}}"}}"#);
    let (keys, http) = over(&[(200, READ), (200, DONE), (400, MOVED), (200, &ours)]);
    assert!(keys.add("x", Secret::new("k")).await.expect("added").1);
    assert_eq!(http.requests().count(), 4, "nothing is written twice");
}

/// GetSecretValue of a secret that has no value yet (Secrets Manager's words).
#[tokio::test]
async fn a_secret_without_a_value_is_a_pool_without_keys() {
    let none = r#"{"__type":"ResourceNotFoundException","Message":"Secrets Manager can't find the specified secret value for staging label: AWSCURRENT"}"#;
    let (keys, http) = over(&[(400, none), (200, DONE), (200, DONE)]);
    keys.add("x", Secret::new("k")).await.expect("added");
    assert!(asked(&http, 2).get("RemoveFromVersionId").is_none());
}
