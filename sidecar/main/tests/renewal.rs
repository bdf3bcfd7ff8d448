//! OAuth tokens of the pool's file, renewed by the real program at a token endpoint of a few lines.

use std::io::{BufRead as _, BufReader, Read as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use events::{Secret, token::key_print};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use sidecar::stand_in::StandIn;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

const LEASE: &str = "tc_0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
const OLD: &str = "sk-ant-oat01-old";
const NEW: &str = "sk-ant-oat01-new";
const RENEWED: &str =
    r#"{"access_token":"sk-ant-oat01-new","refresh_token":"r2","expires_in":3600}"#;
/// Ten would not be its last minutes.
const LAST_MINUTES: SignedDuration = SignedDuration::from_mins(2);

/// A pool's file, a provider, a token endpoint, and the program between them; gone afterwards.
struct Place {
    path: PathBuf,
    child: Child,
    /// Kept open, or the program could not write to it.
    _output: BufReader<ChildStdout>,
    address: String,
    stand_in: Arc<StandIn>,
    asked: Arc<Mutex<Vec<Value>>>,
}

async fn listener() -> (TcpListener, String) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    (listener, format!("http://{address}"))
}

/// Reads one request with a length, and gives its body.
async fn body_of(stream: &mut TcpStream) -> String {
    let mut got = Vec::new();
    loop {
        let text = String::from_utf8_lossy(&got).into_owned();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head.to_ascii_lowercase();
            let length = length.split("content-length: ").nth(1).expect("a length");
            let length: usize = length.lines().next().expect("a line").parse().expect("a number");
            if body.len() >= length {
                return body.to_owned();
            }
        }
        assert!(stream.read_buf(&mut got).await.expect("read") > 0, "{text}");
    }
}

impl Place {
    /// The pool holds the old token, which ends then; the endpoint gives this answer each time,
    /// after it has done what `before` says to the pool's file.
    async fn new(
        name: &str,
        ends: Value,
        takes: &[&str],
        answer: (u16, &'static str),
        before: fn(&Path),
    ) -> Self {
        let path = std::env::temp_dir().join(format!("renewal-{}-{name}", std::process::id()));
        std::fs::create_dir_all(&path).expect("a directory");
        let keys = json!({"providers": {"anthropic-token": {"authType": "oauthToken",
            "accessToken": OLD, "refreshToken": "r1", "expiresAt": ends}}});
        std::fs::write(path.join("keys.json"), keys.to_string()).expect("written");
        let owner_alone = std::fs::Permissions::from_mode(0o600);
        std::fs::set_permissions(path.join("keys.json"), owner_alone).expect("closed");
        let stand_in = StandIn::new(takes.iter().copied().map(Secret::new));
        let (upstream, upstream_url) = listener().await;
        tokio::spawn(Arc::clone(&stand_in).serve(upstream, std::future::pending::<()>()));
        let (endpoint, endpoint_url) = listener().await;
        let asked = Arc::new(Mutex::new(Vec::new()));
        let (kept, file) = (Arc::clone(&asked), path.join("keys.json"));
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = endpoint.accept().await {
                let question = serde_json::from_str(&body_of(&mut stream).await).expect("JSON");
                kept.lock().expect("no panic").push(question);
                before(&file);
                let (status, body) = answer;
                let answer = format!(
                    "HTTP/1.1 {status} X\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
                    body.len()
                );
                stream.write_all(answer.as_bytes()).await.expect("written");
            }
        });
        let config = format!(
            "listen = \"127.0.0.1:0\"\nkeys = \"keys.json\"\nusage = \"usage.jsonl\"\n\
             keys_believed = \"0s\"\n[upstreams]\nanthropic-token = \"{upstream_url}\"\n\
             [token_endpoints]\nanthropic-token = \"{endpoint_url}/v1/oauth/token\"\n"
        );
        std::fs::write(path.join("sidecar.toml"), config).expect("written");
        let mut command = Command::new(env!("CARGO_BIN_EXE_teamclaw-sidecar"));
        command.current_dir(&path).env_clear().env("TEAMCLAW_TOKEN", LEASE);
        command.args(["--config", "sidecar.toml"]).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("it starts");
        let mut output = BufReader::new(child.stdout.take().expect("its output"));
        let mut line = String::new();
        output.read_line(&mut line).expect("a line");
        let address = line.trim().rsplit("http://").next().expect("an address").to_owned();
        Self { path, child, _output: output, address, stand_in, asked }
    }

    async fn ask(&self) -> String {
        ask(self.address.clone()).await
    }

    /// How often the endpoint was asked; each time with the refresh token of the file.
    fn asked(&self) -> usize {
        let asked = self.asked.lock().expect("no panic");
        for question in &*asked {
            assert_eq!(question["grant_type"], "refresh_token");
            assert_eq!(question["refresh_token"], "r1");
        }
        asked.len()
    }

    fn pool(&self) -> Value {
        let text = std::fs::read_to_string(self.path.join("keys.json")).expect("a file");
        let pool: Value = serde_json::from_str(&text).expect("JSON");
        pool["providers"]["anthropic-token"].clone()
    }

    /// Ends the program, and gives its log, in which no token is.
    fn end(mut self) -> String {
        let id = self.child.id().to_string();
        assert!(Command::new("kill").args(["-TERM", &id]).status().expect("told").success());
        assert!(self.child.wait().expect("an end").success());
        let mut log = String::new();
        let trouble = self.child.stderr.take().expect("its log");
        BufReader::new(trouble).read_to_string(&mut log).expect("text");
        for secret in [OLD, NEW, "r1", "r2", LEASE] {
            assert!(!log.contains(secret), "{log}");
        }
        log
    }

    /// Ends the program, and gives what it wrote into this file.
    fn end_with(self, file: &Path) -> String {
        let kept = self.path.join("kept");
        std::fs::hard_link(file, &kept).expect("kept");
        let text = std::fs::File::open(&kept).expect("a file");
        drop(self.end());
        let mut whole = String::new();
        BufReader::new(text).read_to_string(&mut whole).expect("text");
        whole
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
        drop(std::fs::remove_dir_all(&self.path));
    }
}

async fn ask(address: String) -> String {
    let body = r#"{"model":"claude-haiku-4-5","max_tokens":9,"messages":[{"role":"user","content":"hi"}]}"#;
    let mut stream = TcpStream::connect(&address).await.expect("a connection");
    let request = format!(
        "POST /anthropic-token/v1/messages HTTP/1.1\r\nhost: {address}\r\nx-api-key: {LEASE}\r\n\
         content-type: application/json\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(request.as_bytes()).await.expect("written");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.expect("an answer");
    answer
}

fn nothing(_: &Path) {}

/// By the wall's clock, as the pool says it.
fn soon() -> Value {
    #[expect(
        clippy::disallowed_methods,
        reason = "the program that is tested has the wall's clock"
    )]
    let now = Timestamp::now();
    json!(now.checked_add(LAST_MINUTES).expect("a time").as_millisecond())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_has_ended_is_renewed_once_before_all_who_wait_are_answered() {
    // In seconds, as some programs write it.
    let place = Place::new("ended", json!(1_700_000_000), &[NEW], (200, RENEWED), nothing).await;
    let mut all = JoinSet::new();
    for _ in 0..8 {
        all.spawn(ask(place.address.clone()));
    }
    while let Some(answer) = all.join_next().await {
        let answer = answer.expect("no panic");
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    }
    assert_eq!(place.asked(), 1);
    let pool = place.pool();
    let lineage = key_print(&Secret::new(OLD)).0;
    assert_eq!((&pool["accessToken"], &pool["refreshToken"]), (&json!(NEW), &json!("r2")));
    assert_eq!(pool["lineage"], lineage, "the key is still the same key");
    let usage = place.path.join("usage.jsonl");
    assert_eq!(place.stand_in.ledger().total().answered, 8);
    assert_eq!(place.end_with(&usage).matches(&lineage).count(), 8);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_in_its_last_minutes_serves_while_the_next_one_is_fetched() {
    let place = Place::new("soon", soon(), &[OLD, NEW], (200, RENEWED), nothing).await;
    assert!(place.ask().await.starts_with("HTTP/1.1 200"));
    for _ in 0..500 {
        if place.pool()["accessToken"] == NEW {
            break;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert!(place.ask().await.starts_with("HTTP/1.1 200"));
    assert_eq!(place.asked(), 1);
    let ledger = place.stand_in.ledger();
    let by = |token: &str| ledger.keys.contains_key(&key_print(&Secret::new(token)));
    assert!(by(OLD) && by(NEW), "{ledger:?}");
    assert_eq!(place.end(), "");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_renewal_is_said_and_the_key_is_left_alone_once_it_has_ended() {
    let refusal = (400, r#"{"error":"invalid_grant","error_description":"r1 is spent"}"#);
    let place =
        Place::new("refused", json!("2026-01-01T00:00:00Z"), &[NEW], refusal, nothing).await;
    for _ in 0..3 {
        let answer = place.ask().await;
        assert!(answer.contains("does not accept the pool's key"), "{answer}");
    }
    assert_eq!(place.asked(), 1, "it is not asked for each request");
    assert!(place.stand_in.ledger().strangers <= 2, "nor is the provider");
    let log = place.end();
    assert!(log.contains("renewal is refused") && log.contains("invalid_grant"), "{log}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_endpoint_in_trouble_leaves_the_token_in_force() {
    let place = Place::new("trouble", soon(), &[OLD], (503, "down"), nothing).await;
    for _ in 0..3 {
        assert!(place.ask().await.starts_with("HTTP/1.1 200"));
    }
    for _ in 0..500 {
        if place.asked() > 0 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert_eq!(place.asked(), 1);
    assert_eq!(place.pool()["accessToken"], OLD);
    place.end();
}

#[tokio::test(flavor = "multi_thread")]
async fn who_comes_second_takes_what_the_first_one_got() {
    fn first(file: &Path) {
        let text = std::fs::read_to_string(file).expect("a file");
        let text = text.replace(OLD, NEW).replace("r1", "r2").replace("1700000000", "4000000000");
        std::fs::write(file, text).expect("written");
    }
    let spent = (400, r#"{"error":"invalid_grant"}"#);
    let place = Place::new("second", json!(1_700_000_000), &[NEW], spent, first).await;
    let answer = place.ask().await;
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    assert_eq!(place.asked(), 1);
    assert_eq!(place.end(), "", "nothing is wrong");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_cannot_be_written_back_serves_from_memory() {
    fn in_the_way(file: &Path) {
        std::fs::create_dir_all(file.with_added_extension("new")).expect("in the way");
    }
    let ended = json!("1700000000000");
    let place = Place::new("unwritten", ended, &[NEW], (200, RENEWED), in_the_way).await;
    for _ in 0..3 {
        let answer = place.ask().await;
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    }
    assert_eq!(place.asked(), 1);
    assert_eq!(place.pool()["accessToken"], OLD);
    let log = place.end();
    assert!(log.contains("could not be written into"), "{log}");
}
