//! Where the cases play: a sidecar with every provider of the table and two of the company's own,
//! all at one recorder, and a client that sends bytes as they are.

use std::collections::BTreeMap;
use std::time::Duration;

use sidecar::stand_in::StandIn;
use sidecar::{Config, CustomProvider, Family};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::support::recorder::Recorder;
use crate::support::rig::Rig;
use crate::support::strict::{self, Message};

/// The pool's key. In the form of a ChatGPT token, because one provider takes nothing else.
pub(crate) const KEY: &str = "poolkey.eyJodHRwczovL2FwaS5vcGVuYWkuY29tL2F1dGgiOnsiY2hhdGdwdF9hY2NvdW50X2lkIjoiYWNjLTEifX0.c4n4ry";
/// Ann's token, as the rig gives it.
pub(crate) const TOKEN: &str = "tc_ann";

/// A path of each provider that is served, by POST.
pub(crate) const SERVED: [(&str, &str); 17] = [
    ("anthropic", "/v1/messages"),
    ("anthropic-token", "/v1/messages"),
    ("openai", "/v1/chat/completions"),
    ("openai-codex", "/responses"),
    ("google", "/v1beta/models/gemini-2.5-flash:generateContent"),
    ("openrouter", "/api/v1/chat/completions"),
    ("mistral", "/v1/chat/completions"),
    ("together", "/v1/chat/completions"),
    ("groq", "/openai/v1/chat/completions"),
    ("xai", "/v1/chat/completions"),
    ("deepseek", "/v1/chat/completions"),
    ("fireworks", "/inference/v1/chat/completions"),
    ("amazon-bedrock", "/model/amazon.nova-lite-v1:0/converse"),
    ("azure-openai", "/openai/deployments/ours/chat/completions"),
    ("vertex", "/v1/projects/p/locations/l/publishers/google/models/m:generateContent"),
    ("acme", "/v1/chat/completions"),
    ("claude-acme", "/v1/messages"),
];

/// A good answer that any API can be metered by.
pub(crate) fn ok() -> String {
    answer("200 OK", "", r#"{"model":"m","usage":{"input_tokens":1,"output_tokens":1}}"#)
}

/// An answer that keeps the connection.
pub(crate) fn answer(status: &str, headers: &str, body: &str) -> String {
    format!(
        "HTTP/1.1 {status}\r\ncontent-type: application/json\r\n{headers}content-length: {}\r\n\r\n{body}",
        body.len()
    )
}

/// The sidecar and the one place of all its providers.
pub(crate) struct Site {
    pub(crate) provider: Recorder,
    pub(crate) rig: Rig,
}

impl Site {
    /// A site whose provider answers well.
    pub(crate) async fn new() -> Self {
        let provider = Recorder::new(ok()).await;
        let base = format!("http://{}", provider.address);
        let table = SERVED.iter().filter(|(id, _)| !id.contains("acme"));
        let upstreams = table.map(|(id, _)| ((*id).to_owned(), base.clone())).collect();
        let own = |family| CustomProvider { base_url: format!("{base}/own"), family };
        let providers = BTreeMap::from([
            ("acme".to_owned(), own(Family::OpenAi)),
            ("claude-acme".to_owned(), own(Family::Anthropic)),
        ]);
        let config = Config { upstreams, providers, ..Config::default() };
        let rig = Rig::with(config, provider.address, StandIn::new([]), &[KEY]).await;
        Self { provider, rig }
    }

    /// Sends exactly these bytes, and gives every answer that came before the sidecar closed.
    /// Fails when it does not close.
    pub(crate) async fn send(&self, bytes: &[u8]) -> Vec<Message> {
        let all = self.raw(bytes).await;
        let text = String::from_utf8_lossy(&all);
        assert!(!text.contains("poolkey") && !text.contains("c4n4ry"), "the key is out: {text}");
        strict::answers(&all).unwrap_or_else(|why| panic!("{why}: {text}"))
    }

    /// The same, as bytes.
    pub(crate) async fn raw(&self, bytes: &[u8]) -> Vec<u8> {
        let mut stream = TcpStream::connect(self.rig.address).await.expect("a connection");
        // It may close before all is written; what it answered can be read all the same.
        let _cut = stream.write_all(bytes).await;
        let mut all = Vec::new();
        let read = stream.read_to_end(&mut all);
        let ended = tokio::time::timeout(Duration::from_secs(20), read).await;
        let told = String::from_utf8_lossy(bytes);
        // A reset after the answer is as good an end as any.
        let _reset = ended.unwrap_or_else(|_| panic!("it does not close after {told:?}"));
        all
    }

    /// Sends these bytes and hangs up; waits until the sidecar has done so too.
    pub(crate) async fn cut(&self, bytes: &[u8]) {
        let mut stream = TcpStream::connect(self.rig.address).await.expect("a connection");
        stream.write_all(bytes).await.expect("written");
        stream.shutdown().await.expect("hung up");
        let mut rest = Vec::new();
        let read = stream.read_to_end(&mut rest);
        let ended = tokio::time::timeout(Duration::from_secs(20), read).await;
        let _reset = ended.expect("it closes");
    }

    /// One request of this first line and these headers, closed after it, with Ann's token.
    pub(crate) async fn ask(&self, line: &[u8], headers: &[u8], body: &str) -> Message {
        let host = self.rig.address.to_string();
        let mut bytes = line.to_vec();
        bytes.extend_from_slice(
            format!(" HTTP/1.1\r\nhost: {host}\r\nx-api-key: {TOKEN}\r\n").as_bytes(),
        );
        bytes.extend_from_slice(headers);
        let tail = format!("connection: close\r\ncontent-length: {}\r\n\r\n{body}", body.len());
        bytes.extend_from_slice(tail.as_bytes());
        let mut answers = self.send(&bytes).await;
        assert_eq!(answers.len(), 1, "{}", String::from_utf8_lossy(&bytes));
        answers.remove(0)
    }
}

/// What holds for every request that reached the provider: it is at the provider's own host, with
/// the pool's key in one place and the token in none.
pub(crate) fn check_credentials(site: &Site, message: &Message) {
    assert_eq!(message.all("host"), [site.provider.address.to_string()], "{message:?}");
    let shown = format!("{:?} {:?}", message.first, message.headers);
    assert!(!shown.contains(TOKEN), "the token is out: {shown}");
    let credentials = ["authorization", "x-api-key", "api-key", "x-goog-api-key"];
    let put: Vec<&str> = credentials.iter().flat_map(|name| message.all(name)).collect();
    assert_eq!(put.len(), 1, "one credential: {shown}");
    assert_eq!(put[0].trim_start_matches("Bearer "), KEY, "and it is the pool's");
}
