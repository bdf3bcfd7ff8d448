//! Limits as a client meets them: through a real sidecar, in each provider's own words, to the
//! request, over midnight and over a restart.

mod support;

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use bytes::Bytes;
use events::Limits;
use events::price::Cost;
use expect_test::{Expect, expect};
use http::{Method, Request, StatusCode};
use http_body_util::Full;
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use sidecar::stand_in::StandIn;
use sidecar::{Config, Keep};
use support::gate::{Gate, Manners};
use support::raw::{Raw, json};
use support::rig::{Answer, Rig, whole};
use tokio::task::JoinSet;

const KEY: &str = "sk-pool-one";
const MESSAGES: &str = "/anthropic/v1/messages";
const CHAT: &str = "/openai/v1/chat/completions";
const RESPONSES: &str = "/openai/v1/responses";
const SOUND: &str = "/openai/v1/audio/transcriptions";
const GEMINI: &str = "/google/v1beta/models/gemini-2.5-flash:generateContent";
const BEDROCK: &str = "/amazon-bedrock/model/anthropic.claude-haiku-4-5/converse";
/// One of each family: where, and what it is asked.
const FAMILIES: [(&str, &str); 5] = [
    (MESSAGES, r#"{"model":"claude-opus-4-6"}"#),
    (CHAT, r#"{"model":"gpt-5"}"#),
    (RESPONSES, r#"{"model":"gpt-5"}"#),
    (GEMINI, "{}"),
    (BEDROCK, "{}"),
];
const HAIKU: &str = r#"{"model":"claude-haiku-4-5"}"#;
/// A million tokens of input: one dollar.
const DOLLAR: &str =
    r#"{"model":"claude-haiku-4-5","usage":{"input_tokens":1000000,"output_tokens":0}}"#;
/// The tests' clock begins at eight in the morning of a 15th.
const TO_MIDNIGHT_MS: u64 = 16 * 3_600_000;

fn config(base: &str) -> Config {
    let ids = ["anthropic", "openai", "google", "amazon-bedrock"];
    let upstreams = ids.map(|id| (id.to_owned(), base.to_owned())).into();
    Config { upstreams, ..Config::default() }
}

fn limits(json: &str) -> Limits {
    serde_json::from_str(json).expect("limits")
}

/// A sidecar before a provider that answers with this usage, for a workspace with these limits.
async fn limited(answer: &str, json_limits: &str) -> (Raw, Rig) {
    let raw = Raw::new(&[&json("200 OK", "", answer)]).await;
    let base = format!("http://{}", raw.address);
    let rig = Rig::with(config(&base), raw.address, StandIn::new([]), &[KEY]).await;
    rig.tokens.limit("ann", &limits(json_limits));
    (raw, rig)
}

/// A refusal as one paragraph.
fn told(path: &str, answer: &Answer) -> String {
    let header = |name: &str| {
        let value = answer.headers.get(name).map(|value| value.to_str().expect("text").to_owned());
        value.unwrap_or_else(|| "-".to_owned())
    };
    format!(
        "{path}\n{} {} x-should-retry {} retry-after {}\n{}\n",
        answer.status,
        header("x-amzn-errortype"),
        header("x-should-retry"),
        header("retry-after"),
        answer.text()
    )
}

async fn families(rig: &Rig, expected: Expect) {
    let mut all = String::new();
    for (path, body) in FAMILIES {
        all += &told(path, &rig.post(path, body).await);
    }
    expected.assert_eq(&all);
}

#[tokio::test]
async fn a_model_that_is_not_allowed_is_refused_in_each_providers_own_words() {
    let lists = r#"{"models_allowed": ["anthropic/claude-haiku*", "anthropic/claude-opus*"],
        "models_denied": ["*/*OPUS*"]}"#;
    let (raw, rig) = limited(DOLLAR, lists).await;
    families(&rig, expect![[r#"
        /anthropic/v1/messages
        403 Forbidden - x-should-retry false retry-after -
        {"error":{"message":"teamclaw: anthropic/claude-opus-4-6 may not be asked for by this workspace (models_denied has \"*/*OPUS*\"); choose another model, or ask an administrator","type":"permission_error"},"type":"error"}
        /openai/v1/chat/completions
        403 Forbidden - x-should-retry false retry-after -
        {"error":{"code":"model_not_allowed","message":"teamclaw: openai/gpt-5 may not be asked for by this workspace; models_allowed are \"anthropic/claude-haiku*\", \"anthropic/claude-opus*\"; choose one of them, or ask an administrator","param":null,"type":"invalid_request_error"}}
        /openai/v1/responses
        403 Forbidden - x-should-retry false retry-after -
        {"error":{"code":"model_not_allowed","message":"teamclaw: openai/gpt-5 may not be asked for by this workspace; models_allowed are \"anthropic/claude-haiku*\", \"anthropic/claude-opus*\"; choose one of them, or ask an administrator","param":null,"type":"invalid_request_error"}}
        /google/v1beta/models/gemini-2.5-flash:generateContent
        403 Forbidden - x-should-retry false retry-after -
        {"error":{"code":403,"message":"teamclaw: google/gemini-2.5-flash may not be asked for by this workspace; models_allowed are \"anthropic/claude-haiku*\", \"anthropic/claude-opus*\"; choose one of them, or ask an administrator","status":"PERMISSION_DENIED"}}
        /amazon-bedrock/model/anthropic.claude-haiku-4-5/converse
        403 Forbidden AccessDeniedException x-should-retry false retry-after -
        {"message":"teamclaw: amazon-bedrock/anthropic.claude-haiku-4-5 may not be asked for by this workspace; models_allowed are \"anthropic/claude-haiku*\", \"anthropic/claude-opus*\"; choose one of them, or ask an administrator"}
    "#]]).await;
    assert_eq!(raw.count(), 0, "no refused request reaches a provider");
    assert!(rig.books.records().is_empty());
    let allowed = rig.post(MESSAGES, r#"{"model":"Claude-Haiku-4-5-20251001"}"#).await;
    assert_eq!(allowed.status, StatusCode::OK, "{}", allowed.text());
}

#[tokio::test]
async fn a_day_that_is_used_up_is_refused_in_each_providers_own_words_until_midnight() {
    let (raw, rig) =
        limited(DOLLAR, r#"{"dollars_per_day": "2", "unpriced_models": "allow"}"#).await;
    for _ in 0..2 {
        assert_eq!(rig.post(MESSAGES, HAIKU).await.status, StatusCode::OK);
    }
    families(&rig, expect![[r#"
        /anthropic/v1/messages
        402 Payment Required - x-should-retry false retry-after -
        {"error":{"message":"teamclaw: this workspace has used up its limit dollars_per_day = \"2\"; it frees at 2027-01-16 00:00 UTC; ask an administrator to raise it if that is too late","type":"billing_error"},"type":"error"}
        /openai/v1/chat/completions
        429 Too Many Requests - x-should-retry false retry-after -
        {"error":{"code":"insufficient_quota","message":"teamclaw: this workspace has used up its limit dollars_per_day = \"2\"; it frees at 2027-01-16 00:00 UTC; ask an administrator to raise it if that is too late","param":null,"type":"insufficient_quota"}}
        /openai/v1/responses
        429 Too Many Requests - x-should-retry false retry-after -
        {"error":{"code":"insufficient_quota","message":"teamclaw: this workspace has used up its limit dollars_per_day = \"2\"; it frees at 2027-01-16 00:00 UTC; ask an administrator to raise it if that is too late","param":null,"type":"insufficient_quota"}}
        /google/v1beta/models/gemini-2.5-flash:generateContent
        403 Forbidden - x-should-retry false retry-after -
        {"error":{"code":403,"message":"teamclaw: this workspace has used up its limit dollars_per_day = \"2\"; it frees at 2027-01-16 00:00 UTC; ask an administrator to raise it if that is too late","status":"PERMISSION_DENIED"}}
        /amazon-bedrock/model/anthropic.claude-haiku-4-5/converse
        400 Bad Request ServiceQuotaExceededException x-should-retry false retry-after -
        {"message":"teamclaw: this workspace has used up its limit dollars_per_day = \"2\"; it frees at 2027-01-16 00:00 UTC; ask an administrator to raise it if that is too late"}
    "#]]).await;
    assert_eq!(raw.count(), 2);
    rig.ticks.pass(TO_MIDNIGHT_MS);
    let next_day = rig.post(MESSAGES, HAIKU).await;
    assert_eq!(next_day.status, StatusCode::OK, "{}", next_day.text());
}

#[tokio::test]
async fn a_month_outlasts_midnight_and_the_last_request_may_pass_the_limit() {
    let (raw, rig) = limited(DOLLAR, r#"{"dollars_per_month": "1.5"}"#).await;
    assert_eq!(rig.post(MESSAGES, HAIKU).await.status, StatusCode::OK);
    rig.ticks.pass(TO_MIDNIGHT_MS);
    assert_eq!(rig.post(MESSAGES, HAIKU).await.status, StatusCode::OK, "half a dollar is left");
    rig.ticks.pass(TO_MIDNIGHT_MS);
    let refused = rig.post(MESSAGES, HAIKU).await;
    assert_eq!(refused.status, StatusCode::PAYMENT_REQUIRED);
    assert!(refused.text().contains("2027-02-01 00:00 UTC"), "{}", refused.text());
    assert_eq!(raw.count(), 2);
}

/// Sends so many requests at once and gives how many were answered with each status.
async fn at_once(rig: &Rig, count: usize) -> JoinSet<Answer> {
    let mut answers = JoinSet::new();
    for _ in 0..count {
        let client: Client<_, Full<Bytes>> = Client::builder(TokioExecutor::new()).build_http();
        let request = Request::post(format!("http://{}{MESSAGES}", rig.address))
            .header("x-api-key", &rig.ann)
            .body(Full::new(Bytes::from(HAIKU)))
            .expect("a request");
        answers.spawn(async move { whole(client.request(request).await.expect("sent")).await });
    }
    answers
}

async fn before_gate(gate: &Gate, json_limits: &str) -> Rig {
    gate.set(KEY, Manners::good());
    let base = format!("http://{}", gate.address);
    let rig = Rig::with(config(&base), gate.address, StandIn::new([]), &[KEY]).await;
    rig.tokens.limit("ann", &limits(json_limits));
    rig
}

#[tokio::test]
async fn of_64_at_once_exactly_as_many_are_under_way_as_may_be() {
    let gate = Gate::holding().await;
    let rig = before_gate(&gate, r#"{"requests_at_once": 5}"#).await;
    let mut answers = at_once(&rig, 64).await;
    for _ in 0..59 {
        let refused = answers.join_next().await.expect("one").expect("no panic");
        assert_eq!(refused.status, StatusCode::TOO_MANY_REQUESTS);
        assert_eq!(refused.headers["retry-after"], "1");
        assert!(refused.text().contains("requests_at_once = 5"), "{}", refused.text());
    }
    gate.until_asked(5).await;
    gate.let_go(5);
    while let Some(answer) = answers.join_next().await {
        assert_eq!(answer.expect("no panic").status, StatusCode::OK);
    }
    assert_eq!(gate.asked().len(), 5);
    gate.let_go(1);
    assert_eq!(rig.post(MESSAGES, HAIKU).await.status, StatusCode::OK, "there is room again");
}

#[tokio::test]
async fn of_64_in_a_minute_exactly_as_many_pass_as_may_and_the_wait_that_is_told_is_enough() {
    let gate = Gate::new().await;
    let rig = before_gate(&gate, r#"{"requests_per_minute": 7}"#).await;
    let answers = at_once(&rig, 64).await.join_all().await;
    let passed = answers.iter().filter(|answer| answer.status == StatusCode::OK).count();
    assert_eq!((passed, gate.asked().len()), (7, 7));
    let refused = answers.iter().find(|answer| answer.status != StatusCode::OK).expect("refused");
    assert_eq!(refused.status, StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(refused.json()["error"]["type"], "rate_limit_error");
    let wait: u64 = refused.headers["retry-after"].to_str().expect("text").parse().expect("s");
    assert!((1..=120).contains(&wait), "{wait}");
    rig.ticks.pass(wait * 1_000);
    assert_eq!(rig.post(MESSAGES, HAIKU).await.status, StatusCode::OK);
}

#[tokio::test]
async fn a_limit_is_passed_by_what_is_under_way_and_by_no_more() {
    let gate = Gate::holding().await;
    let rig = before_gate(&gate, r#"{"tokens_per_day": 1}"#).await;
    let mut answers = at_once(&rig, 3).await;
    gate.until_asked(3).await;
    gate.let_go(3);
    while let Some(answer) = answers.join_next().await {
        assert_eq!(answer.expect("no panic").status, StatusCode::OK);
    }
    assert_eq!(rig.post(MESSAGES, HAIKU).await.status, StatusCode::PAYMENT_REQUIRED);
    assert_eq!(gate.asked().len(), 3);
}

#[tokio::test]
async fn who_has_seen_the_end_of_a_stream_has_paid_for_it() {
    let rig = Rig::new(&[KEY]).await;
    rig.tokens.limit("ann", &limits(r#"{"tokens_per_day": 1}"#));
    let hello = r#"{"model":"claude-haiku-4-5","max_tokens":9,"stream":true,
        "messages":[{"role":"user","content":"hello there"}]}"#;
    assert_eq!(rig.post(MESSAGES, hello).await.status, StatusCode::OK);
    assert_eq!(rig.post(MESSAGES, hello).await.status, StatusCode::PAYMENT_REQUIRED);
}

#[tokio::test]
async fn what_costs_nothing_needs_no_model_and_no_budget_but_is_a_request() {
    let rig = Rig::new(&[KEY]).await;
    let json = r#"{"tokens_per_day": 1, "models_allowed": ["anthropic/claude-haiku*"],
        "requests_per_minute": 3}"#;
    rig.tokens.limit("ann", &limits(json));
    let models = async || rig.ask(&rig.ann, Method::GET, "/anthropic/v1/models").await.status;
    assert_eq!(rig.post(MESSAGES, HAIKU).await.status, StatusCode::OK);
    assert_eq!(rig.post(MESSAGES, HAIKU).await.status, StatusCode::PAYMENT_REQUIRED);
    assert_eq!(models().await, StatusCode::OK);
    assert_eq!(models().await, StatusCode::OK);
    assert_eq!(models().await, StatusCode::TOO_MANY_REQUESTS);
}

#[tokio::test]
async fn a_model_without_a_price_is_refused_where_dollars_are_limited_unless_it_is_allowed() {
    let body = r#"{"model":"gpt-nobody-knows","usage":{"prompt_tokens":5,"completion_tokens":5}}"#;
    let (raw, rig) = limited(body, r#"{"dollars_per_day": "1"}"#).await;
    let refused = rig.post(CHAT, r#"{"model":"gpt-nobody-knows"}"#).await;
    assert_eq!(refused.status, StatusCode::FORBIDDEN);
    expect![[r#"{"error":{"code":"model_not_allowed","message":"teamclaw: no price for model gpt-nobody-knows of openai in the price table 2026-11-22, and this workspace's dollars are limited; choose a model with a price, or ask an administrator, who may set unpriced_models = \"allow\"","param":null,"type":"invalid_request_error"}}"#]].assert_eq(refused.text());
    assert_eq!(raw.count(), 0);
    let allow = r#"{"dollars_per_day": "1", "unpriced_models": "allow"}"#;
    let (_raw, rig) = limited(body, allow).await;
    assert_eq!(rig.post(CHAT, r#"{"model":"gpt-nobody-knows"}"#).await.status, StatusCode::OK);
    rig.sidecar.flush().await;
    assert!(matches!(rig.books.records()[0].cost, Cost::Unknown { .. }), "it stays visible");
}

#[tokio::test]
async fn a_model_that_cannot_be_read_is_refused_where_models_are_listed() {
    let (raw, rig) = limited(DOLLAR, r#"{"models_denied": ["openai/gpt-4o*"]}"#).await;
    let whisper =
        "--b\r\nContent-Disposition: form-data; name=\"model\"\r\n\r\nwhisper-1\r\n--b--\r\n";
    // A lenient reader takes the second field for the model.
    let two = whisper.replace(
        "--b--",
        "--b\r\nContent-Disposition: form-data; name=model\r\n\r\ngpt-4o-transcribe\r\n--b--",
    );
    let large = format!(r#"{{"input":"{}","model":"gpt-5"}}"#, "x".repeat(9 * 1024 * 1024));
    for (path, kind, body, status) in [
        (SOUND, "multipart/form-data; boundary=b", whisper, StatusCode::OK),
        (SOUND, "multipart/form-data; boundary=b", &two, StatusCode::FORBIDDEN),
        (SOUND, "multipart/form-data", whisper, StatusCode::FORBIDDEN),
        (RESPONSES, "application/json", r#"{"input":"x"}"#, StatusCode::FORBIDDEN),
        (RESPONSES, "application/json", r#"{"model":"gpt-5","MODEL":"b"}"#, StatusCode::FORBIDDEN),
        (RESPONSES, "application/json", &large, StatusCode::FORBIDDEN),
        (RESPONSES, "application/json", r#"{"model":"gpt-5"}"#, StatusCode::OK),
    ] {
        let client: Client<_, Full<Bytes>> = Client::builder(TokioExecutor::new()).build_http();
        let request = Request::post(format!("http://{}{path}", rig.address))
            .header("authorization", format!("Bearer {}", rig.ann))
            .header("content-type", kind)
            .body(Full::new(Bytes::from(body.to_owned())))
            .expect("a request");
        let answer = whole(client.request(request).await.expect("an answer")).await;
        let shown: String = body.chars().take(200).collect();
        assert_eq!(answer.status, status, "{shown}\n{}", answer.text());
    }
    assert_eq!(raw.count(), 2);
}

#[tokio::test]
async fn a_ledger_that_is_away_stops_those_whose_limits_reach_back() {
    let (raw, rig) = limited(DOLLAR, r#"{"dollars_per_month": "9"}"#).await;
    rig.books.away.store(true, Ordering::Relaxed);
    let refused = rig.post(MESSAGES, HAIKU).await;
    assert_eq!(refused.status, StatusCode::SERVICE_UNAVAILABLE, "{}", refused.text());
    assert_eq!(refused.headers["retry-after"], "1");
    assert!(refused.text().contains("cannot be read right now"), "{}", refused.text());
    assert_eq!(raw.count(), 0);
    rig.books.away.store(false, Ordering::Relaxed);
    assert_eq!(rig.post(MESSAGES, HAIKU).await.status, StatusCode::OK);
    // What is known is known: the ledger is asked once.
    rig.books.away.store(true, Ordering::Relaxed);
    assert_eq!(rig.post(MESSAGES, HAIKU).await.status, StatusCode::OK);
}

#[tokio::test]
async fn a_restart_keeps_what_was_spent() {
    let day = r#"{"dollars_per_day": "2"}"#;
    let (raw, rig) = limited(DOLLAR, day).await;
    for _ in 0..2 {
        assert_eq!(rig.post(MESSAGES, HAIKU).await.status, StatusCode::OK);
    }
    rig.sidecar.flush().await;
    let (books, ticks) = (Arc::clone(&rig.books), Arc::clone(&rig.ticks));
    let base = format!("http://{}", raw.address);
    let (config, stand_in) = (config(&base), StandIn::new([]));
    let again = Rig::with_books(config, raw.address, stand_in, &[KEY], books, ticks).await;
    again.tokens.limit("ann", &limits(day));
    assert_eq!(again.post(MESSAGES, HAIKU).await.status, StatusCode::PAYMENT_REQUIRED);
    assert_eq!(raw.count(), 2);
    again.ticks.pass(TO_MIDNIGHT_MS);
    assert_eq!(again.post(MESSAGES, HAIKU).await.status, StatusCode::OK);
}

/// A directory that nobody else has.
fn fresh() -> std::path::PathBuf {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    let name = format!("limits-{}-{count}", std::process::id());
    let path = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    // Left over from a process of the same number.
    let _absent = std::fs::remove_dir_all(&path);
    std::fs::create_dir_all(&path).expect("a directory");
    path
}

#[tokio::test]
async fn what_a_killed_sidecar_could_not_hand_over_is_spent_all_the_same() {
    let raw = Raw::new(&[&json("200 OK", "", DOLLAR)]).await;
    let base = format!("http://{}", raw.address);
    let on = |place: &std::path::Path| {
        let keep = Keep::Directory(place.to_owned());
        Rig::with(Config { keep, ..config(&base) }, raw.address, StandIn::new([]), &[KEY])
    };
    let (first, second) = (fresh(), fresh());
    let killed = on(&first).await;
    killed.books.away.store(true, Ordering::Relaxed);
    assert_eq!(killed.post(MESSAGES, HAIKU).await.status, StatusCode::OK);
    // A kill is a copy of the directory.
    for entry in std::fs::read_dir(&first).expect("readable") {
        let entry = entry.expect("readable");
        std::fs::copy(entry.path(), second.join(entry.file_name())).expect("copied");
    }
    let next = on(&second).await;
    next.tokens.limit("ann", &limits(r#"{"dollars_per_day": "1"}"#));
    let refused = next.post(MESSAGES, HAIKU).await;
    assert_eq!(refused.status, StatusCode::PAYMENT_REQUIRED, "{}", refused.text());
    for place in [first, second] {
        std::fs::remove_dir_all(place).expect("removed");
    }
}
