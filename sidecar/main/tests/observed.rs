//! The real program as its operator sees it: what is scraped is well formed and true, and neither
//! the scrape nor the log at its loudest nor any file holds a key, a token, a header or a body.

#[allow(missing_docs, unreachable_pub, reason = "shared with the library's own tests")]
#[path = "../../tests/support/exposition.rs"]
mod exposition;

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

/// Whatever must be seen nowhere holds this word.
const CANARY: &str = "canary";
const TOKEN: &str = "tc_canarytoken0123456789abcdef0123456789abcdef";
const OPERATOR: &str = "op_canarytoken0123456789abcdef0123456789abcdef";
/// Every provider, a path of it, and how its client sends the token; `?` is in the query.
const PROVIDERS: [(&str, &str, &str); 17] = [
    ("anthropic", "/v1/messages", "x-api-key"),
    ("anthropic-token", "/v1/messages", "authorization"),
    ("openai", "/v1/chat/completions", "authorization"),
    ("openai-codex", "/codex/responses", "authorization"),
    ("google", "/v1beta/models/gemini-2.5-flash:generateContent", "x-goog-api-key"),
    ("google", "/v1beta/models/gemini-2.5-flash:generateContent", "?"),
    ("openrouter", "/api/v1/chat/completions", "authorization"),
    ("mistral", "/v1/chat/completions", "authorization"),
    ("together", "/v1/chat/completions", "authorization"),
    ("groq", "/openai/v1/chat/completions", "authorization"),
    ("xai", "/v1/chat/completions", "authorization"),
    ("deepseek", "/chat/completions", "authorization"),
    ("fireworks", "/inference/v1/chat/completions", "authorization"),
    ("amazon-bedrock", "/model/some-model/converse", "authorization"),
    ("azure-openai", "/openai/v1/chat/completions", "api-key"),
    (
        "vertex",
        "/v1/projects/p/locations/l/publishers/google/models/gemini-2.5-flash:generateContent",
        "authorization",
    ),
    ("own", "/v1/messages", "x-api-key"),
];

/// The program, its files and its output; killed and removed when it is dropped.
struct Running {
    child: Child,
    directory: PathBuf,
    address: String,
    operator: String,
}

impl Running {
    async fn start(name: &str, provider: &str, format: &str) -> Self {
        let directory =
            std::env::temp_dir().join(format!("observed-{}-{name}", std::process::id()));
        std::fs::create_dir_all(&directory).expect("a directory");
        let write = |file: &str, text: String| {
            std::fs::write(directory.join(file), text).expect("written");
        };
        // A key of ChatGPT's form tells its account, as {"https://api.openai.com/auth":...} in base64.
        let account =
            "eyJodHRwczovL2FwaS5vcGVuYWkuY29tL2F1dGgiOnsiY2hhdGdwdF9hY2NvdW50X2lkIjoiYWNjdCJ9fQ";
        let keys = |id: &str| match id {
            "openai-codex" => [1, 2].map(|n| format!("eyJ9.{account}.{CANARY}{n}")),
            "anthropic-token" => [1, 2].map(|n| format!("sk-ant-oat01-{CANARY}-{n}")),
            _ => [1, 2].map(|n| format!("sk-{CANARY}-{id}-{n}")),
        };
        let pool: serde_json::Map<String, Value> =
            PROVIDERS.iter().map(|row| (row.0.to_owned(), json!({"keys": keys(row.0)}))).collect();
        write("keys.json", json!({"providers": pool}).to_string());
        let upstreams: String = PROVIDERS
            .iter()
            .filter(|row| row.0 != "own" && row.2 != "?")
            .map(|row| format!("{} = \"{provider}\"\n", row.0))
            .collect();
        let text = format!(
            "listen = \"127.0.0.1:0\"\noperator = \"127.0.0.1:0\"\nlog_format = \"{format}\"\n\
             keys = \"keys.json\"\nusage = \"usage.jsonl\"\n[upstreams]\n{upstreams}\
             [providers.own]\nbase_url = \"{provider}\"\nfamily = \"anthropic\"\n"
        );
        write("sidecar.toml", text);
        let file = |name: &str| File::create(directory.join(name)).expect("a file");
        let mut command = Command::new(env!("CARGO_BIN_EXE_teamclaw-sidecar"));
        command.current_dir(&directory).env_clear().args(["--config", "sidecar.toml"]);
        command.env("TEAMCLAW_TOKEN", TOKEN).env("TEAMCLAW_OPERATOR_TOKEN", OPERATOR);
        command.env("TEAMCLAW_LOG", "trace").stdout(file("stdout")).stderr(file("stderr"));
        let child = command.spawn().expect("it starts");
        let mut running =
            Self { child, directory, address: String::new(), operator: String::new() };
        for _ in 0..1000 {
            let said = running.read("stdout");
            let mut places = said.lines().filter_map(|line| line.split_once("http://"));
            if let (Some((_, first)), Some((_, second))) = (places.next(), places.next()) {
                (running.address, running.operator) = (first.to_owned(), second.to_owned());
                return running;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("it does not listen: {}", running.read("stderr"));
    }

    fn read(&self, file: &str) -> String {
        let bytes = std::fs::read(self.directory.join(file)).expect("a file");
        String::from_utf8_lossy(&bytes).into_owned()
    }

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

/// A provider that answers in turn well, with a refusal that repeats the key, and not at all.
async fn provider() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    tokio::spawn(async move {
        static TURN: AtomicUsize = AtomicUsize::new(0);
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let head = request(&mut stream).await;
                let (status, body) = match TURN.fetch_add(1, Ordering::Relaxed) % 3 {
                    0 => (
                        "200 OK",
                        json!({"model": "some-model", "answer": CANARY, "usage": {"input_tokens": 1,
                            "output_tokens": 2, "prompt_tokens": 1, "completion_tokens": 2}}),
                    ),
                    1 => ("401 Unauthorized", json!({"error": {"message": head}})),
                    _ => return,
                };
                let body = body.to_string();
                let answer = format!(
                    "HTTP/1.1 {status}\r\ncontent-type: application/json\r\nset-cookie: {CANARY}\r\n\
                     x-request-id: {CANARY}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
                    body.len()
                );
                // Whoever asked may have gone.
                let _gone = stream.write_all(answer.as_bytes()).await;
            });
        }
    });
    format!("http://{address}")
}

/// Reads a request; gives its head.
async fn request(stream: &mut TcpStream) -> String {
    let mut bytes = Vec::new();
    loop {
        let text = String::from_utf8_lossy(&bytes).into_owned();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head.lines().find_map(|line| {
                line.to_ascii_lowercase().strip_prefix("content-length: ")?.parse().ok()
            });
            if body.len() >= length.unwrap_or(0) {
                return head.to_owned();
            }
        }
        if stream.read_buf(&mut bytes).await.unwrap_or(0) == 0 {
            return text;
        }
    }
}

/// Sends these bytes and gives what comes back.
async fn said(address: &str, bytes: &str) -> String {
    let mut stream = TcpStream::connect(address).await.expect("a connection");
    stream.write_all(bytes.as_bytes()).await.expect("written");
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.expect("an answer");
    String::from_utf8_lossy(&answer).into_owned()
}

async fn asks(address: &str, (id, path, form): (&str, &str, &str), token: &str) -> String {
    let body = json!({"model": "some-model", "messages": [{"role": "user", "content": CANARY}],
        "contents": [{"parts": [{"text": CANARY}]}], "input": CANARY});
    let body = body.to_string();
    let (query, credential) = match form {
        "?" => (format!("?key={token}"), String::new()),
        "authorization" => (String::new(), format!("authorization: Bearer {token}\r\n")),
        name => (String::new(), format!("{name}: {token}\r\n")),
    };
    let head = format!(
        "POST /{id}{path}{query} HTTP/1.1\r\nhost: {address}\r\n{credential}\
         user-agent: {CANARY}\r\ncookie: {CANARY}\r\nx-other: {CANARY}\r\n\
         content-type: application/json\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
        body.len()
    );
    said(address, &(head + &body)).await
}

async fn scrape(running: &Running, accept: &str) -> String {
    let request = format!(
        "GET /metrics HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {OPERATOR}\r\n\
         accept: {accept}\r\nconnection: close\r\n\r\n"
    );
    let answer = said(&running.operator, &request).await;
    let (head, body) = answer.split_once("\r\n\r\n").expect("a body");
    assert!(head.starts_with("HTTP/1.1 200"), "{head}");
    body.to_owned()
}

/// Every file below a directory but what was put there for the program to read.
fn written(directory: &Path) -> Vec<(PathBuf, String)> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(directory).expect("a directory") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            found.extend(written(&path));
        } else if !path.ends_with("keys.json") {
            let bytes = std::fs::read(&path).expect("read");
            found.push((path, String::from_utf8_lossy(&bytes).into_owned()));
        }
    }
    found
}

async fn journey(name: &str) -> (Running, Vec<String>) {
    let format = if name == "json" { "json" } else { "text" };
    let mut running = Running::start(name, &provider().await, format).await;
    let mut good = 0;
    for _ in 0..3 {
        for row in PROVIDERS {
            let answer = asks(&running.address, row, TOKEN).await;
            assert!(!answer.starts_with("HTTP/1.1 404"), "{row:?}: {answer}");
            good += usize::from(answer.starts_with("HTTP/1.1 200"));
        }
    }
    assert!(good > PROVIDERS.len() / 2, "{good}");
    for row in PROVIDERS {
        let refused = asks(&running.address, row, &format!("{TOKEN}x")).await;
        assert!(refused.starts_with("HTTP/1.1 401"), "{row:?}: {refused}");
    }
    for odd in [
        format!(
            "GET /{CANARY}?key={CANARY} HTTP/1.1\r\nhost: {CANARY}\r\nconnection: close\r\n\r\n"
        ),
        format!("{CANARY} {CANARY}\r\n\r\n"),
        format!("POST /openai/v1/responses HTTP/1.1\r\n{CANARY} : {CANARY}\r\n\r\n"),
    ] {
        assert!(said(&running.address, &odd).await.starts_with("HTTP/1.1 4"), "{odd}");
        assert!(said(&running.operator, &odd).await.starts_with("HTTP/1.1 4"), "{odd}");
    }
    let scraped = vec![
        scrape(&running, "text/plain").await,
        scrape(&running, "application/openmetrics-text").await,
    ];
    running.end().await;
    (running, scraped)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_scrape_and_the_loudest_log_hold_no_key_token_header_or_body() {
    for format in ["text", "json"] {
        let (running, scraped) = journey(format).await;
        let files = written(&running.directory);
        assert!(files.len() > 4, "the outputs, the usage and its journal");
        let scraped = scraped.iter().map(|text| (PathBuf::from("/metrics"), text.clone()));
        for (path, text) in files.into_iter().chain(scraped) {
            let found = text.to_ascii_lowercase().find(CANARY);
            let around = found.map(|at| text.get(at.saturating_sub(300)..at + 50));
            assert_eq!(around, None, "{}", path.display());
        }
        let log = running.read("stderr");
        assert!(log.contains("TRACE") && log.contains("a provider did not answer"), "{log}");
        assert!(running.read("usage.jsonl").lines().count() > PROVIDERS.len());
        if format == "json" {
            for line in log.lines() {
                let event: Value = serde_json::from_str(line).expect("a line of JSON");
                let named = ["timestamp", "level", "message"].map(|name| event[name].is_string());
                assert_eq!(named, [true; 3], "{line}");
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_scraped_from_the_process_is_what_it_wrote_down() {
    let (running, scraped) = journey("scraped").await;
    let read = exposition::read(&scraped[0], false);
    let newer = exposition::read(&scraped[1], true);
    let name = |short: &str| format!("teamclaw_sidecar_{short}");
    let usage = running.read("usage.jsonl");
    let lines: Vec<Value> =
        usage.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    for read in [&read, &newer] {
        let tokens = read.sum(&name("tokens_total"), &[]);
        let written = |field: &str| -> u64 {
            lines.iter().filter_map(|line| line["data"][field].as_u64()).sum()
        };
        let all = written("gen_ai.usage.input_tokens") + written("gen_ai.usage.output_tokens");
        assert_eq!(tokens, all as f64);
        let pico = written("teamclaw.cost.pico_dollars") as f64;
        assert!((read.sum(&name("cost_dollars_total"), &[]) - pico / 1e12).abs() < 1e-9);
        let providers: std::collections::BTreeSet<&str> =
            PROVIDERS.iter().map(|row| row.0).collect();
        for id in providers {
            assert!(read.sum(&name("requests_total"), &[("provider", id)]) > 0.0, "{id}");
            let keys = read.sum(&name("key_state"), &[("provider", id)]);
            assert_eq!(keys, 2.0, "{id}: each key is in one state");
            assert!(read.sum(&name("keys_age_seconds"), &[("provider", id)]) < 600.0, "{id}");
        }
        let refused = read.sum(&name("refusals_total"), &[("code", "invalid_api_key")]);
        assert_eq!(refused, PROVIDERS.len() as f64);
        assert!(read.sum(&name("usage_journal_bytes"), &[]) > 0.0);
    }
}
