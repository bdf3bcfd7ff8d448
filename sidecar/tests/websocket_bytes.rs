//! WebSockets through the sidecar, byte by byte: nothing is changed on its way, what is no frame ends
//! the socket, and who reads nothing holds up the other end.

mod support;

use std::time::Duration;

use events::usage::{Completion, UsageRecord};
use http::StatusCode;
use serde_json::{Value, json};
use sidecar::stand_in::StandIn;
use support::raw::Raw;
use support::rig::{Rig, listener, until};
use support::socket::open;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::Error;

const RESPONSES: &str = "/openai/v1/responses";
const KEYS: [&str; 2] = ["sk-pool-one", "sk-pool-two"];
/// The answer to the key that the clients here send (RFC 6455, section 1.3).
const ACCEPT: &str = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";

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

fn status<T>(refused: Result<T, Error>) -> StatusCode {
    match refused {
        Err(Error::Http(response)) => response.status(),
        Err(error) => panic!("{error}"),
        Ok(_) => panic!("it was not refused"),
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
