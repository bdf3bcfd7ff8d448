//! The real program: keys in by a file, a token in by the environment, usage out as lines.

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

use expect_test::expect;
use serde_json::Value;
use sidecar::stand_in::StandIn;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

const TOKEN: &str = "tc_0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
const KEY: &str = "sk-ant-pool-1";

/// A directory of its own for each test, gone afterwards.
struct Scratch(PathBuf);

impl Scratch {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("standalone-{}-{name}", std::process::id()));
        std::fs::create_dir_all(&path).expect("a directory");
        let keys = format!(r#"{{"providers":{{"anthropic":{{"keys":["{KEY}"]}}}}}}"#);
        std::fs::write(path.join("keys.json"), keys).expect("written");
        Self(path)
    }

    fn command(&self) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_teamclaw-sidecar"));
        command.current_dir(&self.0).env_clear();
        command
    }

    fn read(&self, file: &str) -> String {
        std::fs::read_to_string(self.0.join(file)).expect("a file")
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        drop(std::fs::remove_dir_all(&self.0));
    }
}

/// The program, killed when it is dropped.
struct Running {
    child: Child,
    address: String,
}

impl Running {
    fn start(mut command: Command) -> Self {
        let mut child = command.stdout(Stdio::piped()).spawn().expect("it starts");
        let mut line = String::new();
        let output = child.stdout.take().expect("its output");
        BufReader::new(output).read_line(&mut line).expect("a line");
        let address = line.trim().rsplit("http://").next().expect("an address").to_owned();
        Self { child, address }
    }

    /// Asks it to end.
    fn terminate(&self) {
        let id = self.child.id().to_string();
        let told = Command::new("kill").args(["-TERM", &id]).status().expect("told");
        assert!(told.success());
    }

    /// Asks it to end, and waits.
    fn end(mut self) -> std::process::ExitStatus {
        self.terminate();
        self.child.wait().expect("an end")
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

async fn provider() -> String {
    let stand_in = StandIn::new([events::Secret::new(KEY)]);
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    tokio::spawn(stand_in.serve(listener, std::future::pending::<()>()));
    format!("http://{address}")
}

async fn ask(address: &str, token: &str) -> String {
    let body = r#"{"model":"claude-haiku-4-5","max_tokens":9,"messages":[{"role":"user","content":"hi"}]}"#;
    let mut stream = TcpStream::connect(address).await.expect("a connection");
    let request = format!(
        "POST /anthropic/v1/messages HTTP/1.1\r\nhost: {address}\r\nx-api-key: {token}\r\n\
         content-type: application/json\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(request.as_bytes()).await.expect("written");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.expect("an answer");
    answer
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).trim().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_go_in_and_usage_comes_out() {
    let scratch = Scratch::new("journey");
    let provider = provider().await;
    let mut command = scratch.command();
    command.env("TEAMCLAW_TOKEN", TOKEN);
    command.args(["--listen", "127.0.0.1:0", "--keys", "keys.json", "--usage", "usage.jsonl"]);
    command.args(["--workspace", "ann", "--team", "research"]);
    command.args(["--upstream", &format!("anthropic={provider}")]);
    let running = Running::start(command);
    let answer = ask(&running.address, TOKEN).await;
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    let refused = ask(&running.address, "tc_wrong").await;
    assert!(refused.starts_with("HTTP/1.1 401"), "{refused}");
    assert!(running.end().success());

    let usage = scratch.read("usage.jsonl");
    assert!(!usage.contains(KEY) && !usage.contains(TOKEN));
    let lines: Vec<Value> =
        usage.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    let [line] = &lines[..] else { panic!("{usage}") };
    let data = &line["data"];
    expect![[r#""research/ann" "ai.usage.recorded.v1" "anthropic" "claude-haiku-4-5" "complete""#]]
        .assert_eq(&format!(
            "{} {} {} {} {}",
            line["subject"],
            line["type"],
            data["gen_ai.provider.name"],
            data["gen_ai.response.model"],
            data["teamclaw.completion"]
        ));
    assert!(data["gen_ai.usage.input_tokens"].as_u64() > Some(0), "{line}");
    assert!(data["teamclaw.cost.pico_dollars"].as_u64() > Some(0), "{line}");
    let journal = Path::new(&scratch.0).join("usage.jsonl.journal");
    assert!(journal.is_dir(), "what was under way outlives a kill");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_under_way_may_end_after_sigterm_and_its_usage_is_written() {
    let scratch = Scratch::new("sigterm");
    let provider = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let place = format!("anthropic=http://{}", provider.local_addr().expect("an address"));
    let mut command = scratch.command();
    command.env("TEAMCLAW_TOKEN", TOKEN).args(["--upstream", &place]);
    command.args(["--listen", "127.0.0.1:0", "--keys", "keys.json", "--usage", "usage.jsonl"]);
    let mut running = Running::start(command);
    let address = running.address.clone();
    let asking = tokio::spawn(async move { ask(&address, TOKEN).await });

    let (mut stream, _) = provider.accept().await.expect("a connection");
    let mut got = Vec::new();
    while !got.ends_with(b"}]}") {
        assert!(stream.read_buf(&mut got).await.expect("bytes") > 0);
    }
    let head = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\n";
    let first =
        "data: {\"type\":\"message_start\",\"message\":{\"usage\":{\"input_tokens\":7}}}\n\n";
    stream.write_all(format!("{head}{first}").as_bytes()).await.expect("written");
    running.terminate();
    // It takes nobody new from now on.
    while TcpStream::connect(&running.address).await.is_ok() {
        tokio::task::yield_now().await;
    }
    assert!(running.child.try_wait().expect("asked").is_none(), "it waits for the stream");
    let last = "data: {\"type\":\"message_delta\",\"usage\":{\"output_tokens\":3}}\n\n\
        data: {\"type\":\"message_stop\"}\n\n";
    stream.write_all(last.as_bytes()).await.expect("written");
    drop(stream);
    let answer = asking.await.expect("no panic");
    assert!(answer.contains("message_stop") && answer.ends_with("0\r\n\r\n"), "{answer}");
    assert!(running.child.wait().expect("an end").success());
    let line: Value = serde_json::from_str(&scratch.read("usage.jsonl")).expect("one line");
    let data = &line["data"];
    assert_eq!(data["teamclaw.completion"], "complete");
    assert_eq!(data["gen_ai.usage.input_tokens"], 7);
    assert_eq!(data["gen_ai.usage.output_tokens"], 3);
}

/// A kill or a full disk cuts a line; what comes next is no part of it.
#[tokio::test(flavor = "multi_thread")]
async fn a_line_that_was_cut_spoils_no_other() {
    for (before, odd) in [("{\"id\":\"cut", 1), ("{\"id\":1}\n", 0), ("{\"id\":1}", 0), ("", 0)] {
        let scratch = Scratch::new("cut");
        std::fs::write(scratch.0.join("usage.jsonl"), before).expect("written");
        let provider = provider().await;
        let mut command = scratch.command();
        command.env("TEAMCLAW_TOKEN", TOKEN);
        command.args(["--listen", "127.0.0.1:0", "--keys", "keys.json", "--usage", "usage.jsonl"]);
        command.args(["--upstream", &format!("anthropic={provider}")]);
        let running = Running::start(command);
        assert!(ask(&running.address, TOKEN).await.starts_with("HTTP/1.1 200"));
        assert!(running.end().success());
        let usage = scratch.read("usage.jsonl");
        let read = |line: &&str| serde_json::from_str::<Value>(line).is_ok();
        let (good, bad): (Vec<&str>, Vec<&str>) = usage.lines().partition(read);
        assert_eq!(bad.len(), odd, "{usage}");
        assert!(good.last().expect("a line").contains("ai.usage.recorded"), "{usage}");
    }
}

#[test]
fn what_is_missing_or_odd_is_said_with_what_to_do() {
    let scratch = Scratch::new("mistakes");
    let hash = "0".repeat(64);
    let twice = format!(
        "[[workspaces]]\nname = \"ann\"\ntoken_sha256 = \"{hash}\"\n\
         [[workspaces]]\nname = \"bob\"\ntoken_sha256 = \"{hash}\"\n"
    );
    std::fs::write(scratch.0.join("twice.toml"), twice).expect("written");
    let one = format!("[[workspaces]]\nname = \"ann\"\ntoken_sha256 = \"{hash}\"\n");
    let usual = "keys = \"keys.json\"\nusage = \"u\"\n";
    let roots = format!("tls_roots = \"keys.json\"\nupstream_http2 = true\n{usual}{one}");
    std::fs::write(scratch.0.join("roots.toml"), roots).expect("written");
    let never = format!("total_max = \"0s\"\n{usual}{one}");
    std::fs::write(scratch.0.join("never.toml"), never).expect("written");
    std::fs::write(scratch.0.join("odd.toml"), "lisen = \"x\"\n").expect("written");
    let forgetful = format!(
        "keys = \"keys.json\"\nusage = \"-\"\n[limits]\ndollars_per_day = \"5\"\n\
         [[workspaces]]\nname = \"ann\"\ntoken_sha256 = \"{hash}\"\n"
    );
    std::fs::write(scratch.0.join("forgetful.toml"), forgetful).expect("written");
    let unlimited = "[limits]\ntokens_per_minute = 0\n";
    std::fs::write(scratch.0.join("unlimited.toml"), unlimited).expect("written");
    let mut all = String::new();
    for (token, arguments) in [
        (None, "--keys keys.json --usage u"),
        (Some("short"), "--keys keys.json --usage u"),
        (Some(TOKEN), "--usage u"),
        (Some(TOKEN), "--keys keys.json"),
        (Some(TOKEN), "--keys keys.json --usage u --upstream anthropic"),
        (None, "--config twice.toml"),
        (None, "--config odd.toml"),
        (None, "--config none.toml"),
        (None, "--config roots.toml"),
        (None, "--config never.toml"),
        (None, "--config forgetful.toml"),
        (None, "--config unlimited.toml"),
        (Some(TOKEN), "--keys keys.json --usage u --upstream opnai=https://x"),
    ] {
        let mut command = scratch.command();
        if let Some(token) = token {
            command.env("TEAMCLAW_TOKEN", token);
        }
        command.args(["--listen", "127.0.0.1:0"]).args(arguments.split(' '));
        let output = command.output().expect("it ran");
        assert_eq!(output.status.code(), Some(2), "{arguments}");
        all += &format!("$ {arguments}\n{}\n", said(&output));
    }
    expect![[r#"
        $ --keys keys.json --usage u
        teamclaw-sidecar: no workspace: nobody may ask: set TEAMCLAW_TOKEN, or add [[workspaces]] to the configuration
        $ --keys keys.json --usage u
        teamclaw-sidecar: TEAMCLAW_TOKEN: it is shorter than 32: try tc_$(openssl rand -hex 32)
        $ --usage u
        teamclaw-sidecar: no --keys FILE: see --help for examples
        $ --keys keys.json
        teamclaw-sidecar: no --usage FILE: see --help for examples
        $ --keys keys.json --usage u --upstream anthropic
        teamclaw-sidecar: --upstream: it must look like anthropic=https://host/path
        $ --config twice.toml
        teamclaw-sidecar: workspace bob: it has the token of ann; each needs its own
        $ --config odd.toml
        teamclaw-sidecar: the configuration odd.toml: TOML parse error at line 1, column 1
          |
        1 | lisen = "x"
          | ^^^^^
        unknown field `lisen`, expected one of `listen`, `keys`, `usage`, `journal`, `when_full`, `host_names`, `strategy`, `keys_believed`, `total_max`, `upstream_http2`, `tls_roots`, `upstreams`, `token_endpoints`, `providers`, `limits`, `operator`, `operator_token_sha256`, `log_format`, `collector`, `workspaces`
        $ --config none.toml
        teamclaw-sidecar: the configuration none.toml: No such file or directory (os error 2)
        $ --config roots.toml
        teamclaw-sidecar: the sidecar cannot start: the root certificates in keys.json cannot be used: there is no certificate in it
        $ --config never.toml
        teamclaw-sidecar: total_max: no answer takes no time
        $ --config forgetful.toml
        teamclaw-sidecar: workspace ann: limits by the day or month need a file of usage, in which a restarted sidecar finds what was used: --usage FILE
        $ --config unlimited.toml
        teamclaw-sidecar: the configuration unlimited.toml: TOML parse error at line 2, column 21
          |
        2 | tokens_per_minute = 0
          |                     ^
        invalid value: integer `0`, expected a nonzero u64
        $ --keys keys.json --usage u --upstream opnai=https://x
        teamclaw-sidecar: the sidecar cannot start: there is no provider "opnai": known are anthropic, anthropic-token, openai, openai-codex, google, openrouter, mistral, together, groq, xai, deepseek, fireworks, amazon-bedrock, azure-openai, vertex
    "#]].assert_eq(&all);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_has_limits_and_a_restart_keeps_what_was_spent() {
    let scratch = Scratch::new("limits");
    let provider = provider().await;
    let other = "tc_ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff";
    let hash = events::token::token_hash;
    let text = format!(
        "listen = \"127.0.0.1:0\"\nkeys = \"keys.json\"\nusage = \"usage.jsonl\"\n\
         [upstreams]\nanthropic = \"{provider}\"\n[limits]\ntokens_per_day = 1\n\
         [[workspaces]]\nname = \"ann\"\ntoken_sha256 = \"{}\"\n\
         [[workspaces]]\nname = \"bob\"\ntoken_sha256 = \"{}\"\n\
         limits = {{ tokens_per_day = 1000000, models_denied = [\"*/claude-opus*\"] }}\n",
        hash(TOKEN),
        hash(other)
    );
    std::fs::write(scratch.0.join("sidecar.toml"), text).expect("written");
    let mut answers = Vec::new();
    for _ in 0..2 {
        let mut command = scratch.command();
        command.args(["--config", "sidecar.toml"]);
        let running = Running::start(command);
        for token in [TOKEN, other] {
            let answer = ask(&running.address, token).await;
            answers.push(answer.lines().next().expect("a status").to_owned());
        }
        assert!(running.end().success());
    }
    let (fine, spent) = ("HTTP/1.1 200 OK", "HTTP/1.1 402 Payment Required");
    assert_eq!(answers, [fine, fine, spent, fine]);
}

#[test]
fn a_check_says_what_would_run_and_runs_nothing() {
    let scratch = Scratch::new("check");
    let hash = "0".repeat(64);
    let text = format!(
        "keys = \"keys.json\"\nusage = \"usage.jsonl\"\n\
         [[workspaces]]\nname = \"ann\"\nteam = \"research\"\ntoken_sha256 = \"{hash}\"\n"
    );
    std::fs::write(scratch.0.join("sidecar.toml"), text).expect("written");
    let output = scratch.command().args(["--config", "sidecar.toml", "--check"]).output();
    let output = output.expect("it ran");
    assert!(output.status.success(), "{}", said(&output));
    expect![[r#"
        listen     127.0.0.1:4141
        keys       keys.json
        usage      usage.jsonl
        journal    usage.jsonl.journal
        workspaces ann
        operator   nowhere
    "#]]
    .assert_eq(&String::from_utf8_lossy(&output.stdout));
    assert!(!scratch.0.join("usage.jsonl").exists());
}
