//! Answers that would like to be held in memory: the real program passes them on, meters them, and
//! never has more memory than a bound, however much comes.

mod support;

use std::io::Write as _;
use std::sync::Arc;

use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::Value;
use support::{Running, Scratch, post, provider};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

const KEY: &str = "sk-ant-pool-1";
const TOKEN: &str = "tc_0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
/// What one answer may cost in memory, in MiB, over what the idle program has: buffers of both
/// connections and of the meter.
const MORE_MAX: u64 = 16;
const MIB: usize = 1 << 20;
/// The stream in MiB: a gibibyte, or a part of it where nothing is optimised and all takes fifty
/// times as long (`cargo test --release` sends all of it). The other bombs are an eighth of that.
const STREAM_MIB: usize = if cfg!(debug_assertions) { 64 } else { 1024 };
const OTHER_MIB: usize = STREAM_MIB / 8;

/// What the provider sends: a begin, a piece again and again, an end.
#[derive(Clone)]
struct Bomb {
    model: &'static str,
    begin: Vec<u8>,
    piece: Vec<u8>,
    times: usize,
    end: Vec<u8>,
}

fn bomb(
    model: &'static str,
    kind: &str,
    begin: impl Into<Vec<u8>>,
    piece: impl Into<Vec<u8>>,
    times: usize,
    end: impl Into<Vec<u8>>,
) -> Bomb {
    let mut head = format!("HTTP/1.1 200 OK\r\n{kind}connection: close\r\n\r\n").into_bytes();
    head.extend(begin.into());
    Bomb { model, begin: head, piece: piece.into(), times, end: end.into() }
}

/// A mebibyte of blanks, folded a thousandfold.
fn folded() -> Vec<u8> {
    let mut gzip = GzEncoder::new(Vec::new(), Compression::fast());
    gzip.write_all(&vec![b' '; MIB]).expect("written");
    gzip.finish().expect("gzip")
}

fn bombs() -> Vec<Bomb> {
    let json = "content-type: application/json\r\n";
    let events = "content-type: text/event-stream\r\n";
    let usage = r#""model":"m","usage":{"input_tokens":3,"output_tokens":5}"#;
    let delta =
        format!("data: {{\"type\":\"content_block_delta\",\"x\":\"{}\"}}\n\n", "x".repeat(MIB));
    let start = format!("data: {{\"type\":\"message_start\",\"message\":{{{usage}}}}}\n\n");
    let stop = "data: {\"type\":\"message_stop\"}\n\n";
    let frames = "content-type: application/vnd.amazon.eventstream\r\n";
    let gzip = format!("{json}content-encoding: gzip\r\n");
    vec![
        bomb("a stream", events, start.clone(), delta, STREAM_MIB, stop),
        bomb(
            "one document",
            json,
            "{\"x\":\"",
            vec![b'x'; MIB],
            OTHER_MIB,
            format!("\",{usage}}}"),
        ),
        bomb("a line without an end", events, "data: {\"x\":\"", vec![b'x'; MIB], OTHER_MIB, ""),
        bomb("a comment without an end", events, ":", vec![b'x'; MIB], OTHER_MIB, ""),
        bomb("a key without an end", json, "{\"", vec![b'k'; MIB], OTHER_MIB, ""),
        bomb("depth", json, "", "{\"usage\":[".repeat(MIB / 10), OTHER_MIB / 4, ""),
        bomb(
            "a usage without an end",
            json,
            "{\"usage\":{\"x\":\"",
            vec![b'x'; MIB],
            OTHER_MIB,
            "",
        ),
        bomb("blank lines", events, start, vec![b'\n'; MIB], OTHER_MIB / 4, stop),
        bomb("frames that are none", frames, "", vec![0xff; MIB], OTHER_MIB, ""),
        bomb("folds", &gzip, "", folded(), 2 * OTHER_MIB + OTHER_MIB / 4, ""),
        bomb("many folds at once", &gzip, folded().repeat(OTHER_MIB), "", 0, ""),
    ]
}

/// Reads an answer without keeping it; gives how long it was.
async fn drain(address: &str, request: &str) -> usize {
    let mut stream = TcpStream::connect(address).await.expect("a connection");
    stream.write_all(request.as_bytes()).await.expect("written");
    let (mut some, mut all) = (vec![0; MIB], 0);
    while let Ok(read @ 1..) = stream.read(&mut some).await {
        all += read;
    }
    all
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_comes_passes_and_takes_no_more_memory_than_a_bound() {
    let scratch = Scratch::new("bombs");
    scratch.put("keys.json", &format!(r#"{{"providers":{{"anthropic":{{"keys":["{KEY}"]}}}}}}"#));
    let all = Arc::new(bombs());
    let known = Arc::clone(&all);
    let base = provider(move |mut stream, request| {
        let known = Arc::clone(&known);
        let asked = move |bomb: &&Bomb| request.contains(&format!("\"{}\"", bomb.model));
        let bomb = known.iter().find(asked).expect("a known one").clone();
        async move {
            let _gone = stream.write_all(&bomb.begin).await;
            for _ in 0..bomb.times {
                if stream.write_all(&bomb.piece).await.is_err() {
                    return;
                }
            }
            let _gone = stream.write_all(&bomb.end).await;
            let _gone = stream.shutdown().await;
        }
    })
    .await;
    let upstream = format!("anthropic={base}");
    let arguments = ["--listen", "127.0.0.1:0", "--keys", "keys.json", "--usage", "usage.jsonl"];
    let arguments = [&arguments[..], &["--upstream", &upstream]].concat();
    let running = Running::start(&scratch.0, &arguments, &[("TEAMCLAW_TOKEN", TOKEN)]);
    let idle = running.most_memory();
    for bomb in all.iter() {
        let body = format!(r#"{{"model":"{}"}}"#, bomb.model);
        let request = post("/anthropic/v1/messages", &format!("x-api-key: {TOKEN}\r\n"), &body);
        let got = drain(&running.address, &request).await;
        let sent = bomb.begin.len() + bomb.piece.len() * bomb.times + bomb.end.len();
        // Another head, and chunks.
        assert!(got + 200 > sent, "{}: {got} of {sent} bytes came through", bomb.model);
        let most = running.most_memory();
        assert!(most <= idle + MORE_MAX, "{}: {most} MiB, idle {idle} MiB", bomb.model);
    }
    running.end("-TERM");
    let usage = std::fs::read_to_string(scratch.0.join("usage.jsonl")).expect("a file");
    let lines: Vec<Value> =
        usage.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    assert_eq!(lines.len(), all.len(), "each is counted");
    for line in lines.iter().take(2) {
        let data = &line["data"];
        assert_eq!(data["teamclaw.completion"], "complete", "{line}");
        assert_eq!(data["gen_ai.usage.input_tokens"], 3, "{line}");
    }
}
