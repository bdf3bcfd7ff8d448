//! Addresses: what is not spelled as a provider's own client spells it is refused, and what is
//! served reaches the configured host at a path of the list below and at no other.
//!
//! `urls.txt` holds the cases that were thought of one by one; the rest follow from the rules here.

use crate::site::{SERVED, Site, TOKEN, check_credentials};
use crate::support::strict::Message;

/// What providers may be asked for: written down a second time, apart from the sidecar's table. A
/// star is one segment.
const UPSTREAM: &str = "
POST /v1/messages
POST /v1/messages/count_tokens
GET /v1/models
GET /v1/models/*
POST /v1/chat/completions
POST /v1/completions
POST /v1/responses
POST /v1/embeddings
POST /v1/images/generations
POST /v1/audio/transcriptions
POST /v1/fim/completions
POST /backend-api/codex/responses
POST /v1beta/models/*
POST /v1/models/*
GET /v1beta/models
GET /v1beta/models/*
POST /v1beta/openai/chat/completions
POST /v1beta/openai/completions
POST /v1beta/openai/embeddings
GET /v1beta/openai/models
GET /v1beta/openai/models/*
POST /api/v1/chat/completions
POST /api/v1/completions
POST /api/v1/responses
POST /api/v1/embeddings
POST /api/v1/messages
GET /api/v1/models
POST /openai/v1/chat/completions
POST /openai/v1/completions
POST /openai/v1/responses
POST /openai/v1/embeddings
POST /openai/v1/images/generations
POST /openai/v1/audio/transcriptions
GET /openai/v1/models
GET /openai/v1/models/*
POST /anthropic/v1/messages
POST /inference/v1/chat/completions
POST /inference/v1/completions
POST /inference/v1/embeddings
GET /inference/v1/models
GET /inference/v1/models/*
POST /model/*/converse
POST /model/*/converse-stream
POST /model/*/invoke
POST /model/*/invoke-with-response-stream
POST /model/*/count-tokens
POST /openai/deployments/*/chat/completions
POST /openai/deployments/*/completions
POST /openai/deployments/*/embeddings
POST /openai/deployments/*/images/generations
POST /openai/deployments/*/audio/transcriptions
POST /v1/projects/*/locations/*/publishers/anthropic/models/*
POST /v1/projects/*/locations/*/publishers/google/models/*
POST /v1/projects/*/locations/*/endpoints/openapi/chat/completions
POST /v1/publishers/google/models/*
POST /v1beta1/projects/*/locations/*/publishers/anthropic/models/*
POST /v1beta1/projects/*/locations/*/publishers/google/models/*
POST /v1beta1/projects/*/locations/*/endpoints/openapi/chat/completions
POST /v1beta1/publishers/google/models/*
POST /own/chat/completions
POST /own/completions
POST /own/responses
POST /own/embeddings
POST /own/images/generations
POST /own/audio/transcriptions
GET /own/models
GET /own/models/*
POST /own/v1/messages
POST /own/v1/messages/count_tokens
GET /own/v1/models
GET /own/v1/models/*
";

/// What ends a model's name where a verb follows it.
const VERBS: [&str; 7] = [
    ":generateContent",
    ":streamGenerateContent",
    ":embedContent",
    ":batchEmbedContents",
    ":countTokens",
    ":rawPredict",
    ":streamRawPredict",
];

/// What holds for everything that reached the provider.
fn check_place(site: &Site, message: &Message) {
    check_credentials(site, message);
    let (path, query) = message.target().split_once('?').unwrap_or((message.target(), ""));
    let spelled = format!("{} {path}", message.method());
    assert!(UPSTREAM.lines().any(|line| fits(line, &spelled)), "no such place: {spelled}");
    if message.method() == "POST"
        && let Some((_, model)) = path.split_once("/models/")
    {
        assert!(VERBS.iter().any(|verb| model.ends_with(verb)), "{spelled}");
    }
    assert!(!path.contains("..") && !path.contains("//"), "{path}");
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"=&-_.".contains(&b);
    assert!(query.bytes().all(plain), "{query}");
    let named = query.split('&').any(|pair| pair.starts_with("key="));
    assert!(!named, "the place of a token: {query}");
}

fn fits(line: &str, spelled: &str) -> bool {
    let (mut ours, mut theirs) = (line.split('/'), spelled.split('/'));
    loop {
        match (ours.next(), theirs.next()) {
            (None, None) => return !line.is_empty(),
            (Some("*"), Some(segment)) if !segment.is_empty() => {
                let plain = |b: u8| b.is_ascii_alphanumeric() || b"-_.:@%".contains(&b);
                let escaped = segment.replace("%3A", "").replace("%3a", "");
                if !segment.bytes().all(plain) || escaped.contains('%') {
                    return false;
                }
            }
            (Some(a), Some(b)) if a == b => {}
            _ => return false,
        }
    }
}

/// Asks, and gives what came of it: the status, and what reached the provider.
async fn outcome(site: &Site, method: &str, target: &[u8]) -> (u16, Option<Message>) {
    let mut line = format!("{method} ").into_bytes();
    line.extend_from_slice(target);
    let answer = site.ask(&line, b"content-type: application/json\r\n", "{\"model\":\"m\"}").await;
    let mut reached = site.provider.take();
    assert!(reached.len() <= 1);
    for message in &reached {
        check_place(site, message);
    }
    (answer.status(), reached.pop())
}

async fn refused(site: &Site, method: &str, target: &[u8]) {
    let (status, reached) = outcome(site, method, target).await;
    let shown = String::from_utf8_lossy(target);
    assert!((400..500).contains(&status), "{method} {shown}: {status}");
    assert!(reached.is_none(), "{method} {shown}: {reached:?}");
}

/// `\xNN` is a byte.
fn unescaped(text: &str) -> Vec<u8> {
    let mut parts = text.split("\\x");
    let mut bytes = parts.next().unwrap_or_default().as_bytes().to_vec();
    for part in parts {
        bytes.push(u8::from_str_radix(&part[..2], 16).expect("two hex digits"));
        bytes.extend_from_slice(&part.as_bytes()[2..]);
    }
    bytes
}

#[tokio::test]
async fn each_written_case_is_refused_or_reaches_the_place_beside_it() {
    let site = Site::new().await;
    let mut cases = 0;
    let lines = include_str!("urls.txt").lines();
    for line in lines.filter(|line| !line.is_empty() && !line.starts_with('#')) {
        let (asked, expected) = line.rsplit_once(" => ").expect("a case");
        let (method, target) = asked.split_once(' ').expect("a method");
        cases += 1;
        if expected == "refused" {
            refused(&site, method, &unescaped(target)).await;
            continue;
        }
        let (status, reached) = outcome(&site, method, &unescaped(target)).await;
        let reached = reached.unwrap_or_else(|| panic!("{line}: {status}"));
        assert_eq!((status, reached.target()), (200, expected), "{line}");
        assert_eq!(reached.method(), method);
    }
    assert!(cases >= 200, "{cases} cases");
}

/// Put between any two segments of a good path, or before or after all, none of these is served.
const INSERTED: [&str; 24] = [
    "/..",
    "/.",
    "/...",
    "/",
    "//",
    "/%2e%2e",
    "/%2E%2E",
    "/.%2e",
    "/%252e%252e",
    "/%2f..",
    "/..%2f",
    "/..%5c",
    "/..\\",
    "\\..",
    "/..;",
    "/..;/x",
    "/;x=1",
    "/%00",
    "/%0d%0aX:1",
    "/%c0%ae%c0%ae",
    "/%e0%80%ae%e0%80%ae",
    "/\u{ff0e}\u{ff0e}",
    "/\u{2024}\u{2024}",
    "/@evil.example",
];

#[tokio::test]
async fn nothing_slips_in_between_the_segments_of_a_good_path() {
    let site = Site::new().await;
    for (id, path) in SERVED {
        let good = format!("/{id}{path}");
        let (status, reached) = outcome(&site, "POST", good.as_bytes()).await;
        assert_eq!((status, reached.is_some()), (200, true), "{good} is served");
        let last = good.rfind('/').expect("segments");
        for at in [0, id.len() + 1, last, good.len()] {
            for inserted in INSERTED {
                let bad = format!("{}{inserted}{}", &good[..at], &good[at..]);
                refused(&site, "POST", bad.as_bytes()).await;
            }
        }
    }
}

/// What providers keep for the owner of a key, who here is everybody.
const STORED: [&str; 16] = [
    "/v1/responses/resp_1",
    "/v1/files",
    "/v1/files/file-1/content",
    "/v1/batches",
    "/v1/messages/batches/b/results",
    "/v1/vector_stores/v/search",
    "/v1/fine_tuning/jobs",
    "/v1/organization/usage/completions",
    "/v1/conversations/c/items",
    "/v1/assistants",
    "/v1beta/cachedContents",
    "/v1beta/models/m:batchGenerateContent",
    "/async-invoke/arn",
    "/openai/deployments",
    "/v1/projects/p/locations/l/cachedContents/c",
    "/api/v1/keys",
];

#[tokio::test]
async fn no_method_reaches_what_a_provider_has_stored() {
    let site = Site::new().await;
    for (id, _) in SERVED {
        for path in STORED {
            for method in ["GET", "POST", "DELETE"] {
                refused(&site, method, format!("/{id}{path}").as_bytes()).await;
            }
        }
    }
}

#[tokio::test]
async fn a_good_path_is_served_by_its_own_method_alone() {
    let site = Site::new().await;
    for (id, path) in SERVED {
        for method in
            ["GET", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "PROPFIND", "post", "POSTX"]
        {
            refused(&site, method, format!("/{id}{path}").as_bytes()).await;
        }
        let head = format!(
            "HEAD /{id}{path} HTTP/1.1\r\nhost: localhost\r\nx-api-key: {TOKEN}\r\nconnection: close\r\n\r\n"
        );
        let answer = site.raw(head.as_bytes()).await;
        assert!(answer.starts_with(b"HTTP/1.1 405"), "{}", String::from_utf8_lossy(&answer));
    }
    assert_eq!(site.provider.take(), []);
}

/// Where the providers of the table really are, and where nobody may be sent.
const HOSTS: [&str; 22] = [
    "api.anthropic.com",
    "api.openai.com",
    "chatgpt.com",
    "generativelanguage.googleapis.com",
    "openrouter.ai",
    "api.mistral.ai",
    "api.together.xyz",
    "api.groq.com",
    "api.x.ai",
    "api.deepseek.com",
    "api.fireworks.ai",
    "other.openai.azure.com",
    "bedrock-runtime.eu-west-1.amazonaws.com",
    "europe-west1-aiplatform.googleapis.com",
    "evil.example",
    "evil.example:443",
    "user:pass@evil.example",
    "127.0.0.1",
    "169.254.169.254",
    "[::1]",
    "[::ffff:169.254.169.254]",
    "metadata.google.internal",
];

#[tokio::test]
async fn no_address_names_a_host() {
    let site = Site::new().await;
    for host in HOSTS {
        for target in [
            format!("http://{host}/anthropic/v1/messages"),
            format!("https://{host}/v1/messages"),
            format!("HTTPS://{host}/v1/messages"),
            format!("//{host}/v1/messages"),
            format!("///{host}/v1/messages"),
            format!("/{host}/v1/messages"),
            format!("/anthropic@{host}/v1/messages"),
            format!("/anthropic/https://{host}/v1/messages"),
            format!("/anthropic//{host}/v1/messages"),
            format!("/anthropic/v1/messages?url=https://{host}"),
            format!("/anthropic/v1/messages?beta=@{host}"),
        ] {
            refused(&site, "POST", target.as_bytes()).await;
        }
        refused(&site, "CONNECT", host.as_bytes()).await;
        refused(&site, "POST", host.as_bytes()).await;
    }
}

#[tokio::test]
async fn an_address_of_any_length_is_refused_within_bounds() {
    let site = Site::new().await;
    for length in [2_048, 8_192, 60_000] {
        for target in [
            format!("/anthropic/v1/models/{}", "a".repeat(length)),
            format!("/anthropic/{}", "a/".repeat(length / 2)),
            format!("/anthropic/v1/models?limit={}", "1".repeat(length)),
            format!("/{}", "../".repeat(length / 3)),
        ] {
            refused(&site, "GET", target.as_bytes()).await;
        }
    }
}
