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
use support::raw::Raw;
use support::rig::{Rig, listener, until};
use support::socket::{Provider, hear, hear_until, open, open_with, say};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::Error;

const RESPONSES: &str = "/openai/v1/responses";
const REALTIME: &str = "/openai/v1/realtime?model=gpt-realtime";
const KEYS: [&str; 2] = ["sk-pool-one", "sk-pool-two"];
/// The answer to the key that the clients here send (RFC 6455, section 1.3).
const ACCEPT: &str = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";

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
async fn a_switch_that_is_no_answer_to_the_handshake_is_none() {
    let head = "HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: websocket\r\n";
    let accept = format!("sec-websocket-accept: {ACCEPT}\r\n");
    for rest in [
        "\r\n".to_owned(),
        "sec-websocket-accept: AAAAAAAAAAAAAAAAAAAAAAAAAAA=\r\n\r\n".to_owned(),
        format!("{accept}sec-websocket-extensions: permessage-deflate\r\n\r\n"),
        format!("{accept}sec-websocket-protocol: chat\r\n\r\n"),
    ] {
        let raw = Raw::new(&[&format!("{head}{rest}")]).await;
        let rig = Rig::before(raw.address, StandIn::new([]), &KEYS).await;
        assert_eq!(status(open(&rig, RESPONSES, &[]).await), StatusCode::BAD_GATEWAY, "{rest}");
    }
}

/// A provider that switches and then writes and reads plain bytes.
async fn switched() -> (Rig, tokio::task::JoinHandle<TcpStream>) {
    let (listener, address) = listener().await;
    let provider = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.expect("a connection");
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            assert!(stream.read_buf(&mut head).await.expect("bytes") > 0);
        }
        let answer = format!(
            "HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: websocket\r\n\
             sec-websocket-accept: {ACCEPT}\r\n\r\n"
        );
        stream.write_all(answer.as_bytes()).await.expect("written");
        stream
    });
    (Rig::before(address, StandIn::new([]), &KEYS).await, provider)
}

/// A client's connection that has switched.
async fn raw_client(rig: &Rig) -> TcpStream {
    let mut stream = TcpStream::connect(rig.address).await.expect("a connection");
    let head = format!(
        "GET {RESPONSES} HTTP/1.1\r\nhost: {}\r\nauthorization: Bearer {}\r\nconnection: Upgrade\r\n\
         upgrade: websocket\r\nsec-websocket-version: 13\r\n\
         sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
        rig.address, rig.ann
    );
    stream.write_all(head.as_bytes()).await.expect("written");
    let mut answer = Vec::new();
    while !answer.ends_with(b"\r\n\r\n") {
        answer.push(stream.read_u8().await.expect("bytes"));
    }
    assert!(answer.starts_with(b"HTTP/1.1 101 "));
    stream
}

/// One frame, masked or not.
fn frame(operation: u8, last: bool, mask: Option<[u8; 4]>, payload: &[u8]) -> Vec<u8> {
    let masked = if mask.is_some() { 0x80 } else { 0 };
    let mut bytes = vec![operation | if last { 0x80 } else { 0 }, masked | 127];
    // Longer than it must be, which nobody but a reader of the whole frame notices.
    bytes.extend((payload.len() as u64).to_be_bytes());
    bytes.extend(mask.into_iter().flatten());
    let key = mask.unwrap_or_default();
    bytes.extend(payload.iter().enumerate().map(|(n, byte)| byte ^ key[n % 4]));
    bytes
}

/// Frames of every kind, with a turn among them.
fn stream(mask: Option<[u8; 4]>, events: &[Value]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for (n, event) in events.iter().enumerate() {
        let text = event.to_string().into_bytes();
        let (first, second) = text.split_at(text.len() / 2);
        bytes.extend(frame(0x1, false, mask, first));
        bytes.extend(frame(0x9, true, mask, b"ping"));
        bytes.extend(frame(0x0, true, mask, second));
        bytes.extend(frame(0x2, true, mask, &vec![n as u8; 70_000]));
        bytes.extend(frame(0xa, true, mask, b""));
    }
    bytes
}

#[tokio::test]
async fn every_byte_passes_as_it_came_both_ways() {
    let (rig, provider) = switched().await;
    let client = raw_client(&rig).await;
    let provider = provider.await.expect("no panic");
    let up = stream(Some([9, 0, 255, 7]), &[create(), json!({"type": "x"}), create()]);
    let done = |id: &str| {
        json!({"type": "response.completed", "response": {"id": id,
            "usage": {"input_tokens": 7, "output_tokens": 3}}})
    };
    let down = stream(None, &[done("a"), json!({"type": "y"}), done("b")]);
    let (mut client_reads, mut client_writes) = client.into_split();
    let (mut provider_reads, mut provider_writes) = provider.into_split();
    let (sent_up, sent_down) = (up.clone(), down.clone());
    let writes = async move {
        for part in sent_up.chunks(977) {
            client_writes.write_all(part).await.expect("written");
        }
        client_writes
    };
    let answers = async move {
        let mut got = vec![0; up.len()];
        provider_reads.read_exact(&mut got).await.expect("all of it");
        assert!(got == up, "the provider got what the client sent");
        for part in sent_down.chunks(1013) {
            provider_writes.write_all(part).await.expect("written");
        }
        (provider_reads, provider_writes)
    };
    let reads = async move {
        let mut got = vec![0; down.len()];
        client_reads.read_exact(&mut got).await.expect("all of it");
        assert!(got == down, "the client got what the provider sent");
    };
    let (_client, _provider, ()) = tokio::join!(writes, answers, reads);
    for record in records(&rig, 2).await {
        assert_eq!((record.tokens.uncached_input, record.tokens.output), (7, 3));
        assert_eq!(record.completion, Completion::Complete);
    }
}

#[tokio::test]
async fn what_is_no_frame_or_too_long_closes_the_socket_with_its_status() {
    let mask = Some([1, 2, 3, 4]);
    let mut long = frame(0x1, true, mask, b"");
    long[2..10].copy_from_slice(&(1_u64 << 30).to_be_bytes());
    for (bytes, code) in [
        (long, 1009_u16),
        (frame(0x1, true, None, b"{}"), 1002),
        (frame(0x41, true, mask, b"{}"), 1002),
        (frame(0x3, true, mask, b"{}"), 1002),
    ] {
        let (rig, provider) = switched().await;
        let mut client = raw_client(&rig).await;
        let mut provider = provider.await.expect("no panic");
        client.write_all(&bytes).await.expect("written");
        let mut got = Vec::new();
        let end = tokio::time::timeout(Duration::from_secs(20), client.read_to_end(&mut got)).await;
        end.expect("it is closed").expect("an end");
        assert_eq!(got[got.len() - 4..], [&[0x88, 2][..], &code.to_be_bytes()].concat());
        let mut nothing = Vec::new();
        // The provider is hung up on, however roughly.
        let _reset = provider.read_to_end(&mut nothing).await;
        assert_eq!(nothing, b"", "nothing of it reached the provider");
    }
}

#[tokio::test]
async fn a_client_that_reads_nothing_holds_up_the_provider() {
    let (rig, provider) = switched().await;
    let _client = raw_client(&rig).await;
    let mut provider = provider.await.expect("no panic");
    let piece = frame(0x2, true, None, &[0; 64 * 1024]);
    let mut written = 0;
    // What two kernels buffer is a few megabytes; more than that must be held by somebody.
    while let Ok(result) =
        tokio::time::timeout(Duration::from_secs(1), provider.write_all(&piece)).await
    {
        result.expect("written");
        written += piece.len();
        assert!(written < 32 * 1024 * 1024, "somebody keeps what nobody reads");
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
async fn a_provider_that_hangs_up_within_a_turn_is_counted_and_the_client_is_hung_up_on() {
    let (rig, provider) = switched().await;
    let mut client = raw_client(&rig).await;
    let provider = provider.await.expect("no panic");
    let mask = Some([1, 2, 3, 4]);
    let asked = frame(0x1, true, mask, create().to_string().as_bytes());
    client.write_all(&asked).await.expect("written");
    let mut got = vec![0; asked.len()];
    let mut provider = provider;
    provider.read_exact(&mut got).await.expect("the request");
    drop(provider);
    let mut nothing = Vec::new();
    client.read_to_end(&mut nothing).await.expect("an end");
    assert_eq!(nothing, b"");
    let records = records(&rig, 1).await;
    assert_eq!(records[0].completion, Completion::Aborted);
    assert!(records[0].tokens.uncached_input > 0);
}
