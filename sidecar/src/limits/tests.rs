//! The gate by itself, and what it reads of requests.

use std::sync::atomic::{AtomicU64, Ordering};

use events::{Attempt, Envelope, EventId, Gen, Limits, Secret};
use http::{HeaderMap, HeaderValue, header};
use ports::{Ids, UsageSink, async_trait};
use proptest::prelude::*;

use super::*;
use crate::body::Taken;
use crate::config::WhenFull;
use crate::journal::Journal;
use crate::metrics::Metrics;
use crate::providers::{Api, Registry};

fn named(names: &[&str]) -> Models {
    Models::Named(names.iter().map(|name| (*name).to_owned()).collect())
}

#[test]
fn a_model_is_read_as_every_provider_reads_it_or_not_at_all() {
    for (body, models) in [
        (r#"{"model":"gpt-5","input":"x"}"#, named(&["gpt-5"])),
        (r#"{"mod\u0065l":"gpt-5"}"#, named(&["gpt-5"])),
        (r#"{"model":"models/gemini-3"}"#, named(&["gemini-3"])),
        (r#"{"input":{"model":"no"},"model":"gpt-5"}"#, named(&["gpt-5"])),
        (r#"{"model":"a","models":["b","c"]}"#, named(&["a", "b", "c"])),
        (r#"{"models":["b"],"model":null}"#, named(&["b"])),
        (r#"{"model":"a","models":null}"#, named(&["a"])),
        (r#"{"model":"a","models":"b"}"#, Models::Unreadable),
        (r#"{"model":"a","models":["b",5]}"#, Models::Unreadable),
        (r#"{"model":"a","model":"b"}"#, Models::Unreadable),
        (r#"{"model":"a","Model":"b"}"#, Models::Unreadable),
        (r#"{"model":["a"]}"#, Models::Unreadable),
        (r#"{"model":" a"}"#, Models::Unreadable),
        (r#"{"model":"a\u0000"}"#, Models::Unreadable),
        (r#"{"model":"\uff47pt"}"#, Models::Unreadable),
        (r#"{"model":""}"#, Models::Unreadable),
        (r#"{"model":null}"#, Models::Unreadable),
        (r#"{"input":"x"}"#, Models::Unreadable),
        (r#"[{"model":"a"}]"#, Models::Unreadable),
        (r#"{"model":"a""#, Models::Unreadable),
        ("", Models::Unreadable),
    ] {
        assert_eq!(Models::of_json(body.as_bytes()), models, "{body}");
    }
}

const HEAD: &str = "--b\r\nContent-Disposition: form-data; name=\"model\"\r\n\r\nwhisper-1";
const FILE: &str = "\r\n--b\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a.mp3\"\r\n\
    Content-Type: audio/mpeg\r\n\r\nsound";
const END: &str = "\r\n--b--\r\n";

#[test]
fn a_form_is_read_as_every_provider_reads_it_or_not_at_all() {
    let form = "multipart/form-data; boundary=b";
    let read = |kind: &str, body: &str| parts::field(body.as_bytes(), kind, "model");
    let good = format!("{HEAD}{FILE}{END}");
    assert_eq!(read(form, &good).as_deref(), Some("whisper-1"));
    assert_eq!(read("Multipart/Form-Data; Boundary=\"b\"", &good).as_deref(), Some("whisper-1"));
    let empty = HEAD.replace("whisper-1", "");
    assert_eq!(read(form, &format!("{empty}{END}")).as_deref(), Some(""));
    // What looks like a field within another's value is none.
    let hidden = FILE.replace("sound", "\r\nname=\"model\"\r\n\r\nother\r\n");
    assert_eq!(read(form, &format!("{HEAD}{hidden}{END}")).as_deref(), Some("whisper-1"));
    let second = HEAD.replace("--b\r\n", "\r\n--b\r\n").replace("whisper-1", "other");
    let odd = |from: &str, to: &str| good.replace(from, to);
    for (kind, body) in [
        ("application/json", good.clone()),
        ("multipart/form-data", good.clone()),
        ("multipart/form-data; boundary=", good.clone()),
        ("multipart/form-data; boundary=c", good.clone()),
        ("multipart/form-data; boundary=b; boundary=c", good.clone()),
        (form, format!("{HEAD}{second}{FILE}{END}")),
        (form, format!("{HEAD}{}{END}", second.replace("model", "MODEL"))),
        (form, format!("preamble\r\n{good}")),
        (form, format!("{good}{second}")),
        (form, format!("{HEAD}{FILE}")),
        (form, odd("name=\"model\"", "name=model")),
        (form, odd("name=\"model\"", "name=\"model\"; name=\"x\"")),
        (form, odd("name=\"model\"", "name=\"mod\\el\"")),
        (form, odd("name=\"model\"", "name=\"model\"; filename=\"x\"")),
        (
            form,
            odd("name=\"model\"\r\n", "name=\"model\"\r\nContent-Transfer-Encoding: base64\r\n"),
        ),
        (form, odd("form-data; name=\"file\"", "form-data;\r\n name=\"file\"")),
        (form, odd("whisper-1", &"x".repeat(300))),
        (form, String::new()),
    ] {
        assert_eq!(read(kind, &body), None, "{kind}\n{body}");
    }
}

#[test]
fn the_model_in_a_path_counts_and_a_body_too_large_to_be_held_has_none() {
    let limits: Limits = serde_json::from_str(r#"{"models_denied":["a/b"]}"#).expect("limits");
    let mut headers = HeaderMap::new();
    headers
        .insert(header::CONTENT_TYPE, HeaderValue::from_static("multipart/form-data; boundary=b"));
    let body = |text: &str| Taken::Whole { parts: text.to_owned().into(), _room: None };
    let of = |api, path, text: &str| Models::of(&limits, api, path, &headers, &body(text));
    let (chat, sound) = (Some(Api::OpenAiChat), Some(Api::OpenAiTranscription));
    assert_eq!(of(chat, Some("gpt-5"), r#"{"model":"other"}"#), named(&["gpt-5"]));
    assert_eq!(of(chat, None, r#"{"model":"gpt-5"}"#), named(&["gpt-5"]));
    assert_eq!(of(sound, None, &format!("{HEAD}{FILE}{END}")), named(&["whisper-1"]));
    assert_eq!(of(sound, None, r#"{"model":"gpt-5"}"#), Models::Unreadable);
    assert_eq!(of(None, None, ""), Models::Unbilled);
    let unlimited = Limits::default();
    assert_eq!(Models::of(&unlimited, chat, None, &headers, &body("")), named(&[]));
}

proptest! {
    #[test]
    fn whatever_the_bytes_are_they_are_read_without_a_panic(
        bytes in prop::collection::vec(any::<u8>(), 0..300),
        pieces in prop::collection::vec(0_usize..6, 0..12),
    ) {
        Models::of_json(&bytes);
        let known = [HEAD, FILE, END, "--b", "\r\n\r\n", "\r\n--b\r\n"];
        let form: String = pieces.into_iter().map(|piece| known[piece]).collect();
        for body in [&bytes[..], form.as_bytes()] {
            parts::field(body, "multipart/form-data; boundary=b", "model");
        }
    }

    #[test]
    fn a_model_is_found_beside_any_sound(
        model in "[a-z0-9.-]{1,40}",
        sound in prop::collection::vec(any::<u8>(), 0..200),
        first in any::<bool>(),
    ) {
        prop_assume!(memchr::memmem::find(&sound, b"\r\n--b").is_none());
        let field = HEAD.replace("whisper-1", &model).into_bytes();
        let mut file = FILE.strip_suffix("sound").expect("it ends so").as_bytes().to_vec();
        file.extend(sound);
        let body = if first {
            [&field[..], &file, END.as_bytes()].concat()
        } else {
            [&file[2..], b"\r\n", &field, END.as_bytes()].concat()
        };
        let read = parts::field(&body, "multipart/form-data; boundary=b", "model");
        prop_assert_eq!(read, Some(model));
    }
}

/// A ledger that knows one sum, or hangs.
#[derive(Default)]
struct Ledger {
    tokens: u64,
    asked: AtomicU64,
    hangs: bool,
}

#[async_trait]
impl UsageSink for Ledger {
    async fn count(&self, _: &[Envelope]) -> Result<(), Fault> {
        Ok(())
    }
}

#[async_trait]
impl UsageTotals for Ledger {
    async fn total(&self, id: &WorkspaceId, _: Timestamp) -> Result<Spending, Fault> {
        self.asked.fetch_add(1, Ordering::Relaxed);
        if self.hangs {
            std::future::pending::<()>().await;
        }
        tokio::task::yield_now().await;
        Ok(Spending { name: id.to_string(), output: self.tokens, ..Spending::default() })
    }
}

struct NoIds;

impl Ids for NoIds {
    fn event_id(&self, _: Timestamp) -> EventId {
        EventId(uuid::Uuid::nil())
    }

    fn token(&self) -> Secret {
        Secret::new("")
    }

    fn below(&self, _: u64) -> u64 {
        0
    }
}

fn gate(ledger: Ledger) -> (Arc<Gate>, Arc<Ledger>) {
    let ledger = Arc::new(ledger);
    let (ids, full) = (Arc::new(NoIds), WhenFull::Refuse);
    let metrics = Metrics::new(&[]);
    let outbox = Outbox::new(Arc::clone(&ledger) as _, ids, Journal::none(), full, &metrics);
    let prices = Arc::new(PriceTable::built_in());
    (Arc::new(Gate::new(Arc::clone(&ledger) as _, prices, outbox)), ledger)
}

fn lease(name: &str, limits: &str) -> Lease {
    Lease {
        workspace: name.parse().expect("a name"),
        generation: Gen(1),
        attempt: Attempt(1),
        team: "t".parse().expect("a name"),
        limits: serde_json::from_str(limits).expect("limits"),
    }
}

fn noon() -> Timestamp {
    "2026-11-30T12:00:00Z".parse().expect("a time")
}

async fn ask(gate: &Gate, lease: &Lease, provider: &str, model: &str) -> Result<Pass, Refusal> {
    let providers = Registry::of_table();
    let provider = providers.find(provider).expect("in the table");
    gate.admit(lease, provider, &Models::named(model), noon()).await
}

#[tokio::test]
async fn many_first_requests_read_the_ledger_once() {
    let (gate, ledger) = gate(Ledger { tokens: 99, ..Ledger::default() });
    let ann = lease("ann", r#"{"tokens_per_day": 100}"#);
    let all = (0..64).map(|_| {
        let (gate, ann) = (Arc::clone(&gate), ann.clone());
        tokio::spawn(async move { ask(&gate, &ann, "openai", "gpt-5").await.is_ok() })
    });
    for one in all.collect::<Vec<_>>() {
        assert!(one.await.expect("no panic"));
    }
    assert_eq!(ledger.asked.load(Ordering::Relaxed), 2, "the day and the month");
    gate.used(&ann.workspace, noon(), noon(), Used { tokens: 1, pico_dollars: 0 });
    let refusal = ask(&gate, &ann, "openai", "gpt-5").await.err().expect("used up");
    assert_eq!(refusal.kind, Kind::Spent);
    assert!(refusal.words.contains("frees at 2026-12-01 00:00 UTC"), "{}", refusal.words);
}

#[tokio::test(start_paused = true)]
async fn a_ledger_that_hangs_stops_only_whom_its_answer_concerns() {
    let (gate, _ledger) = gate(Ledger { hangs: true, ..Ledger::default() });
    let ann = lease("ann", r#"{"dollars_per_month": "1"}"#);
    let refusal = ask(&gate, &ann, "openai", "gpt-5").await.err().expect("nobody knows");
    assert_eq!((refusal.kind, refusal.retry_after), (Kind::Unavailable, Some(1)));
    let bob = lease("bob", r#"{"requests_at_once": 1}"#);
    assert!(ask(&gate, &bob, "openai", "gpt-5").await.is_ok());
    assert!(ask(&gate, &lease("cat", "{}"), "openai", "gpt-5").await.is_ok());
}

#[tokio::test]
async fn each_workspace_has_its_own_room_and_gives_it_back() {
    let (gate, _ledger) = gate(Ledger::default());
    let of = |name: &str| lease(name, r#"{"requests_at_once": 1}"#);
    let pass = ask(&gate, &of("ann"), "openai", "gpt-5").await.expect("room");
    let refusal = ask(&gate, &of("ann"), "openai", "gpt-5").await.err().expect("one is under way");
    assert_eq!((refusal.kind, refusal.retry_after), (Kind::Limited, Some(1)));
    assert!(ask(&gate, &of("bob"), "openai", "gpt-5").await.is_ok());
    drop(pass);
    assert!(ask(&gate, &of("ann"), "openai", "gpt-5").await.is_ok());
}

#[tokio::test]
async fn a_model_without_a_price_is_kept_out_where_dollars_are_limited() {
    let (gate, _ledger) = gate(Ledger::default());
    let day = r#"{"dollars_per_day": "5"}"#;
    let allow = r#"{"dollars_per_day": "5", "unpriced_models": "allow"}"#;
    for (limits, provider, model, passes) in [
        (day, "openai", "gpt-5", true),
        (day, "openai", "gpt-nobody-knows", false),
        (day, "azure-openai", "gpt-nobody-knows", false),
        (allow, "openai", "gpt-nobody-knows", true),
        (r#"{"tokens_per_day": 5}"#, "openai", "gpt-nobody-knows", true),
        (day, "openrouter", "some/model", true),
        (day, "anthropic-token", "claude-opus-4-6", true),
    ] {
        let refusal = ask(&gate, &lease("ann", limits), provider, model).await.err();
        assert_eq!(refusal.is_none(), passes, "{limits} {provider}/{model}: {refusal:?}");
        if let Some(Refusal { kind, words, .. }) = refusal {
            assert_eq!(kind, Kind::NotAllowed);
            for part in ["price table", "unpriced_models = \"allow\"", "administrator"] {
                assert!(words.contains(part), "{words}");
            }
        }
    }
}

#[tokio::test]
async fn no_more_workspaces_are_remembered_than_the_bound() {
    let (gate, _ledger) = gate(Ledger::default());
    let limits = r#"{"requests_at_once": 1}"#;
    let kept = ask(&gate, &lease("kept", limits), "openai", "gpt-5").await.expect("room");
    for n in 0..=REMEMBERED_MAX {
        ask(&gate, &lease(&format!("w{n}"), limits), "openai", "gpt-5").await.expect("room");
    }
    assert!(gate.budgets.lock().expect("no panic").len() <= REMEMBERED_MAX);
    assert!(ask(&gate, &lease("kept", limits), "openai", "gpt-5").await.is_err(), "under way");
    drop(kept);
}
