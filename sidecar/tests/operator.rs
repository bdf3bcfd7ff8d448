//! The operator's port: who may see what, whether it is ready, and that what it counts is what the
//! ledger has.

mod support;

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use bytes::Bytes;
use events::price::{Cost, PICO_PER_DOLLAR};
use events::token::token_hash;
use http::{Method, Request, StatusCode};
use http_body_util::Full;
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use serde_json::json;
use sidecar::stand_in::Script;
use support::exposition::{self, Exposition};
use support::rig::{Answer, Rig, listener, until, whole};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

const TOKEN: &str = "op_0123456789abcdef0123456789abcdef";
const KEYS: [&str; 2] = ["sk-pool-one", "sk-pool-two"];
const MESSAGES: &str = "/anthropic/v1/messages";

/// The operator's port of a sidecar.
async fn port(rig: &Rig, token: Option<&str>) -> SocketAddr {
    let (listener, address) = listener().await;
    let (sidecar, hash) = (Arc::clone(&rig.sidecar), token.map(token_hash));
    tokio::spawn(async move {
        let never = std::future::pending::<()>();
        sidecar::serve_operator(listener, sidecar, hash.as_deref(), never).await;
    });
    address
}

async fn ask(address: SocketAddr, method: Method, path: &str, headers: &[(&str, &str)]) -> Answer {
    let client: Client<_, Full<Bytes>> = Client::builder(TokioExecutor::new()).build_http();
    let mut request = Request::builder().method(method).uri(format!("http://{address}{path}"));
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let request = request.body(Full::default()).expect("a request");
    whole(client.request(request).await.expect("an answer")).await
}

async fn get(address: SocketAddr, path: &str, token: &str) -> Answer {
    ask(address, Method::GET, path, &[("authorization", &format!("Bearer {token}"))]).await
}

async fn scrape(address: SocketAddr) -> Exposition {
    let answer = get(address, "/metrics", TOKEN).await;
    assert_eq!(answer.status, StatusCode::OK);
    exposition::read(answer.text(), false)
}

fn hello(model: &str, stream: bool) -> String {
    json!({"model": model, "stream": stream, "max_tokens": 100,
        "messages": [{"role": "user", "content": "hello there"}]})
    .to_string()
}

#[tokio::test]
async fn who_has_no_token_learns_that_it_lives_and_whether_it_is_ready() {
    let rig = Rig::new(&KEYS).await;
    let (open, closed) = (port(&rig, Some(TOKEN)).await, port(&rig, None).await);
    let good = format!("Bearer {TOKEN}");
    let (shouted, wrong) = (format!("BEARER {TOKEN}"), format!("Bearer {TOKEN}0"));
    let basic = format!("Basic {TOKEN}");
    for (address, path, authorization, status, words) in [
        (open, "/health", "", 200, "ok\n"),
        (open, "/ready", "", 200, "ready\n"),
        (open, "/ready", &*wrong, 200, "ready\n"),
        (
            open,
            "/ready",
            &*good,
            200,
            "ready\nconnections: are taken\ntokens: can be checked\nkeys: can be read\n\
             usage: is kept\n",
        ),
        (open, "/metrics", "", 401, "send the operator's token: Authorization: Bearer ...\n"),
        (open, "/metrics", &*wrong, 401, "send the operator's token: Authorization: Bearer ...\n"),
        (open, "/metrics", &*basic, 401, "send the operator's token: Authorization: Bearer ...\n"),
        (open, "/metrics/", &*good, 404, "/health, /ready or /metrics\n"),
        (closed, "/health", "", 200, "ok\n"),
        (closed, "/ready", &*good, 200, "ready\n"),
        (
            closed,
            "/metrics",
            &*good,
            404,
            "there is no token for metrics in the configuration, so there are none\n",
        ),
    ] {
        let answer = ask(address, Method::GET, path, &[("authorization", authorization)]).await;
        assert_eq!((answer.status.as_u16(), answer.text()), (status, words), "{path}");
        assert_eq!(answer.headers["cache-control"], "no-store");
    }
    for authorization in [&good, &shouted] {
        let headers = [("authorization", authorization.as_str())];
        assert_eq!(ask(open, Method::GET, "/metrics", &headers).await.status, StatusCode::OK);
    }
    let post = ask(open, Method::POST, "/metrics", &[("authorization", &good)]).await;
    assert_eq!(post.status, StatusCode::METHOD_NOT_ALLOWED);
    // The workspace's own token is worth nothing here.
    assert_eq!(get(open, "/metrics", &rig.ann).await.status, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn both_formats_are_read_by_a_strict_reader() {
    let rig = Rig::new(&KEYS).await;
    let address = port(&rig, Some(TOKEN)).await;
    assert_eq!(rig.post(MESSAGES, hello("claude-haiku-4-5", true)).await.status, StatusCode::OK);
    let bearer = format!("Bearer {TOKEN}");
    for (accept, openmetrics, kind) in [
        ("*/*", false, "text/plain; version=0.0.4; charset=utf-8"),
        (
            "application/openmetrics-text;version=1.0.0,text/plain;q=0.2",
            true,
            "application/openmetrics-text; version=1.0.0; charset=utf-8",
        ),
    ] {
        let headers = [("authorization", bearer.as_str()), ("accept", accept)];
        let answer = ask(address, Method::GET, "/metrics", &headers).await;
        assert_eq!(answer.headers["content-type"], kind);
        let read = exposition::read(answer.text(), openmetrics);
        assert_eq!(read.sum("teamclaw_sidecar_requests_total", &[("status", "2xx")]), 1.0);
        assert!(!answer.text().contains("ann"), "nothing is by workspace");
    }
}

#[tokio::test]
async fn what_is_counted_is_what_the_ledger_has() {
    let rig = Rig::new(&KEYS).await;
    let address = port(&rig, Some(TOKEN)).await;
    rig.stand_in.script(Script { fail_next: 1, status: 429, ..Script::default() });
    for (path, model, stream) in [
        (MESSAGES, "claude-haiku-4-5", true),
        (MESSAGES, "claude-sonnet-4-6", false),
        ("/openai/v1/chat/completions", "gpt-4.1", true),
    ] {
        assert_eq!(rig.post(path, hello(model, stream)).await.status, StatusCode::OK);
    }
    assert_eq!(rig.ask("tc_wrong", Method::POST, MESSAGES).await.status, StatusCode::UNAUTHORIZED);
    assert_eq!(rig.ask(&rig.ann, Method::POST, "/nobody/x").await.status, StatusCode::NOT_FOUND);
    rig.sidecar.flush().await;
    let read = scrape(address).await;
    let name = |short: &str| format!("teamclaw_sidecar_{short}");
    let sum = |short: &str, labels: &[(&str, &str)]| read.sum(&name(short), labels);
    let records = rig.books.records();
    let tokens = records.iter().fold(events::usage::Tokens::default(), |sum, r| sum + r.tokens);
    let all = sum("tokens_total", &[]);
    assert_eq!(all, (tokens.input() + tokens.output) as f64);
    assert_eq!(sum("tokens_total", &[("kind", "output")]), tokens.output as f64);
    let of_model = sum("tokens_total", &[("model", "gpt-4.1")]);
    let (gpt, _) =
        records.iter().map(|r| (r.tokens, &r.model)).find(|r| r.1 == "gpt-4.1").expect("it");
    assert_eq!(of_model, (gpt.input() + gpt.output) as f64);
    let cost = |cost: &Cost| match cost {
        Cost::Known { pico_dollars, .. } => *pico_dollars,
        Cost::Unknown { why } => panic!("{why}"),
    };
    let dollars =
        records.iter().map(|r| cost(&r.cost)).sum::<u64>() as f64 / PICO_PER_DOLLAR as f64;
    assert!((sum("cost_dollars_total", &[]) - dollars).abs() < 1e-9);
    assert_eq!(sum("requests_total", &[("provider", "anthropic"), ("status", "2xx")]), 2.0);
    assert_eq!(sum("requests_total", &[("provider", "anthropic"), ("status", "4xx")]), 1.0);
    assert_eq!(sum("requests_total", &[("provider", "none"), ("status", "4xx")]), 1.0);
    assert_eq!(sum("refusals_total", &[("code", "invalid_api_key")]), 1.0);
    assert_eq!(sum("refusals_total", &[("code", "unknown_url")]), 1.0);
    assert_eq!(sum("attempts_total", &[]), 4.0);
    assert_eq!(sum("retries_total", &[]), 1.0);
    assert_eq!(sum("added_seconds_count", &[("part", "request")]), 3.0);
    assert_eq!(sum("added_seconds_count", &[("part", "answer")]), 3.0);
    assert_eq!(sum("upstream_first_byte_seconds_count", &[]), 4.0);
    assert_eq!(sum("key_state", &[("state", "cooling"), ("provider", "anthropic")]), 1.0);
    assert_eq!(sum("key_state", &[("provider", "anthropic")]), 2.0, "each key is in one state");
    assert_eq!(sum("usage_records_total", &[("outcome", "sent")]), 3.0);
    assert_eq!(sum("usage_waiting_records", &[]), 0.0);
    assert_eq!(sum("usage_lag_seconds", &[]), 0.0);
}

#[tokio::test]
async fn a_ledger_that_is_away_shows_as_lag() {
    let rig = Rig::new(&KEYS).await;
    let address = port(&rig, Some(TOKEN)).await;
    rig.books.away.store(true, Ordering::Relaxed);
    for _ in 0..2 {
        rig.post(MESSAGES, hello("claude-haiku-4-5", true)).await;
    }
    until("it was tried", || rig.books.calls.load(Ordering::Relaxed) > 0).await;
    let read = scrape(address).await;
    assert_eq!(read.sum("teamclaw_sidecar_usage_waiting_records", &[]), 2.0);
    assert!(read.sum("teamclaw_sidecar_usage_lag_seconds", &[]) > 0.0);
    assert!(read.sum("teamclaw_sidecar_usage_batches_total", &[("outcome", "failed")]) > 0.0);
    rig.books.away.store(false, Ordering::Relaxed);
    rig.sidecar.flush().await;
    let read = scrape(address).await;
    assert_eq!(read.sum("teamclaw_sidecar_usage_waiting_records", &[]), 0.0);
    assert_eq!(read.sum("teamclaw_sidecar_usage_lag_seconds", &[]), 0.0);
}

#[tokio::test]
async fn who_is_being_stopped_is_not_ready_while_its_streams_end() {
    let mut rig = Rig::new(&KEYS).await;
    let address = port(&rig, Some(TOKEN)).await;
    rig.stand_in.script(Script { event_delay_ms: 30, ..Script::default() });
    let response = rig.open(MESSAGES, hello("claude-haiku-4-5", true)).await;
    let read = scrape(address).await;
    for level in ["open_requests", "open_streams", "connections"] {
        assert_eq!(read.sum(&format!("teamclaw_sidecar_{level}"), &[]), 1.0, "{level}");
    }
    rig.stop.take().expect("runs").send(()).expect("listens");
    let mut told = get(address, "/ready", TOKEN).await;
    while told.status == StatusCode::OK {
        told = get(address, "/ready", TOKEN).await;
    }
    assert!(
        told.text().contains("connections: are not taken any more: it ends"),
        "{}",
        told.text()
    );
    assert!(whole(response).await.text().contains("message_stop"));
    rig.served.await.expect("ends");
    let read = scrape(address).await;
    for level in ["open_requests", "open_streams", "connections"] {
        assert_eq!(read.sum(&format!("teamclaw_sidecar_{level}"), &[]), 0.0, "{level}");
    }
}

#[tokio::test]
async fn a_head_that_is_too_long_is_refused_and_connections_are_bounded() {
    let rig = Rig::new(&KEYS).await;
    let address = port(&rig, Some(TOKEN)).await;
    let long = format!("GET /health HTTP/1.1\r\nhost: x\r\nx: {}\r\n\r\n", "a".repeat(20_000));
    let mut stream = TcpStream::connect(address).await.expect("a connection");
    // It may hang up before all is written.
    let _cut = stream.write_all(long.as_bytes()).await;
    let mut answer = Vec::new();
    let _reset = stream.read_to_end(&mut answer).await;
    assert!(!answer.starts_with(b"HTTP/1.1 200"), "{}", String::from_utf8_lossy(&answer));

    let idle: Vec<TcpStream> = {
        let mut idle = Vec::new();
        for _ in 0..16 {
            let mut stream = TcpStream::connect(address).await.expect("a connection");
            stream.write_all(b"GET /health HTTP/1.1\r\nhost: x\r\n\r\n").await.expect("written");
            let mut first = [0; 12];
            stream.read_exact(&mut first).await.expect("an answer");
            assert_eq!(&first, b"HTTP/1.1 200");
            idle.push(stream);
        }
        idle
    };
    let mut late = TcpStream::connect(address).await.expect("the kernel's queue takes it");
    late.write_all(b"GET /health HTTP/1.1\r\nhost: x\r\n\r\n").await.expect("written");
    let mut first = [0; 12];
    drop(idle);
    late.read_exact(&mut first).await.expect("served once there is room");
    assert_eq!(&first, b"HTTP/1.1 200");
}
