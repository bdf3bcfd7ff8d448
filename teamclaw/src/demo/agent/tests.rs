//! The small agent as its router and as a stranger meet it, with a sidecar made for the test.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use futures_util::{SinkExt, StreamExt};
use http::{Request, Response, StatusCode, Uri};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::net::{TcpListener, TcpStream};
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::{Error, Message};

use super::*;
use crate::demo::http::{read, send};

const PASS: &str = "x-teamclaw-0123456789abcdef0123456789abcdef";

/// An empty home for one test.
pub(super) fn home(name: &str) -> PathBuf {
    let home = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/tmp/demo-agent").join(name);
    if home.exists() {
        fs::remove_dir_all(&home).unwrap();
    }
    fs::create_dir_all(&home).unwrap();
    home
}

/// A sidecar that answers with the number of messages it was sent, or refuses.
async fn sidecar(seen: Arc<Mutex<Vec<Value>>>, refuse: bool) -> Uri {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            let seen = seen.clone();
            let service = service_fn(move |request: Request<Incoming>| {
                let seen = seen.clone();
                async move {
                    assert_eq!(request.uri(), "/anthropic/v1/messages");
                    assert_eq!(request.headers()["x-api-key"], "lease");
                    let body = request.into_body().collect().await.unwrap().to_bytes();
                    let body: Value = serde_json::from_slice(&body).unwrap();
                    let answer = reply(&body, refuse);
                    seen.lock().unwrap().push(body);
                    Ok::<_, Infallible>(answer)
                }
            });
            tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), service));
        }
    });
    format!("http://{address}").parse().unwrap()
}

fn reply(body: &Value, refuse: bool) -> Response<Full<Bytes>> {
    let count = body["messages"].as_array().unwrap().len();
    let text = if refuse {
        json!({ "error": { "message": "no key" } }).to_string()
    } else if body["stream"] == true {
        let part = |text: &str| {
            let delta = json!({ "type": "content_block_delta", "delta": { "text": text } });
            format!("event: content_block_delta\ndata: {delta}\n\n")
        };
        let [one, two] = ["heard ", &count.to_string()].map(part);
        format!("{one}{two}event: message_stop\ndata: {{\"type\":\"message_stop\"}}\n\n")
    } else {
        json!({ "content": [{ "type": "text", "text": format!("heard {count}") }] }).to_string()
    };
    let mut response = Response::new(Full::new(Bytes::from(text)));
    *response.status_mut() = if refuse { StatusCode::BAD_GATEWAY } else { StatusCode::OK };
    response
}

/// Runs an agent of this home in this process and gives its address.
async fn agent(home: &Path, sidecar: Uri) -> Uri {
    let model = Model { sidecar, token: Secret::new("lease") };
    let talk = Talk::open(model, home).unwrap();
    let door = Door::new("amina".parse().unwrap(), PASS.parse().unwrap(), talk);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(accept(listener, Arc::new(door)));
    format!("http://{address}").parse().unwrap()
}

async fn ask(agent: &Uri, pass: &str, method: &str, path: &str, body: &str) -> (u16, String) {
    let request = Request::builder().method(method).uri(path).header(pass, "amina");
    let request = request.body(Full::new(Bytes::from(body.to_owned()))).unwrap();
    let response = send(agent, request).await.unwrap();
    let status = response.status().as_u16();
    let body = read(response.into_body()).await.unwrap();
    (status, String::from_utf8(body.to_vec()).unwrap())
}

#[tokio::test]
async fn only_the_router_gets_in_and_anybody_may_ask_whether_it_is_well() {
    let agent = agent(&home("pass"), sidecar(Arc::default(), false).await).await;
    for path in ["/", "/page.js", "/page.css", "/history", "/ws", "/nowhere"] {
        assert_eq!(ask(&agent, "x-other", "GET", path, "").await.0, 403, "{path}");
    }
    assert_eq!(ask(&agent, "x-other", "POST", "/chat", r#"{"message":"x"}"#).await.0, 403);
    let well = Request::builder().uri("/healthz").body(Full::default()).unwrap();
    let well = send(&agent, well).await.unwrap();
    assert_eq!(
        (well.status().as_u16(), &well.headers()["teamclaw-workspace"] == "amina"),
        (200, true)
    );
}

#[tokio::test]
async fn each_turn_sends_the_whole_conversation_and_keeps_it() {
    let home = home("turns");
    let seen = Arc::default();
    let sidecar = sidecar(Arc::clone(&seen), false).await;
    let first = agent(&home, sidecar.clone()).await;
    let chat = r#"{"message":"hello"}"#;
    assert_eq!(
        ask(&first, PASS, "POST", "/chat", chat).await,
        (200, r#"{"reply":"heard 1","messages":2}"#.to_owned())
    );
    // Another process of the same home, as after a sleep.
    let second = agent(&home, sidecar).await;
    let (status, stream) = ask(&second, PASS, "POST", "/chat?stream=1", chat).await;
    let events: Vec<&str> = stream.split("\n\n").filter(|event| !event.is_empty()).collect();
    assert_eq!(status, 200);
    assert_eq!(
        events,
        [
            r#"data: {"part":"heard "}"#,
            r#"data: {"part":"3"}"#,
            r#"data: {"messages":4,"reply":"heard 3"}"#,
        ]
    );
    let (_, history) = ask(&second, PASS, "GET", "/history", "").await;
    let history: Value = serde_json::from_str(&history).unwrap();
    assert_eq!(history["messages"][3], json!({ "role": "assistant", "content": "heard 3" }));
    let seen = seen.lock().unwrap();
    assert_eq!(seen[1]["messages"][1]["content"], "heard 1");
    assert_eq!((&seen[0]["stream"], &seen[1]["stream"]), (&json!(false), &json!(true)));
}

#[tokio::test]
async fn a_question_without_a_reply_is_not_kept() {
    let home = home("refused");
    let agent = agent(&home, sidecar(Arc::default(), true).await).await;
    let chat = r#"{"message":"hello"}"#;
    let (status, words) = ask(&agent, PASS, "POST", "/chat", chat).await;
    assert_eq!((status, words.as_str()), (502, r#"{"error":"the model refused: no key"}"#));
    let (_, stream) = ask(&agent, PASS, "POST", "/chat?stream=1", chat).await;
    assert_eq!(stream, "data: {\"error\":\"the model refused: no key\"}\n\n");
    assert_eq!(ask(&agent, PASS, "GET", "/history", "").await.1, r#"{"messages":[]}"#);
}

#[tokio::test]
async fn what_is_odd_or_too_long_is_refused() {
    let agent = agent(&home("odd"), sidecar(Arc::default(), false).await).await;
    let long = json!({ "message": "x".repeat(32 * 1024 + 1) }).to_string();
    let longer = "x".repeat(1024 * 1024 + 1);
    for (method, path, body, want) in [
        ("POST", "/chat", "hello", 400),
        ("POST", "/chat", r#"{"message":""}"#, 400),
        ("POST", "/chat", long.as_str(), 400),
        ("POST", "/chat", longer.as_str(), 413),
        ("GET", "/chat", "", 405),
        ("GET", "/ws", "", 426),
        ("GET", "/nowhere", "", 404),
    ] {
        assert_eq!(ask(&agent, PASS, method, path, body).await.0, want, "{method} {path}");
    }
}

#[tokio::test]
async fn the_conversation_goes_on_over_a_websocket() {
    let agent = agent(&home("socket"), sidecar(Arc::default(), false).await).await;
    ask(&agent, PASS, "POST", "/chat", r#"{"message":"hello"}"#).await;
    let mut request =
        format!("ws://{}/ws", agent.authority().unwrap()).into_client_request().unwrap();
    let stream = || TcpStream::connect(agent.authority().unwrap().as_str());
    let refused = tokio_tungstenite::client_async(request.clone(), stream().await.unwrap()).await;
    assert!(matches!(refused, Err(Error::Http(answer)) if answer.status().as_u16() == 403));
    request.headers_mut().insert(PASS, "amina".parse().unwrap());
    let (mut socket, _) =
        tokio_tungstenite::client_async(request, stream().await.unwrap()).await.unwrap();
    for (say, want) in [
        (r#"{"message":"again"}"#, r#"{"messages":4,"reply":"heard 3"}"#),
        ("nonsense", r#"{"error":"send JSON: {\"message\": \"...\"}"}"#),
        (r#"{"message":"more"}"#, r#"{"messages":6,"reply":"heard 5"}"#),
    ] {
        socket.send(Message::text(say)).await.unwrap();
        assert_eq!(socket.next().await.unwrap().unwrap().into_text().unwrap(), want);
    }
}

#[test]
fn the_contract_is_read_and_a_wrong_part_is_named_without_its_value() {
    let lookup = |changed: &'static str, value: Option<&'static str>| {
        move |name: &str| match name {
            name if name == changed => value.map(str::to_owned),
            "TEAMCLAW_PORT" => Some("20001".to_owned()),
            "TEAMCLAW_WORKSPACE" => Some("amina".to_owned()),
            "TEAMCLAW_PASS" => Some(PASS.to_owned()),
            "TEAMCLAW_TOKEN" => Some("lease".to_owned()),
            "TEAMCLAW_SIDECAR" => Some("http://127.0.0.1:7071".to_owned()),
            "HOME" => Some("/homes/amina".to_owned()),
            _ => None,
        }
    };
    let good = Contract::of(&lookup("", None)).unwrap_or_else(|words| panic!("{words}"));
    assert_eq!((good.port, good.home), (20001, PathBuf::from("/homes/amina")));
    for (name, value) in [
        ("TEAMCLAW_PORT", Some("secret")),
        ("TEAMCLAW_PASS", Some("se cret")),
        ("TEAMCLAW_SIDECAR", Some("secret here")),
        ("TEAMCLAW_TOKEN", None),
    ] {
        let words = Contract::of(&lookup(name, value)).err();
        assert_eq!(words, Some(format!("{name} is missing or has a wrong form")));
    }
}
