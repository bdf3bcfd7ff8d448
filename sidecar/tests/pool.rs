//! The key pool before a provider: what a client notices of limits, refusals and rotations, and
//! what it does not.

mod support;

use std::time::Duration;

use events::Secret;
use http::{Response, StatusCode};
use hyper::body::Incoming;
use serde_json::json;
use sidecar::stand_in::StandIn;
use sidecar::{Config, KeyStanding, Strategy};
use support::gate::{Gate, Manners};
use support::raw::Raw;
use support::rig::{Answer, Rig, until};
use tokio::time::{advance, pause, resume};

const MESSAGES: &str = "/anthropic/v1/messages";
const ATTEMPTS: &str = "x-teamclaw-attempts";
/// Longer than a first quarantine.
const QUARANTINE: Duration = Duration::from_secs(31);

fn hello() -> String {
    json!({"model": "claude-haiku-4-5", "messages": [{"role": "user", "content": "hi"}]})
        .to_string()
}

fn config(gate: &Gate) -> Config {
    let upstreams = [("anthropic".to_owned(), format!("http://{}", gate.address))].into();
    Config { upstreams, ..Config::default() }
}

async fn rig(gate: &Gate, config: Config, keys: &[&str]) -> Rig {
    for key in keys {
        gate.set(key, Manners::good());
    }
    Rig::with(config, gate.address, StandIn::new([]), keys).await
}

async fn ask(rig: &Rig) -> Answer {
    rig.post(MESSAGES, hello()).await
}

fn header<'a>(answer: &'a Answer, name: &str) -> Option<&'a str> {
    answer.headers.get(name).map(|value| value.to_str().expect("ASCII"))
}

fn set_pool(rig: &Rig, keys: &[&str]) {
    *rig.pool.0.lock().expect("no panic") = keys.iter().copied().map(Secret::new).collect();
}

/// Moves the clock. Nothing may be under way.
async fn later(span: Duration) {
    pause();
    advance(span).await;
    resume();
}

/// Of two keys the one that Ann's requests get, and the other.
async fn first_of_two(rig: &Rig, gate: &Gate) -> (&'static str, &'static str) {
    assert_eq!(ask(rig).await.status, StatusCode::OK);
    if gate.asked() == ["sk-a"] { ("sk-a", "sk-b") } else { ("sk-b", "sk-a") }
}

#[tokio::test]
async fn a_limit_moves_the_request_to_the_next_key_and_the_first_comes_back() {
    let gate = Gate::new().await;
    let rig = rig(&gate, config(&gate), &["sk-a", "sk-b"]).await;
    let (first, second) = first_of_two(&rig, &gate).await;
    gate.set(first, Manners::refuses(429).with("retry-after", "20"));
    let answer = ask(&rig).await;
    assert_eq!((answer.status, header(&answer, ATTEMPTS)), (StatusCode::OK, Some("2")));
    gate.set(first, Manners::good());
    let answer = ask(&rig).await;
    assert_eq!((answer.status, header(&answer, ATTEMPTS)), (StatusCode::OK, None));
    later(Duration::from_secs(21)).await;
    ask(&rig).await;
    assert_eq!(gate.asked(), [first, first, second, second, first]);
}

/// Whose account is empty, and who is not known although the status says something else.
#[tokio::test]
async fn a_key_that_cannot_pay_or_is_unknown_in_googles_words_moves_the_request_to_the_next() {
    let unknown = r#"{"error":{"code":400,"details":[{"reason":"API_KEY_INVALID"}]}}"#;
    for (status, body) in [(402, "{}"), (400, unknown)] {
        let gate = Gate::new().await;
        let rig = rig(&gate, config(&gate), &["sk-a", "sk-b"]).await;
        let (first, second) = first_of_two(&rig, &gate).await;
        let refuses = Manners { body: body.to_owned(), ..Manners::refuses(status) };
        gate.set(first, refuses.clone());
        let answer = ask(&rig).await;
        assert_eq!((answer.status, header(&answer, ATTEMPTS)), (StatusCode::OK, Some("2")));
        assert_eq!(ask(&rig).await.status, StatusCode::OK, "and is left alone");
        assert_eq!(gate.asked(), [first, first, second, second], "{status}");
        // With no other key the client is told: the provider's words, or that the key is not known.
        gate.set(second, refuses);
        let answer = ask(&rig).await;
        let expected = if status == 402 { status } else { 503 };
        assert_eq!(answer.status.as_u16(), expected, "{}", answer.text());
    }
}

/// The request's own fault stays so.
#[tokio::test]
async fn a_request_that_the_provider_does_not_understand_costs_no_key_its_trust() {
    let gate = Gate::new().await;
    let rig = rig(&gate, config(&gate), &["sk-a", "sk-b"]).await;
    let (first, _) = first_of_two(&rig, &gate).await;
    gate.set(first, Manners::refuses(400));
    assert_eq!(ask(&rig).await.status, StatusCode::BAD_REQUEST);
    gate.set(first, Manners::good());
    assert_eq!(ask(&rig).await.status, StatusCode::OK);
    assert_eq!(gate.asked(), [first, first, first]);
}

#[tokio::test]
async fn a_key_with_nothing_left_is_spared_before_it_is_refused() {
    let gate = Gate::new().await;
    let rig = rig(&gate, config(&gate), &["sk-a", "sk-b"]).await;
    let (first, second) = first_of_two(&rig, &gate).await;
    let used_up = Manners::good()
        .with("x-ratelimit-remaining-tokens", "0")
        .with("x-ratelimit-reset-tokens", "1m0s");
    gate.set(first, used_up);
    for _ in 0..2 {
        assert_eq!(ask(&rig).await.status, StatusCode::OK);
    }
    assert_eq!(gate.asked(), [first, first, second]);
}

#[tokio::test]
async fn a_rotated_key_costs_no_request() {
    let gate = Gate::new().await;
    let keys_believed = Duration::from_secs(60);
    let rig = rig(&gate, Config { keys_believed, ..config(&gate) }, &["sk-old"]).await;
    assert_eq!(ask(&rig).await.status, StatusCode::OK);
    gate.set("sk-new", Manners::good());
    set_pool(&rig, &["sk-new"]);
    assert_eq!(ask(&rig).await.status, StatusCode::OK);
    gate.revoke("sk-old");
    let answer = ask(&rig).await;
    assert_eq!((answer.status, header(&answer, ATTEMPTS)), (StatusCode::OK, Some("2")));
    assert_eq!(gate.asked(), ["sk-old", "sk-old", "sk-old", "sk-new"]);
    rig.sidecar.flush().await;
    assert_eq!(rig.books.records().len(), 3, "one record for a request, however many keys it took");
}

#[tokio::test]
async fn when_all_are_limited_the_client_reads_the_providers_own_words_and_the_soonest_end() {
    let gate = Gate::new().await;
    let rig = rig(&gate, config(&gate), &["sk-a", "sk-b"]).await;
    gate.set("sk-a", Manners::refuses(429).with("retry-after", "50"));
    gate.set(
        "sk-b",
        Manners::refuses(429).with("retry-after", "40").with("retry-after-ms", "40000"),
    );
    let answer = ask(&rig).await;
    assert_eq!(answer.status, StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(answer.json()["error"]["type"], "its_own");
    let soonest = header(&answer, "retry-after").expect("told").parse::<u64>().expect("a number");
    assert!((1..=40).contains(&soonest), "{soonest}");
    assert_eq!(header(&answer, "retry-after-ms"), None, "it spoke of one key");
    assert_eq!(header(&answer, "x-should-retry"), Some("true"));
    assert_eq!(header(&answer, ATTEMPTS), Some("2"));
    let answer = ask(&rig).await;
    assert_eq!(answer.status, StatusCode::TOO_MANY_REQUESTS);
    assert!(answer.text().contains("teamclaw: "), "{}", answer.text());
    assert_eq!(header(&answer, ATTEMPTS), None);
    assert_eq!(gate.asked().len(), 2, "a key that was told to wait is not asked");
    rig.sidecar.flush().await;
    let records = rig.books.records();
    assert_eq!(records.len(), 1, "what was not sent is not counted");
    assert_eq!(records[0].status, 429);
}

#[tokio::test]
async fn when_no_client_waits_so_long_it_is_told_not_to_try() {
    let gate = Gate::new().await;
    let rig = rig(&gate, config(&gate), &["sk-a"]).await;
    gate.set("sk-a", Manners::refuses(429).with("retry-after", "200"));
    for asked in [1, 1] {
        let answer = ask(&rig).await;
        assert_eq!(answer.status, StatusCode::TOO_MANY_REQUESTS);
        assert_eq!(header(&answer, "x-should-retry"), Some("false"));
        assert_eq!(gate.asked().len(), asked);
    }
}

#[tokio::test]
async fn a_provider_in_trouble_is_passed_on_as_it_is_and_no_other_key_is_tried() {
    for status in [500, 529] {
        let gate = Gate::new().await;
        let rig = rig(&gate, config(&gate), &["sk-a", "sk-b"]).await;
        for key in ["sk-a", "sk-b"] {
            gate.set(key, Manners::refuses(status).with("retry-after", "77"));
        }
        for asked in 1..4 {
            let answer = ask(&rig).await;
            assert_eq!(answer.status.as_u16(), status);
            assert_eq!(answer.json()["error"]["type"], "its_own");
            assert_eq!(header(&answer, "retry-after"), Some("77"));
            assert_eq!(gate.asked().len(), asked);
        }
    }
}

#[tokio::test]
async fn a_body_that_cannot_be_sent_again_is_tried_once_and_the_client_may_try_again() {
    let gate = Gate::new().await;
    let rig = rig(&gate, config(&gate), &["sk-a", "sk-b"]).await;
    for key in ["sk-a", "sk-b"] {
        gate.set(key, Manners::refuses(429).with("retry-after", "50"));
    }
    let large = format!(r#"{{"model":"m","x":"{}"}}"#, "y".repeat(9 * 1024 * 1024));
    let answer = rig.post(MESSAGES, large).await;
    assert_eq!(answer.status, StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(gate.asked().len(), 1);
    assert_eq!(header(&answer, "retry-after"), Some("1"), "another key is free");
    assert_eq!(header(&answer, "x-should-retry"), Some("true"));
}

#[tokio::test]
async fn a_key_that_cannot_be_sent_is_passed_over_and_alone_is_no_key() {
    let gate = Gate::new().await;
    let odd = ["sk\nodd", "sk-a"];
    let both = rig(&gate, config(&gate), &odd).await;
    for _ in 0..2 {
        let answer = ask(&both).await;
        assert_eq!((answer.status, header(&answer, ATTEMPTS)), (StatusCode::OK, None));
    }
    let alone = rig(&gate, config(&gate), &odd[..1]).await;
    for _ in 0..2 {
        let answer = ask(&alone).await;
        assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(header(&answer, "x-should-retry"), Some("false"));
    }
    assert_eq!(gate.asked(), ["sk-a", "sk-a"]);
}

#[tokio::test]
async fn a_refusal_that_breaks_off_is_told_in_our_words() {
    let broken = "HTTP/1.1 429 Slow\r\nretry-after: 40\r\ncontent-length: 99\r\n\r\n{\"err";
    let raw = Raw::new(&[broken]).await;
    let rig = Rig::before(raw.address, StandIn::new([]), &["sk-a"]).await;
    let answer = ask(&rig).await;
    assert_eq!(answer.status, StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(answer.json()["error"]["type"], "rate_limit_error");
    assert!(header(&answer, "retry-after").is_some());
}

#[tokio::test]
async fn a_refused_key_is_tried_again_by_one_request_at_a_time() {
    let gate = Gate::new().await;
    let rig = std::sync::Arc::new(rig(&gate, config(&gate), &["sk-a"]).await);
    gate.revoke("sk-a");
    for _ in 0..3 {
        let answer = ask(&rig).await;
        assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(header(&answer, "x-should-retry"), Some("false"));
        assert!(answer.text().contains("teamclaw keys list"), "{}", answer.text());
    }
    assert_eq!(gate.asked().len(), 2, "in quarantine since the second");
    later(2 * QUARANTINE).await;
    gate.set("sk-a", Manners::good());
    gate.shut(true);
    let mut all = tokio::task::JoinSet::new();
    for _ in 0..10 {
        let rig = std::sync::Arc::clone(&rig);
        all.spawn(async move { ask(&rig).await.status });
    }
    gate.until_asked(3).await;
    for _ in 0..9 {
        let status = all.join_next().await.expect("nine of ten").expect("no panic");
        assert_eq!(status, StatusCode::TOO_MANY_REQUESTS, "it is known in a moment");
    }
    assert_eq!(gate.asked().len(), 3, "one finds out");
    gate.shut(false);
    assert_eq!(all.join_next().await.expect("the tenth").expect("no panic"), StatusCode::OK);
    assert_eq!(ask(&rig).await.status, StatusCode::OK);
}

#[tokio::test]
async fn a_client_that_hangs_up_leaves_the_trying_to_the_next() {
    let gate = Gate::new().await;
    let rig = rig(&gate, config(&gate), &["sk-a"]).await;
    gate.revoke("sk-a");
    ask(&rig).await;
    later(QUARANTINE).await;
    gate.set("sk-a", Manners::good());
    gate.shut(true);
    tokio::select! {
        _answered = ask(&rig) => panic!("the gate is shut"),
        () = gate.until_asked(2) => {}
    }
    gate.shut(false);
    until("the request is over", || rig.sidecar.keys_state()[0].under_way == 0).await;
    assert_eq!(ask(&rig).await.status, StatusCode::OK);
}

#[tokio::test]
async fn a_removed_key_is_out_at_once() {
    let gate = Gate::new().await;
    let rig = rig(&gate, config(&gate), &["sk-a", "sk-b"]).await;
    let (first, second) = first_of_two(&rig, &gate).await;
    set_pool(&rig, &[second]);
    for _ in 0..3 {
        assert_eq!(ask(&rig).await.status, StatusCode::OK);
    }
    assert_eq!(gate.asked(), [first, second, second, second]);
}

#[tokio::test]
async fn the_key_with_the_fewest_requests_under_way_is_next() {
    let gate = Gate::holding().await;
    let strategy = Strategy::LeastLoaded;
    let rig = rig(&gate, Config { strategy, ..config(&gate) }, &["sk-a", "sk-b"]).await;
    let mut open: Vec<Response<Incoming>> = Vec::new();
    for _ in 0..10 {
        open.push(rig.open(MESSAGES, hello()).await);
    }
    let state = rig.sidecar.keys_state();
    assert_eq!(state.iter().map(|key| key.under_way).collect::<Vec<_>>(), [5, 5]);
    drop(open);
    until("all are over", || rig.sidecar.keys_state().iter().all(|key| key.under_way == 0)).await;
}

#[tokio::test]
async fn an_operator_sees_how_each_key_stands_and_no_key() {
    let gate = Gate::new().await;
    let rig = rig(&gate, config(&gate), &["sk-a", "sk-b"]).await;
    assert_eq!(rig.sidecar.keys_state(), []);
    gate.set("sk-a", Manners::refuses(429).with("retry-after", "50"));
    gate.set("sk-b", Manners::refuses(403));
    ask(&rig).await;
    let state = rig.sidecar.keys_state();
    let standings: Vec<KeyStanding> = state.iter().map(|key| key.standing).collect();
    assert_eq!(standings, [KeyStanding::Cooling, KeyStanding::Quarantined]);
    for key in &state {
        assert_eq!((key.provider.as_str(), key.requests, key.refusals), ("anthropic", 1, 1));
        assert!(key.until.is_some());
    }
    let shown = serde_json::to_string(&state).expect("JSON");
    assert!(!shown.contains("sk-"), "{shown}");
}
