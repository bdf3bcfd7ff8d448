//! Which traffic is a person's use of their agent. Reconnects, polls, pings and health checks are
//! not, or a forgotten tab would keep the agent awake for ever.

use http::Method;
use serde_json::Value;

use crate::frames::Message;

/// Requests by which a person says, answers, decides or changes something. OpenClaw's interface
/// sends none of them by itself (its docs, gateway/protocol/rpc-*.md). The last three are what
/// other agents call a prompt (ACP, A2A). Sorted.
const INPUT: [&str; 34] = [
    "agent",
    "agents.create",
    "agents.delete",
    "agents.files.set",
    "agents.update",
    "approval.resolve",
    "chat.abort",
    "chat.inject",
    "chat.send",
    "config.apply",
    "config.patch",
    "config.set",
    "cron.add",
    "cron.remove",
    "cron.run",
    "cron.update",
    "exec.approval.resolve",
    "message/send",
    "message/stream",
    "plugin.approval.resolve",
    "send",
    "session/prompt",
    "sessions.abort",
    "sessions.companion.ask",
    "sessions.create",
    "sessions.delete",
    "sessions.observer.ask",
    "sessions.reset",
    "sessions.send",
    "sessions.steer",
    "talk.client.steer",
    "talk.session.steer",
    "terminal.input",
    "wizard.next",
];

/// What a message without a method calls itself when nobody typed it.
const CHATTER: [&str; 9] =
    ["ack", "event", "heartbeat", "hello", "keepalive", "ping", "pong", "res", "subscribe"];

/// Whether an HTTP request to an agent is a person's use. Reading is not, and neither is a health
/// check.
pub(crate) fn is_input(method: &Method, path: &str) -> bool {
    !method.is_safe() && !matches!(path, "/healthz" | "/readyz")
}

/// Whether a WebSocket message from a client is a person's use.
pub(crate) fn is_input_message(message: Message<'_>) -> bool {
    let head = message.head.trim_ascii_start();
    if message.head.is_empty() {
        return false;
    }
    if !message.text || !head.starts_with(b"{") {
        return true;
    }
    if message.whole {
        return serde_json::from_slice(head).map_or(true, |value: Value| is_input_json(&value));
    }
    // A request that is cut: its method comes before its parameters. One that shows none in its
    // first bytes is a long text or a file, which no machine sends by itself.
    cut_method(head).is_none_or(|method| is_input_method(&method))
}

fn is_input_json(value: &Value) -> bool {
    if let Some(method) = value.get("method").and_then(Value::as_str) {
        return is_input_method(method);
    }
    let kind = value.get("type").and_then(Value::as_str).unwrap_or_default();
    // An answer in JSON-RPC has neither method nor type.
    !CHATTER.contains(&kind) && value.get("jsonrpc").is_none()
}

fn is_input_method(method: &str) -> bool {
    INPUT.binary_search(&method).is_ok()
}

/// The value of the top-level `method` of a JSON object whose end is missing.
fn cut_method(head: &[u8]) -> Option<String> {
    let (mut depth, mut at, mut key) = (0_u32, 0, None);
    while at < head.len() {
        match head[at] {
            b'{' | b'[' => depth += 1,
            b'}' | b']' => depth = depth.saturating_sub(1),
            b',' => key = None,
            b'"' => {
                let end = string_end(head, at)?;
                if depth == 1 {
                    let text: String = serde_json::from_slice(&head[at..end]).ok()?;
                    match key.take() {
                        None => key = Some(text),
                        Some(name) if name == "method" => return Some(text),
                        Some(_) => {}
                    }
                }
                at = end;
                continue;
            }
            _ => {}
        }
        at += 1;
    }
    None
}

/// Just after the closing quote of the string that opens at `start`.
fn string_end(text: &[u8], start: usize) -> Option<usize> {
    let mut at = start + 1;
    loop {
        match text.get(at)? {
            b'\\' => at += 2,
            b'"' => return Some(at + 1),
            _ => at += 1,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(head: &str, whole: bool) -> bool {
        is_input_message(Message { text: true, head: head.as_bytes(), whole })
    }

    #[test]
    fn the_table_is_sorted() {
        assert!(INPUT.is_sorted());
    }

    #[test]
    fn http_counts_when_it_changes_something() {
        for (method, path, expected) in [
            (Method::POST, "/v1/chat/completions", true),
            (Method::PUT, "/x", true),
            (Method::DELETE, "/x", true),
            (Method::GET, "/v1/models", false),
            (Method::HEAD, "/", false),
            (Method::OPTIONS, "/v1/chat/completions", false),
            (Method::POST, "/healthz", false),
            (Method::POST, "/readyz", false),
        ] {
            assert_eq!(is_input(&method, path), expected, "{method} {path}");
        }
    }

    #[test]
    fn a_person_s_messages_count_and_a_page_s_own_do_not() {
        for (message, expected) in [
            (r#"{"type":"req","id":"1","method":"chat.send","params":{"message":"hi"}}"#, true),
            (r#"{"type":"req","id":"1","method":"sessions.send","params":{}}"#, true),
            (r#"{"type":"req","id":"1","method":"exec.approval.resolve","params":{}}"#, true),
            (r#"{"type":"req","id":"1","method":"connect","params":{}}"#, false),
            (
                r#"{"type":"req","id":"1","method":"chat.history","params":{"method":"chat.send"}}"#,
                false,
            ),
            (r#"{"type":"req","id":"1","method":"health","params":{}}"#, false),
            (r#"{"type":"req","id":"1","method":"sessions.list"}"#, false),
            (r#"{"type":"res","id":"1","ok":true,"payload":{}}"#, false),
            (r#"{"jsonrpc":"2.0","id":1,"method":"session/prompt","params":{}}"#, true),
            (r#"{"jsonrpc":"2.0","id":1,"method":"initialize","params":{}}"#, false),
            (r#"{"jsonrpc":"2.0","id":1,"result":{}}"#, false),
            (r#"{"type":"ping"}"#, false),
            (r#"{"text":"hello"}"#, true),
            (r#"{"type":"message","text":"hello"}"#, true),
            ("hello", true),
            ("{ not json", true),
            ("  {\"method\":\"connect\"}", false),
            ("[1,2]", true),
            ("", false),
        ] {
            assert_eq!(text(message, true), expected, "{message}");
        }
        assert!(is_input_message(Message {
            text: false,
            head: b"{\"type\":\"ping\"}",
            whole: true
        }));
        assert!(!is_input_message(Message { text: false, head: b"", whole: true }));
    }

    #[test]
    fn a_long_message_is_told_by_its_head() {
        for (head, expected) in [
            (r#"{"type":"req","id":"1","method":"chat.send","params":{"message":"aaaa"#, true),
            (r#"{"type":"req","id":"1","method":"logs.tail","params":{"message":"aaaa"#, false),
            (r#"{"type":"req","a\"b":{"method":"chat.send"},"method":"node.event","p":["#, false),
            (r#"{"x":"method","y":"chat.send","method":"health","params":"#, false),
            (r#"{"type":"req","params":{"message":"aaaa"#, true),
        ] {
            assert_eq!(text(head, false), expected, "{head}");
        }
    }
}
