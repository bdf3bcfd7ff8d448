//! Spans of the real program, as a collector gets them: within the client's trace, with the names
//! of OpenTelemetry's GenAI conventions, and with nothing that a span must not hold.
//!
//! `cargo test -p teamclaw-sidecar --features otel --test traces`

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

const TOKEN: &str = "tc_canarytoken0123456789abcdef0123456789abcdef";
const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";
const SPAN: &str = "b7ad6b7169203331";
/// What the provider answers.
const ANSWER: &str = r#"{"model":"claude-haiku-4-5-20251001","content":"canary","usage":{"input_tokens":3,"output_tokens":2}}"#;

/// A server that gives everybody the same answer and keeps what it got, heads included.
struct Server {
    address: String,
    got: Arc<Mutex<Vec<String>>>,
}

impl Server {
    async fn new(status: &'static str, body: &'static str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = format!("http://{}", listener.local_addr().expect("an address"));
        let got: Arc<Mutex<Vec<String>>> = Arc::default();
        let kept = Arc::clone(&got);
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let kept = Arc::clone(&kept);
                tokio::spawn(async move {
                    let request = request(&mut stream).await;
                    kept.lock().expect("no panic").push(request);
                    let answer = format!(
                        "HTTP/1.1 {status}\r\ncontent-type: application/json\r\n\
                         content-length: {}\r\nconnection: close\r\n\r\n{body}",
                        body.len()
                    );
                    // Whoever asked may have gone.
                    let _gone = stream.write_all(answer.as_bytes()).await;
                });
            }
        });
        Self { address, got }
    }

    fn got(&self) -> Vec<String> {
        self.got.lock().expect("no panic").clone()
    }
}

/// Reads a whole request.
async fn request(stream: &mut TcpStream) -> String {
    let mut bytes = Vec::new();
    loop {
        let text = String::from_utf8_lossy(&bytes).into_owned();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head.lines().find_map(|line| {
                line.to_ascii_lowercase().strip_prefix("content-length: ")?.parse().ok()
            });
            if body.len() >= length.unwrap_or(0) {
                return text;
            }
        }
        if stream.read_buf(&mut bytes).await.unwrap_or(0) == 0 {
            return text;
        }
    }
}

/// The program; killed and its files removed when it is dropped.
struct Running {
    child: Child,
    directory: std::path::PathBuf,
    address: String,
}

impl Running {
    fn start(name: &str, provider: &str, collector: &str) -> Self {
        let directory = std::env::temp_dir().join(format!("traces-{}-{name}", std::process::id()));
        std::fs::create_dir_all(&directory).expect("a directory");
        let keys = r#"{"providers":{"anthropic":{"keys":["sk-canary-1"]}}}"#;
        std::fs::write(directory.join("keys.json"), keys).expect("written");
        let mut command = Command::new(env!("CARGO_BIN_EXE_teamclaw-sidecar"));
        command.current_dir(&directory).env_clear().env("TEAMCLAW_TOKEN", TOKEN);
        command.env("OTEL_EXPORTER_OTLP_ENDPOINT", collector);
        command.args(["--listen", "127.0.0.1:0", "--keys", "keys.json", "--usage", "usage.jsonl"]);
        command.args(["--upstream", &format!("anthropic={provider}")]);
        let mut child = command.stdout(Stdio::piped()).spawn().expect("it starts");
        let mut line = String::new();
        let output = child.stdout.take().expect("its output");
        BufReader::new(output).read_line(&mut line).expect("a line");
        let address = line.trim().rsplit("http://").next().expect("an address").to_owned();
        Self { child, directory, address }
    }

    async fn asks(&self, traceparent: &str) -> String {
        let body =
            r#"{"model":"claude-haiku-4-5","messages":[{"role":"user","content":"canary"}]}"#;
        let request = format!(
            "POST /anthropic/v1/messages HTTP/1.1\r\nhost: {}\r\nx-api-key: {TOKEN}\r\n\
             traceparent: {traceparent}\r\ntracestate: canary=1\r\nbaggage: canary=1\r\n\
             content-type: application/json\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
            self.address,
            body.len()
        );
        let mut stream = TcpStream::connect(&self.address).await.expect("a connection");
        stream.write_all(request.as_bytes()).await.expect("written");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.expect("an answer");
        answer
    }

    /// Asks it to end, and waits: what it still has to send is sent then.
    async fn end(&mut self) {
        let id = self.child.id().to_string();
        assert!(Command::new("kill").args(["-TERM", &id]).status().expect("told").success());
        for _ in 0..1000 {
            if self.child.try_wait().expect("waits").is_some() {
                return;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("it does not end");
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
        drop(std::fs::remove_dir_all(&self.directory));
    }
}

/// The spans in what a collector got.
fn spans(got: &[String]) -> Vec<Value> {
    let mut spans = Vec::new();
    for request in got {
        let (head, body) = request.split_once("\r\n\r\n").expect("a body");
        assert!(head.starts_with("POST /v1/traces HTTP/1.1"), "{head}");
        let message: Value = serde_json::from_str(body).expect("JSON");
        let resource = &message["resourceSpans"][0];
        let service = &resource["resource"]["attributes"][0];
        assert_eq!(
            *service,
            json!({"key": "service.name", "value": {"stringValue": "teamclaw-sidecar"}})
        );
        let all = resource["scopeSpans"][0]["spans"].as_array().expect("spans");
        spans.extend(all.iter().cloned());
    }
    spans
}

#[tokio::test(flavor = "multi_thread")]
async fn a_span_is_within_its_clients_trace_and_the_provider_hears_nothing_of_it() {
    let provider = Server::new("200 OK", ANSWER).await;
    let collector = Server::new("200 OK", "{}").await;
    let mut running = Running::start("spans", &provider.address, &collector.address);
    for traceparent in
        [format!("00-{TRACE}-{SPAN}-01"), format!("00-{TRACE}-{SPAN}-00"), "canary".to_owned()]
    {
        let answer = running.asks(&traceparent).await;
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    }
    running.end().await;
    let spans = spans(&collector.got());
    assert_eq!(spans.len(), 2, "what its client does not keep is not sent: {spans:?}");
    let (within, alone) = (&spans[0], &spans[1]);
    assert_eq!(
        (within["traceId"].as_str(), within["parentSpanId"].as_str()),
        (Some(TRACE), Some(SPAN))
    );
    assert!(alone["traceId"] != TRACE && alone["parentSpanId"].is_null());
    assert_eq!(within["name"], "chat claude-haiku-4-5");
    let value = |name: &str| {
        let all = within["attributes"].as_array().expect("attributes");
        let found = all.iter().find(|attribute| attribute["key"] == name);
        found.unwrap_or_else(|| panic!("no {name}: {within}"))["value"].clone()
    };
    for (name, expected) in [
        ("gen_ai.operation.name", json!({"stringValue": "chat"})),
        ("gen_ai.provider.name", json!({"stringValue": "anthropic"})),
        ("gen_ai.request.model", json!({"stringValue": "claude-haiku-4-5"})),
        ("gen_ai.response.model", json!({"stringValue": "claude-haiku-4-5-20251001"})),
        ("gen_ai.usage.input_tokens", json!({"intValue": "3"})),
        ("gen_ai.usage.output_tokens", json!({"intValue": "2"})),
        ("http.response.status_code", json!({"intValue": "200"})),
    ] {
        assert_eq!(value(name), expected, "{name}");
    }
    let time = |name: &str| within[name].as_str().and_then(|t| t.parse::<u64>().ok());
    assert!(time("startTimeUnixNano") <= time("endTimeUnixNano"));
    assert!(time("startTimeUnixNano") > Some(1_700_000_000_000_000_000));
    let sent = collector.got().join("\n");
    assert!(!sent.contains("canary") && !sent.contains("agent"), "{sent}");
    let heard = provider.got().join("\n").to_ascii_lowercase();
    assert!(!heard.contains("traceparent") && !heard.contains("tracestate"), "{heard}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failed_request_is_a_failed_span() {
    let provider = Server::new("529 Overloaded", "{}").await;
    let collector = Server::new("200 OK", "{}").await;
    let mut running = Running::start("failed", &provider.address, &collector.address);
    assert!(running.asks(&format!("00-{TRACE}-{SPAN}-01")).await.starts_with("HTTP/1.1 529"));
    running.end().await;
    let spans = spans(&collector.got());
    assert_eq!(spans[0]["status"]["code"], 2);
    let attributes = spans[0]["attributes"].to_string();
    assert!(attributes.contains(r#"{"key":"error.type","value":{"stringValue":"529"}}"#));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_collector_that_is_away_or_refuses_holds_nobody_up() {
    let provider = Server::new("200 OK", ANSWER).await;
    let refusing = Server::new("500 No", "").await;
    for (name, collector) in [("away", "http://127.0.0.1:9"), ("refusing", &refusing.address)] {
        let mut running = Running::start(name, &provider.address, collector);
        for _ in 0..3 {
            let answer = running.asks("").await;
            assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
        }
        running.end().await;
        let usage = std::fs::read_to_string(running.directory.join("usage.jsonl"));
        assert_eq!(usage.expect("usage").lines().count(), 3, "the ledger has all");
    }
    assert!(!refusing.got().is_empty(), "it was tried");
}
