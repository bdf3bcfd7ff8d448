//! Every golden answer goes through a real sidecar: it arrives byte for byte, and what is recorded is
//! what the file says. How the meter reads each when it is cut or broken off is tested beside it.

mod support;

#[path = "golden/case.rs"]
mod case;

use std::fs;

use case::Case;
use events::usage::UsageRecord;
use http::StatusCode;
use sidecar::Config;
use sidecar::stand_in::StandIn;
use support::raw::Raw;
use support::rig::Rig;

const IDS: [&str; 15] = [
    "amazon-bedrock",
    "anthropic",
    "anthropic-token",
    "azure-openai",
    "deepseek",
    "fireworks",
    "google",
    "groq",
    "mistral",
    "openai",
    "openai-codex",
    "openrouter",
    "together",
    "vertex",
    "xai",
];
/// A key that every provider takes; a ChatGPT token has an account in it.
const KEY: &str =
    "h.eyJodHRwczovL2FwaS5vcGVuYWkuY29tL2F1dGgiOnsiY2hhdGdwdF9hY2NvdW50X2lkIjoiYWNjLTEifX0.s";

fn wire(case: &Case) -> Vec<u8> {
    let mut head = format!("HTTP/1.1 200 OK\r\ncontent-type: {}\r\n", case.content_type);
    for (name, value) in &case.headers {
        head += &format!("{name}: {value}\r\n");
    }
    let mut bytes = (head + "connection: close\r\n\r\n").into_bytes();
    bytes.extend_from_slice(&case.body);
    bytes
}

fn line(record: &UsageRecord) -> String {
    let UsageRecord { model, completion, tokens, estimated, cost, .. } = record;
    case::line(model, *completion, tokens, *estimated, cost)
}

#[tokio::test]
async fn every_golden_answer_passes_byte_for_byte_and_is_recorded_to_the_token() {
    let all = case::all();
    for id in IDS {
        let begins = format!("/{id}/");
        assert!(all.iter().any(|case| case.path.starts_with(&begins)), "{id} has no golden answer");
    }
    for case in &all {
        let raw = Raw::bytes(vec![wire(case)]).await;
        let base = format!("http://{}", raw.address);
        let upstreams = IDS.map(|id| (id.to_owned(), base.clone())).into();
        let config = Config { upstreams, ..Config::default() };
        let rig = Rig::with(config, raw.address, StandIn::new([]), &[KEY]).await;
        let got = rig.post(&case.path, case.request.clone()).await;
        assert_eq!(got.status, StatusCode::OK, "{}: {:?}", case.name, got.body);
        assert!(got.body == case.body, "{} was changed on its way", case.name);
        assert!(raw.request(0).1 == case.request.as_bytes(), "{}: the request", case.name);
        rig.sidecar.flush().await;
        let records = rig.books.records();
        let expected = case::directory().join(format!("{}.expected", case.name));
        let expected = fs::read_to_string(expected).expect("what is expected");
        let lines: Vec<String> = records.iter().map(line).collect();
        assert_eq!(lines, [expected.lines().next().expect("a line")], "{}", case.name);
        let provider = case.path.split('/').nth(1).expect("an id");
        assert_eq!(records[0].provider, provider, "{}", case.name);
    }
}
