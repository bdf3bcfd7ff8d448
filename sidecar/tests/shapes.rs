//! What is read from each shape of a provider's answer: the answer goes through a real sidecar,
//! arrives byte for byte, and the record is shown as one line.

mod support;

use events::price::Cost;
use events::usage::UsageRecord;
use expect_test::{Expect, expect};
use sidecar::stand_in::StandIn;
use support::raw::{Raw, json};
use support::rig::Rig;

const SSE: &str = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n";
const CHAT: &str = "/openai/v1/chat/completions";

fn line(record: &UsageRecord) -> String {
    let t = &record.tokens;
    let cost = match &record.cost {
        Cost::Known { pico_dollars, .. } => format!("{pico_dollars} p$"),
        Cost::Unknown { why } => format!("? ({why})"),
    };
    format!(
        "{} {} {} {:?}: in {} read {} write5m {} write1h {} out {} thought {}, {cost}",
        record.provider,
        record.model,
        record.status,
        record.completion,
        t.uncached_input,
        t.cache_read,
        t.cache_write5m,
        t.cache_write1h,
        t.output,
        t.reasoning
    )
}

async fn check(path: &str, request: &str, answer: &str, expected: Expect) {
    let raw = Raw::new(&[answer]).await;
    let rig = Rig::before(raw.address, StandIn::new([]), &["sk-pool-1"]).await;
    let got = rig.post(path, request.to_owned()).await;
    let (_, body) = answer.split_once("\r\n\r\n").expect("a head");
    assert_eq!(got.text(), body, "the answer is not the provider's");
    assert_eq!(raw.request(0).1, request.as_bytes(), "the request is not the client's");
    rig.sidecar.flush().await;
    let lines: Vec<String> = rig.books.records().iter().map(line).collect();
    expected.assert_eq(&lines.join("\n"));
}

fn events(datas: &[&str]) -> String {
    datas.iter().fold(SSE.to_owned(), |all, data| all + "data: " + data + "\n\n")
}

#[tokio::test]
async fn anthropic_json_with_both_caches() {
    let body = r#"{"id":"msg_1","type":"message","model":"claude-sonnet-4-6-20260217","content":[
        {"type":"tool_use","input":{"usage":{"input_tokens":999}}}],"usage":{"input_tokens":10,
        "cache_read_input_tokens":100,"cache_creation_input_tokens":50,"cache_creation":
        {"ephemeral_5m_input_tokens":20,"ephemeral_1h_input_tokens":25},"output_tokens":7,
        "output_tokens_details":{"thinking_tokens":3},"service_tier":"standard"}}"#;
    check(
        "/anthropic/v1/messages",
        r#"{"model":"claude-sonnet-4-6"}"#,
        &json("200 OK", "", body),
        expect!["anthropic claude-sonnet-4-6-20260217 200 Complete: in 10 read 100 write5m 25 write1h 25 out 7 thought 3, 408750000 p$"],
    )
    .await;
}

#[tokio::test]
async fn anthropic_stream_later_totals_replace_and_nulls_change_nothing() {
    let answer = events(&[
        r#"{"type":"message_start","message":{"model":"claude-haiku-4-5","usage":{"input_tokens":10,"cache_read_input_tokens":5,"output_tokens":1}}}"#,
        r#"{"type":"content_block_delta","delta":{"text":"\"usage\":{\"output_tokens\":99}"}}"#,
        r#"{"type":"message_delta","usage":{"output_tokens":4,"input_tokens":null}}"#,
        r#"{"type":"message_delta","usage":{"output_tokens":9,"cache_read_input_tokens":6}}"#,
        r#"{"type":"message_stop"}"#,
    ]);
    check(
        "/anthropic/v1/messages",
        r#"{"model":"claude-haiku-4-5","stream":true}"#,
        &answer,
        expect!["anthropic claude-haiku-4-5 200 Complete: in 10 read 6 write5m 0 write1h 0 out 9 thought 0, 55600000 p$"],
    )
    .await;
}

#[tokio::test]
async fn anthropic_stream_that_ends_with_an_error_is_aborted() {
    let answer = events(&[
        r#"{"type":"message_start","message":{"model":"claude-haiku-4-5","usage":{"input_tokens":10,"output_tokens":1}}}"#,
        r#"{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}"#,
    ]);
    check(
        "/anthropic/v1/messages",
        r#"{"model":"claude-haiku-4-5","stream":true}"#,
        &answer,
        expect!["anthropic claude-haiku-4-5 200 Aborted: in 10 read 0 write5m 0 write1h 0 out 1 thought 0, 15000000 p$"],
    )
    .await;
}

#[tokio::test]
async fn what_the_table_cannot_price_has_no_cost() {
    for (usage, expected) in [
        (
            r#"{"input_tokens":1,"output_tokens":1,"server_tool_use":{"web_search_requests":2}}"#,
            expect![
                "anthropic claude-haiku-4-5 200 Complete: in 1 read 0 write5m 0 write1h 0 out 1 thought 0, ? (web searches are billed by the call, which the table does not hold)"
            ],
        ),
        (
            r#"{"input_tokens":1,"output_tokens":1,"speed":"fast"}"#,
            expect![
                "anthropic claude-haiku-4-5 200 Complete: in 1 read 0 write5m 0 write1h 0 out 1 thought 0, ? (no price for speed fast)"
            ],
        ),
        (
            r#"{"input_tokens":1,"output_tokens":1,"service_tier":"priority"}"#,
            expect![
                "anthropic claude-haiku-4-5 200 Complete: in 1 read 0 write5m 0 write1h 0 out 1 thought 0, ? (no price for service tier priority)"
            ],
        ),
    ] {
        let body = format!(r#"{{"model":"claude-haiku-4-5","usage":{usage}}}"#);
        let request = r#"{"model":"claude-haiku-4-5"}"#;
        check("/anthropic/v1/messages", request, &json("200 OK", "", &body), expected).await;
    }
    check(
        "/anthropic/v1/messages",
        r#"{"model":"claude-next"}"#,
        &json("200 OK", "", r#"{"model":"claude-next","usage":{"input_tokens":1}}"#),
        expect!["anthropic claude-next 200 Complete: in 1 read 0 write5m 0 write1h 0 out 0 thought 0, ? (no price for model claude-next of anthropic)"],
    )
    .await;
}

#[tokio::test]
async fn openai_chat_json_counts_the_cache_once() {
    let body = r#"{"id":"c1","model":"gpt-4.1-2025-04-14","choices":[{"message":{"content":"hi"}}],
        "usage":{"prompt_tokens":100,"completion_tokens":20,"total_tokens":120,
        "prompt_tokens_details":{"cached_tokens":60},"completion_tokens_details":
        {"reasoning_tokens":8}},"service_tier":"default"}"#;
    check(
        CHAT,
        r#"{"model":"gpt-4.1"}"#,
        &json("200 OK", "", body),
        expect!["openai gpt-4.1-2025-04-14 200 Complete: in 40 read 60 write5m 0 write1h 0 out 20 thought 8, 270000000 p$"],
    )
    .await;
}

#[tokio::test]
async fn openai_chat_stream_whose_client_asked_passes_untouched() {
    let answer = events(&[
        r#"{"model":"gpt-4.1","choices":[{"delta":{"content":"a"}}],"usage":null}"#,
        r#"{"model":"gpt-4.1","choices":[],"usage":{"prompt_tokens":3,"completion_tokens":2}}"#,
        "[DONE]",
    ]);
    check(
        CHAT,
        r#"{"model":"gpt-4.1","stream":true,"stream_options":{"include_usage":true}}"#,
        &answer,
        expect!["openai gpt-4.1 200 Complete: in 3 read 0 write5m 0 write1h 0 out 2 thought 0, 22000000 p$"],
    )
    .await;
}

#[tokio::test]
async fn openai_responses_json_and_stream() {
    let response = r#"{"id":"r1","model":"gpt-5.6-luna","status":"completed","output":[],"usage":
        {"input_tokens":50,"input_tokens_details":{"cached_tokens":30,"cache_write_tokens":10},
        "output_tokens":9,"output_tokens_details":{"reasoning_tokens":4}},
        "service_tier":"default"}"#;
    let one_line = response.replace('\n', "");
    let line = expect![
        "openai gpt-5.6-luna 200 Complete: in 10 read 30 write5m 10 write1h 0 out 9 thought 4, 15900000 p$"
    ];
    let request = r#"{"model":"gpt-5.6-luna"}"#;
    check("/openai/v1/responses", request, &json("200 OK", "", response), line).await;
    for (kind, expected) in [
        (
            "completed",
            expect![
                "openai gpt-5.6-luna 200 Complete: in 10 read 30 write5m 10 write1h 0 out 9 thought 4, 15900000 p$"
            ],
        ),
        (
            "incomplete",
            expect![
                "openai gpt-5.6-luna 200 Complete: in 10 read 30 write5m 10 write1h 0 out 9 thought 4, 15900000 p$"
            ],
        ),
        (
            "failed",
            expect![
                "openai gpt-5.6-luna 200 Complete: in 10 read 30 write5m 10 write1h 0 out 9 thought 4, 15900000 p$"
            ],
        ),
        (
            "in_progress",
            expect![
                "openai gpt-5.6-luna 200 Aborted: in 10 read 30 write5m 10 write1h 0 out 9 thought 4, 15900000 p$"
            ],
        ),
    ] {
        let created = r#"{"type":"response.created","response":{"model":"gpt-5.6","usage":null}}"#;
        let last = format!(r#"{{"type":"response.{kind}","response":{one_line}}}"#);
        let request = r#"{"model":"gpt-5.6-luna","stream":true}"#;
        check("/openai/v1/responses", request, &events(&[created, &last]), expected).await;
    }
}

#[tokio::test]
async fn openai_embeddings() {
    check(
        "/openai/v1/embeddings",
        r#"{"model":"text-embedding-3-small","input":"x"}"#,
        &json("200 OK", "", r#"{"model":"text-embedding-3-small","data":[],"usage":{"prompt_tokens":8,"total_tokens":8}}"#),
        expect!["openai text-embedding-3-small 200 Complete: in 8 read 0 write5m 0 write1h 0 out 0 thought 0, 160000 p$"],
    )
    .await;
}

#[tokio::test]
async fn an_answer_of_megabytes_is_metered_to_the_token() {
    let long = "x".repeat(3_000_000);
    let body = format!(
        r#"{{"model":"gpt-4.1","choices":[{{"message":{{"content":"{long}"}}}}],"usage":{{"prompt_tokens":1,"completion_tokens":700000}}}}"#
    );
    check(
        CHAT,
        r#"{"model":"gpt-4.1"}"#,
        &json("200 OK", "", &body),
        expect!["openai gpt-4.1 200 Complete: in 1 read 0 write5m 0 write1h 0 out 700000 thought 0, 5600002000000 p$"],
    )
    .await;
}

#[tokio::test]
async fn an_error_is_passed_on_and_uses_nothing() {
    let body = r#"{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}"#;
    check(
        "/anthropic/v1/messages",
        r#"{"model":"claude-haiku-4-5"}"#,
        &json("529 Overloaded", "", body),
        expect!["anthropic claude-haiku-4-5 529 Failed: in 0 read 0 write5m 0 write1h 0 out 0 thought 0, 0 p$"],
    )
    .await;
}
