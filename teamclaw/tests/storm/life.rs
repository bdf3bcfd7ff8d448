//! What one person, and the operator on their behalf, does all day while things break: log in, chat,
//! stop, start again. No answer is a fact of life here; a wrong answer is not.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use hyper::{Method, StatusCode};
use serde_json::{Value, json};

use crate::books::{Books, Fact};
use crate::chance::Chance;
use crate::engine;
use crate::person::Person;

/// How long they wait for an answer before they do something else.
const PATIENCE: Duration = Duration::from_secs(8);
/// The same for an answer of OpenClaw, which takes its time on a busy machine.
const PATIENCE_OPENCLAW: Duration = Duration::from_secs(60);
/// How long they think before the next thing.
const THINKS: Duration = Duration::from_millis(60);
/// The shortest idle time-out that the policy allows, which nobody's wish is below.
const IDLE_SECONDS_MIN: u64 = 300;

/// What the agents of a storm are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Agent {
    /// The one that the command brings along.
    Small,
    /// The real one.
    OpenClaw,
}

/// One person's day.
pub(crate) struct Life {
    name: String,
    agent: Agent,
    data: PathBuf,
    books: Arc<Books>,
    chance: Chance,
    /// The session, while they think that they have one.
    token: String,
    /// How many things they did, so that no two are the same.
    count: u64,
}

/// What an answer was: its status, and its text as JSON if it is.
type Answer = (StatusCode, Value);

impl Life {
    /// A person who has not logged in yet.
    pub(crate) fn new(
        name: &str,
        agent: Agent,
        data: &Path,
        books: Arc<Books>,
        chance: Chance,
    ) -> Self {
        let (name, data) = (name.to_owned(), data.to_owned());
        Self { name, agent, data, books, chance, token: String::new(), count: 0 }
    }

    /// Lives until the storm is over.
    pub(crate) async fn live(mut self, over: Arc<AtomicBool>) -> Self {
        while !over.load(Ordering::SeqCst) {
            self.one_thing().await;
            tokio::time::sleep(self.chance.within(THINKS)).await;
        }
        self
    }

    async fn one_thing(&mut self) {
        if self.token.is_empty() {
            self.log_in().await;
            return;
        }
        // What takes a quarter of a minute to start is stopped less often.
        let calm = self.agent == Agent::OpenClaw && self.chance.happens(80);
        match if calm { 0 } else { self.chance.below(100) } {
            0..60 => _ = self.chat().await,
            60..72 => drop(self.ask("/teamclaw/stop", json!({})).await),
            72..80 => drop(self.operate("stop", json!({})).await),
            80..86 => drop(self.operate("replay", json!({})).await),
            86..92 => self.choose_idle().await,
            92..96 => drop(self.ask("/teamclaw/snooze", json!({"minutes": 5})).await),
            // A second session beside the first, as another browser has one.
            _ => _ = self.log_in().await,
        }
    }

    /// An operator's link, traded for a session. Gives whether it worked.
    pub(crate) async fn log_in(&mut self) -> bool {
        let Some((StatusCode::OK, answer)) = self.operate("login", json!({})).await else {
            return false;
        };
        let after = answer["version"].as_u64().expect("a version");
        self.books.acknowledge(Fact::Invited { user: self.name.clone(), after });
        let link = answer["link"].as_str().expect("a link");
        let (_, once) = link.split_once("?once=").expect("a link with a secret");
        let session = self.ask("/teamclaw/login", json!({"once": once})).await;
        let Some((StatusCode::OK, session)) = session else { return false };
        self.token = session["token"].as_str().expect("a token").to_owned();
        let (user, token) = (self.name.clone(), self.token.clone());
        self.books.acknowledge(Fact::LoggedIn { user, token });
        true
    }

    /// Says something. Gives whether it was answered.
    pub(crate) async fn chat(&mut self) -> bool {
        self.count += 1;
        let message = format!("{} says {}", self.name, self.count);
        let streams = self.chance.happens(50);
        let (path, body) = match self.agent {
            Agent::Small if streams => ("/chat?stream=1", json!({"message": message})),
            Agent::Small => ("/chat", json!({"message": message})),
            Agent::OpenClaw => {
                let messages = json!([{"role": "user", "content": message}]);
                ("/v1/chat/completions", json!({"model": "openclaw", "messages": messages}))
            }
        };
        let Some((status, text)) = self.send(path, body).await else { return false };
        if status == StatusCode::UNAUTHORIZED {
            self.books.lost(format!("the session of {} is not known any more", self.name));
            self.token.clear();
        }
        // A stream begins well and tells at its end how it went.
        let told = ["\"reply\":", "\"choices\":"].iter().any(|field| text.contains(field));
        let answered = status == StatusCode::OK && told;
        if answered {
            assert!(text.contains(&message), "somebody else's answer: {text}");
            self.books.acknowledge(Fact::Chatted { user: self.name.clone(), message });
        }
        answered
    }

    /// Everything that their small agent remembers.
    pub(crate) async fn history(&self) -> Option<String> {
        let person = Person::at(&self.url()?, &self.token);
        let sent = person.try_send(Method::GET, "/history", &[], None, PATIENCE).await;
        sent.ok().filter(|(status, _)| *status == StatusCode::OK).map(|(_, text)| text)
    }

    /// A time-out that nobody chose before, so that it can be found again.
    async fn choose_idle(&mut self) {
        self.count += 1;
        let seconds = IDLE_SECONDS_MIN + self.count;
        let wish = json!({"idleTimeout": format!("PT{seconds}S")});
        if let Some((StatusCode::OK, _)) = self.operate("settings", wish).await {
            self.books.acknowledge(Fact::Chosen { user: self.name.clone(), seconds });
        }
    }

    /// An operator's command about this person.
    pub(crate) async fn operate(&self, what: &str, body: Value) -> Option<Answer> {
        let path = format!("/workspaces/{}/{what}", self.name);
        let answer = operate(&self.data, Method::POST, &path, Some(body)).await;
        if let Some((status, answer)) = &answer
            && status.is_server_error()
        {
            self.books.unwell_because(&format!("{}: {}", answer["why"], answer["doThis"]));
        }
        answer
    }

    async fn ask(&self, path: &str, body: Value) -> Option<Answer> {
        let (status, text) = self.send(path, body).await?;
        Some((status, serde_json::from_str(&text).unwrap_or_default()))
    }

    async fn send(&self, path: &str, body: Value) -> Option<(StatusCode, String)> {
        let person = Person::at(&self.url()?, &self.token);
        let patience = match self.agent {
            Agent::Small => PATIENCE,
            Agent::OpenClaw => PATIENCE_OPENCLAW,
        };
        let sent = person.try_send(Method::POST, path, &[], Some(body), patience).await;
        let (status, text) = sent.ok()?;
        if status.is_server_error() {
            self.books.unwell_because(&text);
        }
        Some((status, text))
    }

    fn url(&self) -> Option<String> {
        engine::operator(&self.data).map(|(url, _)| url)
    }

    /// What their agent is.
    pub(crate) fn agent(&self) -> Agent {
        self.agent
    }

    /// Who it is.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }
}

/// A request to the operator's API of the engine on this directory; `None` without an answer.
pub(crate) async fn operate(
    data: &Path,
    method: Method,
    path: &str,
    body: Option<Value>,
) -> Option<Answer> {
    let (url, token) = engine::operator(data)?;
    let operator = Person::at(&url, &token);
    let path = format!("/api/v1{path}");
    let (status, text) = operator.try_send(method, &path, &[], body, PATIENCE).await.ok()?;
    Some((status, serde_json::from_str(&text).unwrap_or_default()))
}
