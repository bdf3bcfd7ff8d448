//! The sidecar before the stand-in: what is counted equals the stand-in's own ledger to the token,
//! keys fail over, and whatever ends a request is counted once.

mod support;

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use events::usage::{Completion, Tokens, UsageRecord};
use http::{Method, StatusCode};
use http_body_util::BodyExt;
use serde_json::{Value, json};
use sidecar::stand_in::Script;
use support::rig::{Rig, until, whole};

const KEYS: [&str; 2] = ["sk-pool-one", "sk-pool-two"];
const MESSAGES: &str = "/anthropic/v1/messages";
const CHAT: &str = "/openai/v1/chat/completions";
const RESPONSES: &str = "/openai/v1/responses";

fn hello(model: &str, stream: bool) -> String {
    json!({"model": model, "stream": stream, "max_tokens": 100,
        "messages": [{"role": "user", "content": "hello there"}]})
    .to_string()
}

fn sum(records: &[UsageRecord]) -> Tokens {
    records.iter().fold(Tokens::default(), |sum, record| sum + record.tokens)
}

async fn records(rig: &Rig) -> Vec<UsageRecord> {
    rig.sidecar.flush().await;
    rig.books.records()
}

#[tokio::test]
async fn what_is_counted_equals_the_ledger_to_the_token() {
    let rig = Rig::new(&KEYS).await;
    let system = json!([{"type": "text", "text": "You are an agent of a company.",
        "cache_control": {"type": "ephemeral", "ttl": "1h"}}]);
    for stream in [false, true, true] {
        let user = json!([{"role": "user", "content": [{"type": "text", "text": "hello there"}]}]);
        let cached = json!({"model": "claude-sonnet-4-6", "stream": stream, "system": system,
            "messages": user});
        let tools = json!({"model": "gpt-5.6-luna", "stream": stream, "instructions": "Be brief.",
            "tools": [{"type": "function", "name": "f"}], "input": "hello there"});
        for (path, body) in [
            (MESSAGES, cached.to_string()),
            (MESSAGES, hello("claude-haiku-4-5", stream)),
            (CHAT, hello("gpt-4.1", stream)),
            (RESPONSES, tools.to_string()),
        ] {
            let answer = rig.post(path, body).await;
            assert_eq!(answer.status, StatusCode::OK, "{}", answer.text());
        }
    }
    let embedded = json!({"model": "text-embedding-3-small", "input": ["a", "some text"]});
    assert_eq!(rig.post("/openai/v1/embeddings", embedded.to_string()).await.status, 200);
    let records = records(&rig).await;
    let billed = rig.stand_in.ledger().total();
    assert_eq!(records.len() as u64, billed.answered);
    assert_eq!(records.len(), 13);
    let tokens = sum(&records);
    assert_eq!(tokens.reasoning, 24);
    // The stand-in tells Anthropic clients no reasoning, and none of its models there thinks.
    assert_eq!(tokens, billed.tokens);
    assert!(tokens.cache_write1h > 0 && tokens.cache_read > 0);
    assert!(records.iter().all(|r| r.completion == Completion::Complete && r.raw.is_some()));
    assert!(records.iter().all(|r| r.generation.0 == 3 && r.team.as_str() == "research"));
    assert_eq!(rig.activity.load(Ordering::Relaxed), 26, "each start and each end");
}

#[tokio::test]
async fn the_conversation_comes_through() {
    let rig = Rig::new(&KEYS).await;
    let body = json!({"model": "claude-haiku-4-5", "messages": [
        {"role": "user", "content": "one"}, {"role": "assistant", "content": "two"},
        {"role": "user", "content": "three"}]});
    let answer = rig.post(MESSAGES, body.to_string()).await.json();
    assert_eq!(answer["content"][0]["text"], "You said: three; I have seen 3 messages");
}

#[tokio::test]
async fn counting_tokens_and_listing_models_is_no_usage() {
    let rig = Rig::new(&KEYS).await;
    let counted = rig.post("/anthropic/v1/messages/count_tokens", hello("m", false)).await;
    assert_eq!(counted.json()["input_tokens"], 3);
    for path in ["/openai/v1/models", "/anthropic/v1/models?limit=5", "/openai/v1/models/gpt-4.1"] {
        assert_eq!(rig.ask(&rig.ann, Method::GET, path).await.status, StatusCode::OK, "{path}");
    }
    assert_eq!(records(&rig).await, []);
    assert_eq!(rig.activity.load(Ordering::Relaxed), 0);
}

#[tokio::test]
async fn a_chat_stream_without_include_usage_is_counted_and_the_client_never_sees_the_chunk() {
    let rig = Rig::new(&KEYS).await;
    let answer = rig.post(CHAT, hello("gpt-4.1", true)).await;
    let chunks: Vec<&str> =
        answer.text().split("\n\n").filter_map(|event| event.strip_prefix("data: ")).collect();
    assert_eq!(chunks.last(), Some(&"[DONE]"));
    for chunk in &chunks[..chunks.len() - 1] {
        let chunk: Value = serde_json::from_str(chunk).expect("JSON");
        assert!(chunk["choices"].as_array().is_some_and(|choices| !choices.is_empty()), "{chunk}");
    }
    let records = records(&rig).await;
    assert_eq!(records[0].tokens, rig.stand_in.ledger().total().tokens);
    assert!(records[0].tokens.output > 0);
}

#[tokio::test]
async fn a_refused_key_gives_way_to_another_before_the_first_byte() {
    for status in [429, 401, 403] {
        let rig = Rig::new(&KEYS).await;
        rig.stand_in.script(Script { fail_next: 1, status, ..Script::default() });
        for _ in 0..3 {
            let answer = rig.post(MESSAGES, hello("claude-haiku-4-5", true)).await;
            assert_eq!(answer.status, StatusCode::OK, "after {status}");
        }
        let ledger = rig.stand_in.ledger();
        assert_eq!(ledger.total().refused, 1, "the refused key rests");
        let records = records(&rig).await;
        assert_eq!(records.len(), 3, "one record for a request, however many keys it took");
        let refused = ledger.keys.iter().find(|(_, m)| m.values().any(|line| line.refused > 0));
        let (refused, _) = refused.expect("a key was refused");
        assert!(records.iter().all(|record| record.key != *refused));
    }
}

#[tokio::test]
async fn when_every_key_is_refused_the_client_reads_why_and_no_key() {
    for status in [429, 401, 403, 500, 529, 307] {
        let rig = Rig::new(&KEYS).await;
        rig.stand_in.script(Script { fail_next: 9, status, ..Script::default() });
        let answer = rig.post(CHAT, hello("gpt-4.1", false)).await;
        assert!(!answer.status.is_success(), "{status}");
        assert!(!answer.text().contains("sk-pool"), "{}", answer.text());
        assert!(!format!("{:?}", answer.headers).contains("sk-pool"));
        assert!(answer.json()["error"]["message"].is_string());
        assert!(answer.headers.get("location").is_none(), "a redirect is not passed on");
        let records = records(&rig).await;
        assert_eq!(records.len(), 1);
        assert_eq!(records[0].completion, Completion::Failed);
        assert_eq!(records[0].tokens, Tokens::default());
        let tries = if [429, 401, 403].contains(&status) { 2 } else { 1 };
        assert_eq!(rig.stand_in.ledger().total().refused, tries, "{status}");
    }
}

#[tokio::test]
async fn a_provider_that_says_wait_is_left_alone_until_then() {
    let rig = Rig::new(&KEYS[..1]).await;
    let script = Script { fail_next: 1, status: 429, retry_after: Some(60), ..Script::default() };
    rig.stand_in.script(script);
    assert_eq!(rig.post(CHAT, hello("gpt-4.1", false)).await.status, 429);
    let answer = rig.post(CHAT, hello("gpt-4.1", false)).await;
    assert_eq!(answer.status, StatusCode::TOO_MANY_REQUESTS);
    let seconds = answer.headers["retry-after"].to_str().expect("ASCII").parse::<u64>();
    assert!((50..=61).contains(&seconds.expect("a number")));
    let billed = rig.stand_in.ledger().total();
    assert_eq!((billed.refused, billed.answered), (1, 0));
}

#[tokio::test]
async fn a_client_that_hangs_up_mid_stream_is_counted_as_aborted_and_ends_the_request() {
    let rig = Rig::new(&KEYS).await;
    rig.stand_in.script(Script { event_delay_ms: 50, ..Script::default() });
    let mut response = rig.open(MESSAGES, hello("claude-haiku-4-5", true)).await;
    let first = response.body_mut().frame().await.expect("a frame").expect("data");
    assert!(first.data_ref().is_some_and(|data| data.starts_with(b"event: message_start")));
    drop(response);
    let books = Arc::clone(&rig.books);
    until("the abort is reported", || !books.records().is_empty()).await;
    let records = rig.books.records();
    assert_eq!(records[0].completion, Completion::Aborted);
    assert_eq!(records[0].tokens.uncached_input, 3, "the input was told at the start");
    assert_eq!(rig.stand_in.ledger().total().answered, 0, "the provider was stopped");
}

#[tokio::test]
async fn a_client_that_hangs_up_before_the_answer_is_counted_too() {
    let rig = Rig::new(&KEYS).await;
    rig.stand_in.script(Script { head_delay_ms: 60_000, ..Script::default() });
    let waiting = rig.open(MESSAGES, hello("claude-haiku-4-5", true));
    assert!(tokio::time::timeout(Duration::from_millis(300), waiting).await.is_err());
    let books = Arc::clone(&rig.books);
    until("the abort is reported", || !books.records().is_empty()).await;
    let records = rig.books.records();
    assert_eq!((records[0].status, records[0].completion), (499, Completion::Aborted));
    assert_eq!(records[0].model, "claude-haiku-4-5");
}

#[tokio::test]
async fn a_stream_that_the_provider_cuts_is_cut_for_the_client_and_counted_as_aborted() {
    let rig = Rig::new(&KEYS).await;
    rig.stand_in.script(Script { cut_after: Some(4), ..Script::default() });
    let response = rig.open(MESSAGES, hello("claude-haiku-4-5", true)).await;
    assert_eq!(response.status(), StatusCode::OK);
    let (mut seen, mut body) = (Vec::new(), response.into_body());
    let end = loop {
        match body.frame().await {
            Some(Ok(frame)) => seen.extend_from_slice(frame.data_ref().expect("data")),
            end => break end,
        }
    };
    assert!(end.is_some_and(|end| end.is_err()), "the client must see that it was cut");
    let seen = String::from_utf8(seen).expect("UTF-8");
    assert_eq!(seen.matches("event: ").count(), 4, "and all that came before: {seen}");
    let records = records(&rig).await;
    assert_eq!(records[0].completion, Completion::Aborted);
}

#[tokio::test]
async fn a_client_that_hangs_up_after_the_last_word_is_complete() {
    let rig = Rig::new(&KEYS).await;
    let body = json!({"model": "gpt-5.6-luna", "stream": true, "input": "hello there"});
    let mut response = rig.open(RESPONSES, body.to_string()).await;
    let mut seen = Vec::new();
    while !seen.windows(18).any(|w| w == b"response.completed") {
        let frame = response.body_mut().frame().await.expect("more").expect("data");
        seen.extend_from_slice(frame.data_ref().expect("data"));
    }
    drop(response);
    let books = Arc::clone(&rig.books);
    until("the request is reported", || !books.records().is_empty()).await;
    assert_eq!(rig.books.records()[0].completion, Completion::Complete);
    assert_eq!(rig.books.records()[0].tokens, rig.stand_in.ledger().total().tokens);
}

#[tokio::test]
async fn a_workspace_stays_with_its_key() {
    let rig = Rig::new(&["a", "b", "c", "d"]).await;
    for _ in 0..8 {
        rig.post(MESSAGES, hello("claude-haiku-4-5", false)).await;
    }
    assert_eq!(rig.stand_in.ledger().keys.len(), 1);
}

#[tokio::test]
async fn usage_waits_for_a_ledger_that_is_away_and_one_bad_record_blocks_no_other() {
    let rig = Rig::new(&KEYS).await;
    rig.books.away.store(true, Ordering::Relaxed);
    *rig.books.hates.lock().expect("no panic") = Some("gpt-4.1".into());
    for model in ["gpt-4.1", "gpt-4o", "gpt-5"] {
        rig.post(CHAT, hello(model, true)).await;
    }
    let books = Arc::clone(&rig.books);
    until("it is tried again", || books.calls.load(Ordering::Relaxed) > 2).await;
    assert_eq!(rig.books.records(), []);
    rig.books.away.store(false, Ordering::Relaxed);
    let mut models: Vec<String> = records(&rig).await.into_iter().map(|r| r.model).collect();
    models.sort();
    assert_eq!(models, ["gpt-4o", "gpt-5"]);
}

#[tokio::test]
async fn without_a_key_in_the_pool_the_client_reads_what_to_do() {
    let rig = Rig::new(&[]).await;
    let answer = whole(rig.open(CHAT, hello("gpt-4.1", false)).await).await;
    assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE);
    assert!(answer.text().contains("teamclaw keys add openai"));
    assert_eq!(answer.headers["x-should-retry"], "false");
    assert_eq!(records(&rig).await, []);
}

#[tokio::test]
async fn a_shutdown_lets_a_stream_end_hands_its_usage_over_and_takes_nobody_new() {
    let mut rig = Rig::new(&KEYS).await;
    rig.stand_in.script(Script { event_delay_ms: 30, ..Script::default() });
    let response = rig.open(MESSAGES, hello("claude-haiku-4-5", true)).await;
    rig.stop.take().expect("runs").send(()).expect("listens");
    let answer = whole(response).await;
    assert!(answer.text().contains("message_stop"));
    rig.served.await.expect("no panic");
    assert_eq!(rig.books.records()[0].completion, Completion::Complete);
    assert!(tokio::net::TcpStream::connect(rig.address).await.is_err());
}

#[tokio::test]
async fn requests_at_once_are_each_counted_once() {
    let rig = Arc::new(Rig::new(&KEYS).await);
    let mut all = tokio::task::JoinSet::new();
    for n in 0..60 {
        let rig = Arc::clone(&rig);
        all.spawn(async move { rig.post(CHAT, hello("gpt-4.1", n % 2 == 0)).await.status });
    }
    assert!(all.join_all().await.into_iter().all(|status| status == StatusCode::OK));
    let records = records(&rig).await;
    assert_eq!(records.len(), 60);
    assert_eq!(sum(&records), rig.stand_in.ledger().total().tokens);
}
