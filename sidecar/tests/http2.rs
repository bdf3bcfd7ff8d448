//! HTTP/2 to a provider, over TLS with a company's own root: requests share connections, none stops
//! another, and what a connection's end leaves undone is done by another.

mod support;

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use events::usage::Completion;
use http::{Method, StatusCode};
use http_body_util::BodyExt;
use sidecar::stand_in::StandIn;
use sidecar::{BadConfig, Config, Outside, Sidecar};
use support::outside::{Books, Ticks};
use support::rig::{Rig, until, whole};
use support::secure::{Secure, file, first};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::server::TlsStream;

const MESSAGES: &str = "/anthropic/v1/messages";
const MODELS: &str = "/openai/v1/models";
const ASKED: &str = r#"{"model":"m"}"#;
const BODY: &str = r#"{"model":"m","usage":{"input_tokens":5,"output_tokens":2}}"#;
const BOTH: [&str; 2] = ["h2", "http/1.1"];

fn body() -> Vec<Bytes> {
    vec![Bytes::from_static(BODY.as_bytes())]
}

#[tokio::test]
async fn requests_share_a_connection_and_each_is_counted() {
    let provider = Secure::new(&BOTH, body()).await;
    let rig = provider.rig().await;
    for _ in 0..10 {
        let answer = rig.post(MESSAGES, ASKED).await;
        assert_eq!((answer.status, answer.text()), (StatusCode::OK, BODY));
    }
    let seen = provider.seen();
    assert_eq!((seen.len(), seen[0].asked, seen[0].reset), (1, 10, 0));
    rig.sidecar.flush().await;
    let records = rig.books.records();
    assert_eq!(records.len(), 10);
    assert!(records.iter().all(|r| r.completion == Completion::Complete && r.tokens.output == 2));
}

#[tokio::test]
async fn a_provider_without_http2_is_asked_as_ever() {
    for config in [true, false] {
        let provider = Secure::new(&["http/1.1"], body()).await;
        let config = Config { upstream_http2: config, ..provider.config() };
        let rig = Rig::with(config, provider.address, StandIn::new([]), &["sk-1"]).await;
        for _ in 0..3 {
            assert_eq!(rig.post(MESSAGES, ASKED).await.text(), BODY);
        }
        assert_eq!(provider.seen().len(), 1, "and its connection is kept");
    }
}

#[tokio::test]
async fn http2_is_used_only_where_it_is_wanted() {
    let provider = Secure::new(&BOTH, body()).await;
    let config = Config { upstream_http2: false, ..provider.config() };
    let rig = Rig::with(config, provider.address, StandIn::new([]), &["sk-1"]).await;
    provider.shut(true);
    let (one, other) = (rig.open(MESSAGES, ASKED).await, rig.open(MESSAGES, ASKED).await);
    assert_eq!(provider.seen().len(), 2, "each has a connection of its own");
    provider.shut(false);
    assert_eq!((whole(one).await.text(), whole(other).await.text()), (BODY, BODY));
}

#[tokio::test]
async fn every_byte_of_a_long_answer_comes_through() {
    let mut parts = Vec::new();
    let mut state = 7_u32;
    for _ in 0..400 {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let length = (state >> 16) as usize % 8000;
        parts.push(Bytes::from(vec![(state >> 8) as u8; length]));
    }
    let sent: Vec<u8> = parts.concat();
    let provider = Secure::new(&BOTH, parts).await;
    let rig = provider.rig().await;
    let (one, other) = tokio::join!(rig.post(MESSAGES, ASKED), rig.post(MESSAGES, ASKED));
    assert!(one.body == sent && other.body == sent, "byte for byte");
    assert_eq!(provider.seen().len(), 1);
}

#[tokio::test]
async fn two_hundred_at_once_are_at_most_eighty_on_a_connection() {
    let provider = Secure::new(&BOTH, body()).await;
    let rig = Arc::new(provider.rig().await);
    provider.shut(true);
    let mut asking = Vec::new();
    for name in ["ann", "bob", "cy", "dee"] {
        let token = rig.tokens.give(name);
        for _ in 0..50 {
            let (rig, token) = (Arc::clone(&rig), token.clone());
            asking.push(tokio::spawn(
                async move { rig.ask(&token, Method::GET, MODELS).await.status },
            ));
        }
    }
    provider.until(|seen| seen.iter().map(|seen| seen.open).sum::<usize>() == 200).await;
    let most: Vec<usize> = provider.seen().iter().map(|seen| seen.most).collect();
    assert_eq!(most, [80, 80, 40]);
    provider.shut(false);
    for asked in asking {
        assert_eq!(asked.await.expect("no panic"), StatusCode::OK);
    }
}

#[tokio::test]
async fn who_hangs_up_resets_its_own_request_and_no_other() {
    let provider = Secure::new(&BOTH, body()).await;
    let rig = provider.rig().await;
    provider.shut(true);
    let mut gone = rig.open(MESSAGES, ASKED).await;
    let stays = rig.open(MESSAGES, ASKED).await;
    let _first = gone.body_mut().frame().await.expect("a frame").expect("data");
    drop(gone);
    provider.until(|seen| seen[0].reset == 1).await;
    provider.shut(false);
    assert_eq!(whole(stays).await.text(), BODY);
    assert_eq!(rig.post(MESSAGES, ASKED).await.text(), BODY);
    let seen = provider.seen();
    assert_eq!((seen.len(), seen[0].asked, seen[0].reset), (1, 3, 1));
    until("all are counted", || rig.books.records().len() == 3).await;
}

#[tokio::test]
async fn who_hangs_up_before_the_answer_resets_its_request_too() {
    let provider = Secure::with_first(&BOTH, body(), first(waits_for_a_reset)).await;
    let rig = provider.rig().await;
    let asking = tokio::time::timeout(Duration::from_millis(300), rig.open(MESSAGES, ASKED)).await;
    assert!(asking.is_err(), "it is never answered");
    assert_eq!(rig.post(MESSAGES, ASKED).await.text(), BODY, "by the same connection");
    assert_eq!(provider.seen(), []);
    rig.sidecar.flush().await;
    let records = rig.books.records();
    assert_eq!(records[0].completion, Completion::Aborted);
    assert_eq!((records.len(), records[1].completion), (2, Completion::Complete));
}

/// One frame of HTTP/2 (RFC 9113, section 4.1).
fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let mut bytes = (payload.len() as u32).to_be_bytes()[1..].to_vec();
    bytes.extend([kind, flags]);
    bytes.extend(stream.to_be_bytes());
    bytes.extend(payload);
    bytes
}

const DATA: u8 = 0;
const HEADERS: u8 = 1;
const RST_STREAM: u8 = 3;
const SETTINGS: u8 = 4;
const GOAWAY: u8 = 7;
const END_STREAM: u8 = 1;
const END_HEADERS: u8 = 4;

/// Reads the next frame; gives its kind and its stream.
async fn read(stream: &mut TlsStream<TcpStream>) -> (u8, u32) {
    let mut head = [0; 9];
    stream.read_exact(&mut head).await.expect("a frame");
    let length = u32::from_be_bytes([0, head[0], head[1], head[2]]) as usize;
    let mut payload = vec![0; length];
    stream.read_exact(&mut payload).await.expect("a frame");
    (head[3], u32::from_be_bytes([head[5], head[6], head[7], head[8]]))
}

/// Reads frames until so many requests have come.
async fn requests(stream: &mut TlsStream<TcpStream>, count: usize) {
    let mut preface = [0; 24];
    stream.read_exact(&mut preface).await.expect("the preface");
    stream.write_all(&frame(SETTINGS, 0, 0, &[])).await.expect("written");
    let mut come = 0;
    while come < count {
        come += usize::from(read(stream).await.0 == HEADERS);
    }
}

/// Says nothing until its first request is reset; answers the second.
async fn waits_for_a_reset(mut stream: TlsStream<TcpStream>) {
    requests(&mut stream, 1).await;
    while read(&mut stream).await != (RST_STREAM, 1) {}
    while read(&mut stream).await != (HEADERS, 3) {}
    let answer =
        [frame(HEADERS, END_HEADERS, 3, &[0x88]), frame(DATA, END_STREAM, 3, BODY.as_bytes())];
    stream.write_all(&answer.concat()).await.expect("written");
    std::future::pending::<()>().await;
}

/// Answers the first of five requests and will not begin the others.
async fn goes_away(mut stream: TlsStream<TcpStream>) {
    requests(&mut stream, 5).await;
    // `:status: 200` is the eighth of HPACK's static table.
    let bytes = [
        frame(HEADERS, END_HEADERS, 1, &[0x88]),
        frame(GOAWAY, 0, 0, &[0, 0, 0, 1, 0, 0, 0, 0]),
        frame(DATA, END_STREAM, 1, BODY.as_bytes()),
    ];
    stream.write_all(&bytes.concat()).await.expect("written");
    let mut rest = Vec::new();
    let _ended = stream.read_to_end(&mut rest).await;
}

/// Answers the first of five requests and refuses the others one by one.
async fn refuses(mut stream: TlsStream<TcpStream>) {
    requests(&mut stream, 5).await;
    let mut bytes = frame(HEADERS, END_HEADERS, 1, &[0x88]);
    for id in [3, 5, 7, 9] {
        bytes.extend(frame(RST_STREAM, 0, id, &[0, 0, 0, 7]));
    }
    bytes.extend(frame(DATA, END_STREAM, 1, BODY.as_bytes()));
    bytes.extend(frame(GOAWAY, 0, 0, &[0, 0, 0, 9, 0, 0, 0, 0]));
    stream.write_all(&bytes).await.expect("written");
    let mut rest = Vec::new();
    let _ended = stream.read_to_end(&mut rest).await;
}

/// Hangs up on five requests, any of which it may have begun.
async fn hangs_up(mut stream: TlsStream<TcpStream>) {
    requests(&mut stream, 5).await;
}

async fn five_at_once(rig: &Rig) -> Vec<StatusCode> {
    let post = || rig.post(MESSAGES, ASKED);
    let (a, b, c, d, e) = tokio::join!(post(), post(), post(), post(), post());
    [a, b, c, d, e].map(|answer| answer.status).to_vec()
}

#[tokio::test]
async fn what_a_provider_did_not_begin_goes_by_another_connection() {
    for first in [first(goes_away), first(refuses)] {
        let provider = Secure::with_first(&BOTH, body(), first).await;
        let rig = provider.rig().await;
        assert_eq!(five_at_once(&rig).await, [StatusCode::OK; 5]);
        let again: usize = provider.seen().iter().map(|seen| seen.asked).sum();
        assert_eq!(again, 4, "each once, and the first not again");
        rig.sidecar.flush().await;
        let records = rig.books.records();
        assert_eq!(records.len(), 5);
        assert!(records.iter().all(|record| record.completion == Completion::Complete));
    }
}

#[tokio::test]
async fn what_a_provider_may_have_begun_is_not_sent_again() {
    let provider = Secure::with_first(&BOTH, body(), first(hangs_up)).await;
    let rig = provider.rig().await;
    assert_eq!(five_at_once(&rig).await, [StatusCode::BAD_GATEWAY; 5]);
    assert_eq!(provider.seen(), []);
    assert_eq!(rig.post(MESSAGES, ASKED).await.status, StatusCode::OK);
    rig.sidecar.flush().await;
    let aborted = |record: &&_| {
        matches!(record, events::usage::UsageRecord { completion: Completion::Aborted, .. })
    };
    assert_eq!(
        rig.books.records().iter().filter(aborted).count(),
        5,
        "and counted as what it may be"
    );
}

#[tokio::test]
async fn a_connection_that_cannot_be_made_fails_all_who_wait_for_it_at_once() {
    let provider = Secure::new(&BOTH, body()).await;
    let config = Config { tls_roots: None, ..provider.config() };
    let rig = Rig::with(config, provider.address, StandIn::new([]), &["sk-1"]).await;
    assert_eq!(five_at_once(&rig).await, [StatusCode::BAD_GATEWAY; 5]);
    assert_eq!(provider.seen(), [], "a stranger's certificate is not believed");
}

#[tokio::test]
async fn roots_that_cannot_be_used_are_a_mistake() {
    let empty = std::env::temp_dir().join(format!("roots-{}.pem", std::process::id()));
    std::fs::write(&empty, "").expect("written");
    for (path, why) in [
        (file("none.pem"), "No such file"),
        (empty.clone(), "no certificate"),
        (file("server.key"), "no certificate"),
        (file("../http2.rs"), "no certificate"),
    ] {
        let config = Config { tls_roots: Some(path.clone()), ..Config::default() };
        let ticks = Arc::new(Ticks::default());
        let outside = Outside {
            leases: Arc::new(support::outside::Tokens::default()),
            keys: Arc::new(support::outside::Pool(std::sync::Mutex::default())),
            usage: Arc::new(Books::default()),
            totals: Arc::new(Books::default()),
            clock: Arc::clone(&ticks) as _,
            ids: ticks,
            prices: Arc::new(events::price::PriceTable::built_in()),
            on_activity: Arc::new(|_, _| {}),
        };
        let error = Sidecar::new(&config, outside).err().expect("a mistake");
        assert!(matches!(&error, BadConfig::TlsRoots { file, .. } if *file == path), "{error}");
        assert!(error.to_string().contains(why), "{error}");
    }
    std::fs::remove_file(empty).expect("removed");
}
