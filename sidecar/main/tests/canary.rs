//! A whole journey of the real program with a canary in the place of every secret: then everything
//! that it said, wrote and showed is searched for each of them. Where one may be is a table; all else
//! is a leak.

mod support;

use std::path::Path;

use support::{Running, Scratch, ask, post, provider};
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;

const KEY: &str = "sk-ant-canary-key-good-5f3a";
/// The provider does not know this one, and says it aloud.
const STALE: &str = "sk-ant-canary-key-stale-77b1";
const TOKEN: &str = "tc_canarytoken0123456789abcdef0123456789abcdef";
const WRONG: &str = "tc_canarywrong0123456789abcdef0123456789abcdef";
const PROMPT: &str = "canary-prompt-9d21";
const ANSWER: &str = "canary-answer-c08e";
const ERROR: &str = "canary-error-41aa";
const HEADER: &str = "canary-header-e7d0";
const AGENT: &str = "canary-user-agent-20bb";
const COOKIE: &str = "canary-cookie-6c6c";
const PATH: &str = "canary-path-3141";
const PLACE: &str = "canary-place-8f8f";

const ALL: [&str; 12] =
    [KEY, STALE, TOKEN, WRONG, PROMPT, ANSWER, ERROR, HEADER, AGENT, COOKIE, PATH, PLACE];

/// Where each may be, besides the files that somebody put there.
fn may(output: &str, canary: &str) -> bool {
    match output {
        // What the provider said to the client.
        "answers" => [ANSWER, ERROR].contains(&canary),
        // What the provider was sent.
        "provider" => [KEY, STALE, PROMPT, AGENT].contains(&canary),
        // Where it was given.
        "environment with the token in it" => canary == TOKEN,
        _ => false,
    }
}

/// An output, and what was in it.
type Outputs = Vec<(String, Vec<u8>)>;

fn search(outputs: &Outputs) {
    let mut hits = 0;
    for (output, bytes) in outputs {
        for canary in ALL {
            let found = bytes.windows(canary.len()).any(|window| window == canary.as_bytes());
            assert!(!found || may(output, canary), "{canary} is in {output}");
            hits += usize::from(found);
        }
    }
    // The search finds what is there.
    assert!(hits >= 6, "{hits} canaries were seen at all: the journey went nowhere");
}

/// Every file below a directory, but those that the test put there.
fn files(directory: &Path, outputs: &mut Outputs) {
    for entry in std::fs::read_dir(directory).expect("readable") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            files(&path, outputs);
        } else if !["keys.json", "sidecar.toml"].iter().any(|given| path.ends_with(given)) {
            let name = path.strip_prefix(directory).expect("below").display().to_string();
            outputs.push((format!("the file {name}"), std::fs::read(&path).expect("readable")));
        }
    }
}

fn json(status: &str, headers: &str, body: &str) -> String {
    format!(
        "HTTP/1.1 {status}\r\ncontent-type: application/json\r\n{headers}content-length: {}\r\n\
         connection: close\r\n\r\n{body}",
        body.len()
    )
}

/// What the provider does is asked for by the model's name.
async fn act(mut stream: TcpStream, request: String) {
    if request.contains(STALE) {
        let echo =
            format!(r#"{{"error":{{"type":"authentication_error","message":"bad {STALE}"}}}}"#);
        let headers = format!("x-request-id: {STALE}\r\n");
        let answer = json("401 Unauthorized", &headers, &echo);
        let _gone = stream.write_all(answer.as_bytes()).await;
        return;
    }
    let usage = r#""usage":{"input_tokens":3,"output_tokens":2}"#;
    let good =
        format!(r#"{{"model":"m","content":[{{"type":"text","text":"{ANSWER}"}}],{usage}}}"#);
    let leaks = format!(
        "set-cookie: {COOKIE}\r\nserver: {PLACE}\r\nx-request-id: of {KEY}\r\nlocation: {PLACE}\r\n"
    );
    let begun = format!(
        "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\nevent: message_start\n\
         data: {{\"type\":\"message_start\",\"message\":{{\"model\":\"m\",{usage}}}}}\n\n\
         data: {{\"type\":\"content_block_delta\",\"delta\":{{\"text\":\"{ANSWER}\"}}}}\n\n"
    );
    let error = format!(r#"{{"error":{{"message":"{ERROR} and {KEY}"}}}}"#);
    let asked = |model: &str| request.contains(&format!("\"{model}\""));
    let answer = match () {
        () if asked("m-stream") => format!("{begun}data: {{\"type\":\"message_stop\"}}\n\n"),
        () if asked("m-cut") => begun,
        () if asked("m-hang") => {
            let _gone = stream.write_all(begun.as_bytes()).await;
            std::future::pending::<()>().await;
            return;
        }
        () if asked("m-400") => json("400 Bad Request", &leaks, &error),
        () if asked("m-500") => json("500 Trouble", &leaks, &error),
        () if asked("m-302") => json("302 Found", &leaks, "{}"),
        () if asked("m-none") => format!("{PLACE} is no HTTP\r\n\r\n"),
        () => json("200 OK", &leaks, &good),
    };
    let _gone = stream.write_all(answer.as_bytes()).await;
}

/// What a client does that means no harm, and what others do.
fn requests() -> Vec<String> {
    let own = format!(
        "x-api-key: {TOKEN}\r\nx-secret: {HEADER}\r\nuser-agent: {AGENT}\r\ncookie: {COOKIE}\r\n"
    );
    let body = |model: &str| {
        format!(
            r#"{{"model":"{model}","stream":true,"messages":[{{"role":"user","content":"{PROMPT}"}}]}}"#
        )
    };
    let messages = "/anthropic/v1/messages";
    let mut all: Vec<String> =
        ["m-ok", "m-stream", "m-cut", "m-400", "m-500", "m-302", "m-none", "m-ok"]
            .map(|model| post(messages, &own, &body(model)))
            .into();
    let good = body("m-ok");
    let wrong = own.replace(TOKEN, WRONG);
    let in_query = format!("/google/v1beta/models/g:generateContent?key={TOKEN}");
    all.extend([
        post(&in_query, "", &good),
        post(messages, &wrong, &good),
        post(messages, &format!("authorization: Bearer {TOKEN}\r\n{wrong}"), &good),
        post(&format!("/anthropic/v1/{PATH}"), &own, &good),
        post(&format!("/{PATH}/v1/messages"), &own, &good),
        post(&format!("/anthropic/../{PATH}"), &own, &good),
        post(&format!("{messages}?{PATH}=1"), &own, &good),
        post(&format!("{messages}?key={TOKEN}"), &own, &good),
        post(messages, &own, &format!("{{\"{PROMPT}")),
        post(messages, &own, &format!("[\"{PROMPT}\"]")),
        post(messages, &own, &good).replace("localhost", &format!("{HEADER}.example")),
        post(messages, &format!("{own}upgrade: {HEADER}\r\n"), &good),
        post(messages, &format!("{own}x y: {HEADER}\r\n"), &good),
        format!("GET http://{PLACE}/ HTTP/1.1\r\nhost: {PLACE}\r\nconnection: close\r\n\r\n"),
    ]);
    all
}

#[tokio::test(flavor = "multi_thread")]
async fn no_canary_is_where_it_must_not_be() {
    let scratch = Scratch::new("canary");
    let (heard, mut all_heard) = tokio::sync::mpsc::unbounded_channel::<String>();
    let base = provider(move |stream, request| {
        let _test_over = heard.send(request.clone());
        act(stream, request)
    })
    .await;
    let keys = format!(r#"["{STALE}","{KEY}"]"#);
    let pool =
        format!(r#"{{"providers":{{"anthropic":{{"keys":{keys}}},"google":{{"keys":{keys}}}}}}}"#);
    scratch.put("keys.json", &pool);
    let hash = events::token::token_hash(TOKEN);
    let config = format!(
        "listen = \"127.0.0.1:0\"\nkeys = \"keys.json\"\nusage = \"usage.jsonl\"\n\
         [upstreams]\nanthropic = \"{base}\"\ngoogle = \"{base}\"\n\
         [[workspaces]]\nname = \"ann\"\ntoken_sha256 = \"{hash}\"\n"
    );
    scratch.put("sidecar.toml", &config);
    let log = ("TEAMCLAW_LOG", "trace");
    let mut outputs = Outputs::new();

    // The first one is killed in the midst of an answer.
    let running = Running::start(&scratch.0, &["--config", "sidecar.toml"], &[log]);
    let mut answers = Vec::new();
    for request in requests() {
        answers.extend(ask(&running.address, &request).await);
    }
    let mut hanging = TcpStream::connect(&running.address).await.expect("a connection");
    let hang = requests()[0].replace("m-ok", "m-hang");
    hanging.write_all(hang.as_bytes()).await.expect("written");
    hanging.readable().await.expect("an answer begins");
    outputs.push(("the command line".to_owned(), running.proc("cmdline")));
    outputs.push(("the environment".to_owned(), running.proc("environ")));
    files(&scratch.0, &mut outputs);
    let [output, errors] = running.end("-KILL");
    assert!(errors.len() > 1000, "it spoke of everything: {}", String::from_utf8_lossy(&errors));
    outputs.push(("standard output".to_owned(), output));
    outputs.push(("standard error".to_owned(), errors));

    // The second one counts what the first left, and has its token in the environment.
    let arguments = ["--listen", "127.0.0.1:0", "--keys", "keys.json", "--usage", "usage.jsonl"];
    let upstream = format!("anthropic={base}");
    let arguments = [&arguments[..], &["--upstream", &upstream]].concat();
    let running = Running::start(&scratch.0, &arguments, &[log, ("TEAMCLAW_TOKEN", TOKEN)]);
    answers.extend(ask(&running.address, &requests()[1]).await);
    outputs.push(("the command line, again".to_owned(), running.proc("cmdline")));
    outputs.push(("environment with the token in it".to_owned(), running.proc("environ")));
    let [output, errors] = running.end("-TERM");
    outputs.push(("standard output, again".to_owned(), output));
    outputs.push(("standard error, again".to_owned(), errors));
    files(&scratch.0, &mut outputs);
    let usage = std::fs::read_to_string(scratch.0.join("usage.jsonl")).expect("a file");
    assert!(usage.lines().count() >= 9, "{usage}");
    outputs.push(("answers".to_owned(), answers));

    let mut provider = Vec::new();
    while let Ok(request) = all_heard.try_recv() {
        provider.extend(request.into_bytes());
    }
    outputs.push(("provider".to_owned(), provider));
    search(&outputs);
}
