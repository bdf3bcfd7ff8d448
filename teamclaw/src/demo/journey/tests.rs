//! The journey against an engine that is made up: it is whole when every promise is kept, and
//! when one is not, that one is named.

use std::convert::Infallible;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use events::{Attempt, Envelope, Gen, Secret, Version};
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::net::TcpListener;

use super::*;

/// Which promise the engine breaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Breaks {
    Nothing,
    Link,
    Start,
    Answer,
    Price,
    Notice,
    Reason,
    Memory,
    Sleep,
}

struct Engine {
    breaks: Breaks,
    said: Vec<String>,
    facts: Vec<Event>,
    asleep: bool,
}

impl Engine {
    fn answer(&mut self, path: &str, token: &str, body: &Value) -> (u16, Value) {
        let by_operator = path.starts_with("/api/v1/");
        let wanted = if by_operator { "Bearer operator" } else { "Bearer session" };
        if path != "/teamclaw/login" && token != wanted {
            return (401, json!({ "error": "not logged in" }));
        }
        if let Some(after) = path.strip_prefix("/api/v1/workspaces/amina/events?after=") {
            let (after, _) = after.split_once('&').unwrap();
            return (200, self.history(after.parse().unwrap()));
        }
        match path {
            "/api/v1/workspaces/amina/login" => {
                let link = "http://127.0.0.1:1/teamclaw/login?once=secret";
                let until = "2026-11-22T12:00:00Z";
                (200, json!({ "link": link, "until": until, "status": "asleep", "version": 0 }))
            }
            "/teamclaw/login" if self.breaks == Breaks::Link => {
                (403, json!({ "error": "too old" }))
            }
            "/teamclaw/login" => {
                assert_eq!(body, &json!({ "once": "secret" }));
                (200, json!({ "token": "session" }))
            }
            "/teamclaw/status" => (200, self.status()),
            "/chat" => self.chat(body["message"].as_str().unwrap()),
            "/history" => {
                let said = self.said.iter().map(|text| json!({ "role": "user", "content": text }));
                (200, json!({ "messages": said.collect::<Vec<_>>() }))
            }
            "/api/v1/usage?by=user" => (200, self.usage()),
            other => panic!("nobody asks for {other}"),
        }
    }

    fn status(&self) -> Value {
        if self.breaks == Breaks::Start {
            return json!({ "status": "failed", "words": "Your agent could not start." });
        }
        let asleep = self.asleep && self.breaks != Breaks::Sleep;
        let status = if asleep { "asleep" } else { "ready" };
        json!({ "status": status, "words": format!("Your agent is {status}.") })
    }

    fn chat(&mut self, message: &str) -> (u16, Value) {
        if self.breaks == Breaks::Answer {
            return (502, json!({ "error": "your agent does not answer" }));
        }
        if self.breaks == Breaks::Memory && self.asleep {
            self.said.clear();
        }
        self.asleep = false;
        self.said.extend([message.to_owned(), format!("you said: {message}")]);
        (200, json!({ "reply": self.said.last(), "messages": self.said.len() }))
    }

    fn usage(&self) -> Value {
        let requests = self.said.len() as u64 / 2;
        let price = if self.breaks == Breaks::Price { 0 } else { 1_000 };
        let spent = ports::Spending {
            name: "amina".to_owned(),
            requests,
            input: requests * 20,
            output: requests * 10,
            pico_dollars: i128::from(requests) * price,
            ..ports::Spending::default()
        };
        json!({ "rows": [spent] })
    }

    /// The agent is ready, and falls asleep when the journal is looked at after the first answer.
    fn history(&mut self, after: usize) -> Value {
        if self.facts.is_empty() {
            self.facts.push(Event::Ready { generation: Gen(1), attempt: Attempt(1) });
        }
        if self.facts.len() == 1 && !self.said.is_empty() {
            let at = "2026-11-22T12:00:00Z".parse().unwrap();
            let wrong = self.breaks == Breaks::Reason;
            let idle = StopReason::Idle { last_active: at };
            let reason = if wrong { StopReason::Admin } else { idle };
            let generation = Gen(1);
            if self.breaks != Breaks::Notice {
                self.facts.push(Event::NoticeGiven { generation, idle_since: at, stop_at: at });
            }
            self.facts.push(Event::StopRequested { generation, reason: reason.clone() });
            self.facts.push(Event::Stopped { generation, reason });
            self.asleep = true;
        }
        let entries = self.facts.iter().enumerate().skip(after).map(|(n, event)| Entry {
            version: Version(n as u64 + 1),
            event: envelope(event.clone()),
        });
        json!({ "events": entries.collect::<Vec<_>>() })
    }
}

fn envelope(event: Event) -> Envelope {
    let mut value = serde_json::to_value(&event).unwrap();
    let id = "0199aaaa-0000-7000-8000-000000000001";
    let frame = json!({
        "specversion": "1.0", "id": id, "source": "/test", "subject": "amina",
        "time": "2026-11-22T12:00:00Z", "correlationid": id,
    });
    value.as_object_mut().unwrap().extend(frame.as_object().unwrap().clone());
    serde_json::from_value(value).unwrap()
}

async fn engine(breaks: Breaks) -> Target {
    let engine = Engine { breaks, said: Vec::new(), facts: Vec::new(), asleep: false };
    let engine = Arc::new(Mutex::new(engine));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            let engine = engine.clone();
            let service = service_fn(move |request: Request<Incoming>| {
                let engine = engine.clone();
                async move {
                    let path = request.uri().path_and_query().unwrap().to_string();
                    let token = request.headers().get("authorization").cloned();
                    let token = token.map_or(String::new(), |t| t.to_str().unwrap().to_owned());
                    let body = request.into_body().collect().await.unwrap().to_bytes();
                    let body = serde_json::from_slice(&body).unwrap_or_default();
                    let (status, value) = engine.lock().unwrap().answer(&path, &token, &body);
                    if path.ends_with("wait=5") && value == json!({ "events": [] }) {
                        // As the engine holds the answer: the person's own request goes first.
                        tokio::time::sleep(Duration::from_millis(20)).await;
                    }
                    let mut response = Response::new(Full::new(Bytes::from(value.to_string())));
                    *response.status_mut() = StatusCode::from_u16(status).unwrap();
                    Ok::<_, Infallible>(response)
                }
            });
            tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), service));
        }
    });
    Target { url, token: Secret::new("operator") }
}

async fn travel(breaks: Breaks) -> (Result<Journey, Problem>, Vec<String>) {
    let target = engine(breaks).await;
    let mut lines = Vec::new();
    let mut tell = |line: Line| {
        lines.push(match line {
            Line::Doing(words) => words,
            Line::Fact(entry) => format!("  {}", entry.event.event.name()),
            Line::Done(Phase { name, words, .. }) => format!("= {name}: {words}"),
        });
    };
    let person = "amina".parse().unwrap();
    let journey = run(Demo { target: &target, person, tell: &mut tell }).await;
    (journey, lines)
}

#[tokio::test]
async fn a_whole_journey_tells_each_part_and_every_fact_once() {
    let (journey, lines) = travel(Breaks::Nothing).await;
    let journey = journey.unwrap();
    let names: Vec<&str> = journey.phases.iter().map(|phase| phase.name).collect();
    assert_eq!(
        names,
        ["log in", "ready", "first answer", "counted", "notice", "sleep", "woken", "remembered"]
    );
    assert_eq!((journey.input, journey.output, journey.pico_dollars), (20, 10, 1_000));
    assert!(
        journey.took >= journey.phases.iter().map(|phase| phase.took).sum::<std::time::Duration>()
    );
    let facts: Vec<&str> = lines.iter().filter_map(|line| line.strip_prefix("  ")).collect();
    assert_eq!(
        facts,
        [
            "teamclaw.workspace.ready.v1",
            "teamclaw.workspace.notice_given.v1",
            "teamclaw.workspace.stop_requested.v1",
            "teamclaw.workspace.stopped.v1",
        ]
    );
    assert_eq!(lines.first().unwrap(), "amina opens a log-in link that works once");
    assert_eq!(lines.last().unwrap(), "= remembered: all 4 messages are there");
}

#[tokio::test]
async fn a_promise_that_is_not_kept_is_named() {
    for (breaks, promise, seen) in [
        (Breaks::Link, "a log-in link opens a session", "too old"),
        (Breaks::Start, "the agent gets ready", "Your agent could not start."),
        (Breaks::Answer, "the agent answers through the front door", "your agent does not answer"),
        (Breaks::Price, "every request is counted and priced", "it cost nothing"),
        (Breaks::Notice, "notice is given before an idle stop", "it stops without one: Idle"),
        (Breaks::Reason, "an idle agent is stopped, for idleness", "it stopped: Admin"),
        (
            Breaks::Sleep,
            "an idle agent is stopped, for idleness",
            "the person sees: Your agent is ready.",
        ),
        (
            Breaks::Memory,
            "the conversation is still there after a sleep",
            "there were 2 messages before the sleep, now there are 2",
        ),
    ] {
        let problem = travel(breaks).await.0.expect_err("a promise is broken");
        let what = format!("the demonstration is not whole: it was promised that {promise}");
        assert_eq!(problem.what, what, "{breaks:?}");
        assert!(problem.why.starts_with(seen), "{breaks:?}: {}", problem.why);
    }
}
