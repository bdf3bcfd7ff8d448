//! The main journey, on real input: an unmodified OpenClaw, started for a person who logs in, chatting
//! through the sidecar with a pooled key, counted to the token, stopped when idle, woken with its
//! state intact.

use std::time::Duration;

use serde_json::{Value, json};

use crate::engine::Engine;
use crate::person::Person;
use crate::runtime::runtime;

/// OpenClaw is ready after about 16 s on two idle cores; CI's are not idle.
pub(crate) const READY_WITHIN: Duration = Duration::from_secs(170);
/// The idle time-out and the notice below, with what a busy machine adds.
const ASLEEP_WITHIN: Duration = Duration::from_secs(180);

#[tokio::test(flavor = "multi_thread")]
async fn a_person_chats_is_counted_falls_asleep_and_finds_the_conversation_again() {
    let runtime = format!("--runtime={}", runtime().display());
    let times = ["--idle=25s", "--idle-min=5s", "--notice=5s"];
    let arguments = [&[runtime.as_str()], &times[..]].concat();
    let engine = Engine::start("openclaw", &arguments).await;

    let ann = Person::log_in(&engine, "ann").await;
    engine.wait_for("ann", "ready", READY_WITHIN).await;
    assert!(!engine.agent_processes().is_empty());

    let ask = json!({"model": "openclaw", "messages": [{"role": "user", "content": "the first question"}]});
    let key = [("x-openclaw-session-key", "web:1")];
    let answer = ann.post("/v1/chat/completions", &key, ask).await;
    let reply = answer["choices"][0]["message"]["content"].as_str().expect("a reply");
    assert!(reply.contains("the first question"), "{reply}");

    let (reply, history) = ann.chat("web:1", "the second question").await;
    assert!(reply.contains("the second question"), "{reply}");
    assert!(history.to_string().contains("the first question"), "{history}");

    counted_to_the_token(&engine).await;

    engine.wait_for("ann", "asleep", ASLEEP_WITHIN).await;
    let names = engine.event_names("ann");
    let place = |name: &str| names.iter().position(|seen| seen == name);
    assert!(place("workspace.notice_given") < place("workspace.stop_requested"), "{names:?}");
    assert_eq!(engine.agent_processes(), Vec::<u32>::new(), "nothing of the agent is left");

    let ann = Person::log_in(&engine, "ann").await;
    engine.wait_for("ann", "ready", READY_WITHIN).await;
    let (reply, history) = ann.chat("web:1", "the third question").await;
    assert!(reply.contains("the third question"), "{reply}");
    for said in ["the first question", "the second question"] {
        assert!(history.to_string().contains(said), "{said} is gone: {history}");
    }
    counted_to_the_token(&engine).await;
}

/// The usage report holds what the provider says that it billed: requests, tokens, and at the price
/// table's rates the cost. Usage is written a moment after an answer ends.
async fn counted_to_the_token(engine: &Engine) {
    let until = tokio::time::Instant::now() + Duration::from_secs(30);
    loop {
        // One look at the ledger for both: the agent may be calling a model meanwhile.
        let ledger = engine.provider.ledger();
        let billed = ledger.total();
        let report = engine.json(&["usage", "--by", "user", "--format", "json"]);
        let row = rows(&report).iter().find(|row| row["name"] == "ann").cloned();
        let row = row.unwrap_or_default();
        let number = |name: &str| row[name].as_u64().unwrap_or_default();
        let same = number("requests") == billed.answered
            && number("input") == billed.tokens.input()
            && number("cacheRead") == billed.tokens.cache_read
            && number("output") == billed.tokens.output;
        if same && billed.answered > 0 {
            assert_eq!(number("aborted"), 0, "{row}");
            assert_eq!(number("picoDollars"), cost(&ledger), "{row}");
            return;
        }
        assert!(tokio::time::Instant::now() < until, "{row} is not {billed:?}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

fn rows(report: &Value) -> &[Value] {
    let rows = report.as_array().or_else(|| report["rows"].as_array());
    rows.expect("rows")
}

/// What the provider's own ledger costs at the table's rates, model by model.
fn cost(ledger: &sidecar::stand_in::Ledger) -> u64 {
    let table = events::price::PriceTable::built_in();
    let models = ledger.keys.values().flatten();
    let price = |(model, billed): (&String, &sidecar::stand_in::Billed)| {
        let provider = if model.starts_with("claude") { "anthropic" } else { "openai" };
        match table.cost(provider, model, &billed.tokens) {
            events::price::Cost::Known { pico_dollars, .. } => pico_dollars,
            events::price::Cost::Unknown { .. } => 0,
        }
    };
    models.map(price).sum()
}
