//! WebSockets through the sidecar: each response on one is counted like a request, the bytes pass as
//! they came, and who may not ask is told so in words that its client understands.

mod support;

use std::time::Duration;

use events::price::Cost;
use events::usage::{Completion, Tokens, UsageRecord};
use http::{Method, StatusCode};
use serde_json::{Value, json};
use sidecar::stand_in::StandIn;
use sidecar::{Config, Keep};
use support::rig::{Rig, until};
use support::socket::{Provider, hear, hear_until, open, open_with, say};
use tokio_tungstenite::tungstenite::Error;

const RESPONSES: &str = "/openai/v1/responses";
const REALTIME: &str = "/openai/v1/realtime?model=gpt-realtime";
const KEYS: [&str; 2] = ["sk-pool-one", "sk-pool-two"];

async fn rig(provider: &Provider) -> Rig {
    Rig::before(provider.address, StandIn::new([]), &KEYS).await
}

fn create() -> Value {
    json!({"type": "response.create", "model": "gpt-4.1", "store": false, "input": "hello there"})
}

async fn records(rig: &Rig, count: usize) -> Vec<UsageRecord> {
    until("the records are there", || rig.books.records().len() >= count).await;
    rig.sidecar.flush().await;
    let records = rig.books.records();
    assert_eq!(records.len(), count, "{records:?}");
    records
}

/// What one turn of the provider's uses.
fn turn() -> Tokens {
    Tokens { uncached_input: 60, cache_read: 40, output: 9, reasoning: 5, ..Tokens::default() }
}

#[tokio::test]
async fn each_turn_on_a_socket_is_counted_like_a_request() {
    let provider = Provider::new(false).await;
    let rig = rig(&provider).await;
    let mut client = open(&rig, RESPONSES, &[]).await.expect("a socket");
    for turn in 1..=2 {
        say(&mut client, &create()).await;
        let events = hear_until(&mut client, "response.completed").await;
        assert_eq!(events.len(), 4);
        rig.sidecar.flush().await;
        assert_eq!(rig.books.records().len(), turn, "counted before the client sees the end");
    }
    let records = records(&rig, 2).await;
    for record in records {
        assert_eq!((record.tokens, record.completion), (turn(), Completion::Complete));
        assert_eq!((record.model.as_str(), record.status), ("gpt-4.1-2025-04-14", 101));
        assert!(!record.estimated && record.raw.is_some());
        assert!(matches!(record.cost, Cost::Known { pico_dollars: 1.., .. }), "{:?}", record.cost);
    }
    assert_eq!(provider.messages(), [create(), create()]);
}

#[tokio::test]
async fn the_handshake_has_the_pools_key_and_nothing_that_is_nobodys_business() {
    let provider = Provider::new(false).await;
    let rig = rig(&provider).await;
    let more = [
        ("sec-websocket-extensions", "permessage-deflate; client_max_window_bits"),
        ("openai-beta", "responses_websockets=2026-02-04"),
        ("openai-organization", "org-1"),
        ("cookie", "a=b"),
        ("origin", "https://acme.example"),
    ];
    let _client = open(&rig, RESPONSES, &more).await.expect("a socket");
    let (place, headers) = provider.handshake(0);
    assert_eq!(place, "/v1/responses");
    let mut names: Vec<&str> = headers.keys().map(|name| name.as_str()).collect();
    names.sort_unstable();
    assert_eq!(
        names,
        [
            "accept-encoding",
            "authorization",
            "connection",
            "host",
            "openai-beta",
            "sec-websocket-key",
            "sec-websocket-version",
            "upgrade",
        ]
    );
    let key = headers["authorization"].to_str().expect("text");
    assert!(key.starts_with("Bearer sk-pool-"), "not the token");
    assert_eq!(headers["sec-websocket-key"], "dGhlIHNhbXBsZSBub25jZQ==");
}

#[tokio::test]
async fn a_browser_sends_its_token_among_the_protocols() {
    let provider = Provider::new(false).await;
    let rig = rig(&provider).await;
    let asked = |token: &str| format!("realtime, openai-insecure-api-key.{token}");
    let good = asked(&rig.ann);
    let more = [("sec-websocket-protocol", good.as_str())];
    let _client = open_with(&rig, REALTIME, &more).await.expect("a socket");
    let (place, headers) = provider.handshake(0);
    assert_eq!(place, "/v1/realtime?model=gpt-realtime");
    assert_eq!(headers["sec-websocket-protocol"], "realtime");
    assert!(!format!("{headers:?}").contains(&rig.ann));
    let bad = asked("tc_nobody");
    let refused = open_with(&rig, REALTIME, &[("sec-websocket-protocol", bad.as_str())]).await;
    assert_eq!(status(refused), StatusCode::UNAUTHORIZED);
    assert_eq!(provider.handshakes(), 1);
}

fn status<T>(refused: Result<T, Error>) -> StatusCode {
    match refused {
        Err(Error::Http(response)) => response.status(),
        Err(error) => panic!("{error}"),
        Ok(_) => panic!("it was not refused"),
    }
}

#[tokio::test]
async fn what_realtime_begins_by_itself_is_counted_and_so_is_what_it_heard() {
    let provider = Provider::new(false).await;
    let rig = rig(&provider).await;
    let mut client = open(&rig, REALTIME, &[]).await.expect("a socket");
    say(&mut client, &json!({"type": "speak"})).await;
    hear_until(&mut client, "response.done").await;
    let records = records(&rig, 2).await;
    let said = records.iter().find(|r| r.model == "gpt-realtime").expect("the answer");
    let expected = Tokens { uncached_input: 68, cache_read: 64, output: 121, ..Tokens::default() };
    assert_eq!((said.tokens, said.completion), (expected, Completion::Complete));
    let heard = records.iter().find(|r| r.model == "input_audio_transcription").expect("the words");
    assert_eq!((heard.tokens.uncached_input, heard.tokens.output), (13, 9));
    for record in &records {
        assert_eq!(record.completion, Completion::Complete);
        // Sounds have other prices than the table's.
        assert!(matches!(record.cost, Cost::Unknown { .. }), "{:?}", record.cost);
    }
}

#[tokio::test]
async fn what_realtime_begins_by_itself_is_counted_from_its_beginning() {
    let provider = Provider::new(true).await;
    let rig = rig(&provider).await;
    let mut client = open(&rig, REALTIME, &[]).await.expect("a socket");
    say(&mut client, &json!({"type": "speak"})).await;
    for _ in 0..4 {
        hear(&mut client).await;
    }
    drop(client);
    let records = records(&rig, 2).await;
    let said = records.iter().find(|r| r.model == "gpt-realtime").expect("the answer");
    assert_eq!(said.completion, Completion::Aborted);
}

#[tokio::test]
async fn who_hangs_up_within_a_turn_ends_it_and_it_is_counted_as_far_as_it_was_seen() {
    let provider = Provider::new(true).await;
    let rig = rig(&provider).await;
    let mut client = open(&rig, RESPONSES, &[]).await.expect("a socket");
    say(&mut client, &create()).await;
    for _ in 0..3 {
        hear(&mut client).await;
    }
    drop(client);
    provider.until_over(1).await;
    let records = records(&rig, 1).await;
    assert_eq!((records[0].completion, records[0].estimated), (Completion::Aborted, true));
    let asked = create().to_string().len() as u64;
    assert_eq!(records[0].tokens.uncached_input, asked.div_ceil(4));
    assert_eq!(records[0].tokens.output, 11_u64.div_ceil(4));
}

#[tokio::test]
async fn a_request_that_the_provider_refuses_costs_nothing_and_the_socket_goes_on() {
    let provider = Provider::new(false).await;
    let rig = rig(&provider).await;
    let mut client = open(&rig, RESPONSES, &[]).await.expect("a socket");
    say(&mut client, &json!({"type": "response.create", "model": "refused"})).await;
    assert_eq!(hear(&mut client).await["error"]["code"], "previous_response_not_found");
    say(&mut client, &create()).await;
    hear_until(&mut client, "response.completed").await;
    let records = records(&rig, 2).await;
    assert_eq!((records[0].completion, records[0].status), (Completion::Failed, 400));
    assert_eq!((records[0].tokens, records[1].tokens), (Tokens::default(), turn()));
}

#[tokio::test]
async fn a_token_that_is_no_longer_good_begins_no_other_turn() {
    let provider = Provider::new(false).await;
    let rig = rig(&provider).await;
    let mut client = open(&rig, RESPONSES, &[]).await.expect("a socket");
    say(&mut client, &create()).await;
    hear_until(&mut client, "response.completed").await;
    rig.tokens.0.lock().expect("no panic").clear();
    // What is believed without asking again is for a moment.
    pass(Duration::from_secs(5)).await;
    say(&mut client, &create()).await;
    let refused = hear(&mut client).await;
    assert_eq!((&refused["type"], &refused["status"]), (&json!("error"), &json!(401)));
    assert_eq!(refused["error"]["code"], "invalid_api_key");
    assert_eq!(hear(&mut client).await, 1008);
    provider.until_over(1).await;
    assert_eq!(provider.messages().len(), 1, "the other never arrives");
    records(&rig, 1).await;
}

#[tokio::test]
async fn a_request_that_cannot_be_written_down_never_reaches_the_provider() {
    let provider = Provider::new(false).await;
    let name = format!("socket-{}", std::process::id());
    let place = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    let base = format!("http://{}", provider.address);
    let upstreams = [("openai".to_owned(), base)].into();
    let config = Config { upstreams, keep: Keep::Directory(place.clone()), ..Config::default() };
    let rig = Rig::with(config, provider.address, StandIn::new([]), &KEYS).await;
    let mut client = open(&rig, RESPONSES, &[]).await.expect("a socket");
    // A directory that is not there any more takes no file.
    std::fs::remove_dir_all(&place).expect("removed");
    say(&mut client, &create()).await;
    assert_eq!(hear(&mut client).await["error"]["code"], "unavailable");
    assert_eq!(hear(&mut client).await, 1013, "it may be tried again");
    provider.until_over(1).await;
    assert_eq!(provider.messages(), Vec::<Value>::new());
}

/// Lets so much time pass at once.
async fn pass(time: Duration) {
    tokio::time::pause();
    tokio::time::advance(time).await;
    tokio::time::resume();
}

#[tokio::test]
async fn a_socket_may_rest_between_turns_but_not_for_ever() {
    let provider = Provider::new(false).await;
    let rig = rig(&provider).await;
    let mut client = open(&rig, RESPONSES, &[]).await.expect("a socket");
    for _ in 0..2 {
        pass(Duration::from_secs(20 * 60)).await;
        say(&mut client, &create()).await;
        hear_until(&mut client, "response.completed").await;
    }
    pass(Duration::from_secs(31 * 60)).await;
    assert_eq!(hear(&mut client).await, 1001);
    provider.until_over(1).await;
    records(&rig, 2).await;
}

#[tokio::test]
async fn a_provider_that_is_silent_within_a_turn_is_given_up() {
    let provider = Provider::new(true).await;
    let rig = rig(&provider).await;
    let mut client = open(&rig, RESPONSES, &[]).await.expect("a socket");
    say(&mut client, &create()).await;
    for _ in 0..3 {
        hear(&mut client).await;
    }
    pass(Duration::from_secs(6 * 60)).await;
    assert_eq!(hear(&mut client).await, 1001);
    provider.until_over(1).await;
    assert_eq!(records(&rig, 1).await[0].completion, Completion::Aborted);
}

#[tokio::test]
async fn a_socket_is_closed_when_its_time_is_up() {
    let provider = Provider::new(false).await;
    let upstreams = [("openai".to_owned(), format!("http://{}", provider.address))].into();
    let total_max = Some(Duration::from_millis(300));
    let config = Config { upstreams, total_max, ..Config::default() };
    let rig = Rig::with(config, provider.address, StandIn::new([]), &KEYS).await;
    let mut client = open(&rig, RESPONSES, &[]).await.expect("a socket");
    assert_eq!(hear(&mut client).await, 1001);
    provider.until_over(1).await;
}

#[tokio::test]
async fn an_upgrade_elsewhere_or_to_something_else_is_refused() {
    let provider = Provider::new(false).await;
    let rig = rig(&provider).await;
    for path in [
        "/openai/v1/chat/completions",
        "/openai/v1/models",
        "/openai/v1/responses/resp_1",
        "/anthropic/v1/messages",
        "/mistral/v1/responses",
        "/xai/v1/realtime",
    ] {
        assert_eq!(status(open(&rig, path, &[]).await), StatusCode::BAD_REQUEST, "{path}");
    }
    let plain = rig.ask(&rig.ann, Method::GET, RESPONSES).await;
    assert_eq!(plain.status, StatusCode::METHOD_NOT_ALLOWED);
    let nobody = open_with(&rig, RESPONSES, &[]).await;
    assert_eq!(status(nobody), StatusCode::UNAUTHORIZED);
    let stranger = open_with(&rig, RESPONSES, &[("authorization", "Bearer tc_nobody")]).await;
    assert_eq!(status(stranger), StatusCode::UNAUTHORIZED);
    assert_eq!(provider.handshakes(), 0);
    assert_eq!(rig.books.records().len(), 0);
}

#[tokio::test]
async fn a_refused_key_gives_way_to_another_and_rests() {
    for refusal in [429, 401, 403] {
        let provider = Provider::new(false).await;
        let rig = rig(&provider).await;
        provider.refuses.lock().expect("no panic").push(refusal);
        for _ in 0..2 {
            let mut client = open(&rig, RESPONSES, &[]).await.expect("a socket");
            say(&mut client, &create()).await;
            hear_until(&mut client, "response.completed").await;
        }
        let key = |n| provider.handshake(n).1["authorization"].clone();
        assert_eq!(provider.handshakes(), 3, "after {refusal}");
        assert_ne!(key(0), key(1));
        assert_eq!(key(1), key(2), "the refused one rests");
        records(&rig, 2).await;
    }
}

#[tokio::test]
async fn the_providers_own_refusal_of_a_socket_is_passed_on() {
    for (refusals, told) in [(&[400][..], 400), (&[429, 429], 429), (&[500], 500), (&[302], 502)] {
        let provider = Provider::new(false).await;
        let rig = rig(&provider).await;
        provider.refuses.lock().expect("no panic").extend(refusals);
        assert_eq!(status(open(&rig, RESPONSES, &[]).await).as_u16(), told, "{refusals:?}");
        assert_eq!(rig.books.records().len(), 0, "nothing was asked");
    }
}

#[tokio::test]
async fn a_sidecar_that_stops_lets_a_turn_end_and_closes_what_rests() {
    let provider = Provider::new(true).await;
    let mut rig = rig(&provider).await;
    let mut resting = open(&rig, RESPONSES, &[]).await.expect("a socket");
    let mut busy = open(&rig, RESPONSES, &[]).await.expect("a socket");
    say(&mut busy, &create()).await;
    for _ in 0..3 {
        hear(&mut busy).await;
    }
    rig.stop.take().expect("not stopped").send(()).expect("it serves");
    assert_eq!(hear(&mut resting).await, 1001);
    assert!(!rig.served.is_finished());
    provider.go_on.notify_one();
    assert_eq!(hear(&mut busy).await["type"], "response.completed");
    assert_eq!(hear(&mut busy).await, 1001);
    (&mut rig.served).await.expect("it ends by itself");
    let records = rig.books.records();
    assert_eq!((records.len(), records[0].tokens), (1, turn()));
}

#[tokio::test]
async fn a_response_on_a_socket_keeps_to_the_limits_of_its_lease() {
    for (limits, turns, status) in [
        (r#"{"models_denied":["*/gpt-4.1*"]}"#, 0, 403),
        (r#"{"requests_per_minute":2}"#, 2, 429),
        (r#"{"requests_at_once":1}"#, 3, 0),
    ] {
        let provider = Provider::new(false).await;
        let rig = rig(&provider).await;
        rig.tokens.limit("ann", &serde_json::from_str(limits).expect("limits"));
        let mut client = open(&rig, RESPONSES, &[]).await.expect("a socket");
        for _ in 0..turns {
            say(&mut client, &create()).await;
            hear_until(&mut client, "response.completed").await;
        }
        if status > 0 {
            say(&mut client, &create()).await;
            let refused = hear(&mut client).await;
            assert_eq!((&refused["type"], &refused["status"]), (&json!("error"), &json!(status)));
        }
        assert_eq!(provider.messages().len(), turns, "{limits}");
        records(&rig, turns).await;
    }
}
