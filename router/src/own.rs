//! The front door's own answers under `/teamclaw/`: the person's page, where their workspace
//! stands, and what they may ask for. All of it is about the person who asks and nobody else.

use std::time::Duration;

use events::{StartCause, Status, Step, StopReason};
use http::header::{self, HeaderValue};
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt, Limited};
use jiff::SignedDuration;
use ports::Fault;
use producers::{activity, command, session};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::json;

use crate::answer::{self, Body, error, html, plain, retry};
use crate::door::{Router, not_logged_in};
use crate::paths::{Act, Mine, Own};
use crate::view::View;
use crate::who::Caller;

const PAGE: &str = include_str!("page/page.html");
const MESSAGE: &str = include_str!("page/message.html");
const STYLE: &str = include_str!("page/page.css");
const SCRIPT: &str = include_str!("page/page.js");

/// For a browser without JavaScript: the waiting page loads again by itself.
const REFRESH: &str = "<noscript><meta http-equiv=\"refresh\" content=\"3\"></noscript>";

/// The largest request to the door itself: a number or a name in JSON.
const BODY_MAX: usize = 4096;

/// How long such a request may take to arrive.
const BODY_WAIT_MAX: Duration = Duration::from_secs(10);

/// The longest time in minutes that is read at all; the policy's own bounds are narrower.
const MINUTES_MAX: i64 = 1_000_000;

/// How long a snooze is when nothing else was said.
const SNOOZE_MINUTES: i64 = 60;

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct SnoozeBody {
    minutes: Option<i64>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct ReplayBody {
    from: Option<Step>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct SettingsBody {
    // Must be there: an empty request must not reset anything.
    #[serde(deserialize_with = "Option::deserialize")]
    idle_minutes: Option<i64>,
}

impl Router {
    /// Answers a request to the door itself.
    pub(crate) async fn own(&self, own: Own, request: Request<Body>) -> Response<Body> {
        match own {
            Own::Health => plain(StatusCode::OK, "text/plain; charset=utf-8", "ok\n"),
            Own::Style => plain(StatusCode::OK, "text/css; charset=utf-8", STYLE),
            Own::Script => plain(StatusCode::OK, "text/javascript; charset=utf-8", SCRIPT),
            Own::LoginPage => crate::login::page(&request),
            Own::Login => self.log_in(request).await,
            Own::Slash => slash(),
            Own::Unknown => error(StatusCode::NOT_FOUND, "There is nothing here."),
            Own::WrongMethod => {
                error(StatusCode::METHOD_NOT_ALLOWED, "This is asked for in another way.")
            }
            Own::Mine(mine) => match self.caller(request.headers()).await {
                Ok(Some(caller)) => self.mine(mine, caller, request).await,
                Ok(None) => not_logged_in(&request),
                Err(fault) => answer::fault(&fault),
            },
        }
    }

    async fn mine(&self, mine: Mine, caller: Caller, request: Request<Body>) -> Response<Body> {
        match mine {
            Mine::Page => self.shown(&caller, |view| person_page(&view)).await,
            Mine::Status => self.shown(&caller, |view| answer::json(StatusCode::OK, &view)).await,
            Mine::Live => self.live(caller, request.headers()).await,
            Mine::Act(act) => match self.meant(&caller, &request) {
                Ok(()) => self.act(act, &caller, request).await,
                Err(refusal) => *refusal,
            },
        }
    }

    async fn shown(
        &self,
        caller: &Caller,
        show: impl FnOnce(View) -> Response<Body>,
    ) -> Response<Body> {
        self.view(caller.id()).await.map_or_else(|fault| answer::fault(&fault), show)
    }

    /// Does what the person asks for, and shows where the workspace stands then.
    async fn act(&self, act: Act, caller: &Caller, request: Request<Body>) -> Response<Body> {
        let (bus, id) = (self.bus(), caller.id());
        let done = match act {
            Act::Logout => return self.log_out(caller).await,
            Act::Wake => session::wake(bus, id, StartCause::Request).await,
            Act::Stop => command::stop(bus, id, StopReason::Person).await,
            Act::Snooze => match read(request).await {
                Ok(body) => return self.snooze(caller, &body).await,
                Err(refusal) => return *refusal,
            },
            Act::Replay => match read::<ReplayBody>(request).await {
                Ok(body) => command::replay(bus, id, body.from).await,
                Err(refusal) => return *refusal,
            },
            Act::Settings => match read::<Option<SettingsBody>>(request).await {
                Ok(Some(body)) => self.set(caller, &body).await,
                Ok(None) => return error(StatusCode::BAD_REQUEST, "Say {\"idleMinutes\": …}."),
                Err(refusal) => return *refusal,
            },
        };
        match done {
            Ok(_) => self.shown(caller, |view| answer::json(StatusCode::OK, &view)).await,
            Err(fault) => answer::fault(&fault),
        }
    }

    async fn snooze(&self, caller: &Caller, body: &SnoozeBody) -> Response<Body> {
        let minutes = body.minutes.unwrap_or(SNOOZE_MINUTES).clamp(1, MINUTES_MAX);
        let time = SignedDuration::from_mins(minutes);
        match activity::snooze(self.bus(), caller.id(), time).await {
            Ok(until) => answer::json(StatusCode::OK, &json!({ "until": until })),
            Err(fault) => answer::fault(&fault),
        }
    }

    async fn set(&self, caller: &Caller, body: &SettingsBody) -> Result<events::Workspace, Fault> {
        let minutes = body.idle_minutes.map(|minutes| minutes.clamp(0, MINUTES_MAX));
        let wish = minutes.map(SignedDuration::from_mins);
        command::set_idle(self.bus(), caller.id(), wish).await
    }
}

/// The person's own page. It wakes nothing.
fn person_page(view: &View) -> Response<Body> {
    html(StatusCode::OK, filled("no", "", view))
}

/// What a person sees instead of an agent that is not up. 503 and not 200, so that no cache, feed
/// reader or health check takes it for the agent's answer; browsers show it all the same.
pub(crate) fn waiting_page(view: &View) -> Response<Body> {
    let refresh = match view.status {
        Status::Starting | Status::Ready | Status::Stopping => REFRESH,
        Status::Asleep | Status::Failed | Status::Parked => "",
    };
    retry(html(StatusCode::SERVICE_UNAVAILABLE, filled("yes", refresh, view)))
}

/// A page that says one thing.
pub(crate) fn message_page(status: StatusCode, title: &str, words: &str) -> Response<Body> {
    html(status, MESSAGE.replace("{{title}}", &escape(title)).replace("{{words}}", &escape(words)))
}

fn filled(waiting: &str, refresh: &str, view: &View) -> String {
    // The words come last: whatever they hold is not filled in again.
    let page = PAGE.replace("{{waiting}}", waiting).replace("{{refresh}}", refresh);
    page.replace("{{words}}", &escape(&view.words))
}

/// Text as it may stand in a page or an attribute.
fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            other => out.push(other),
        }
    }
    out
}

fn slash() -> Response<Body> {
    let mut answer = plain(StatusCode::PERMANENT_REDIRECT, "text/plain", "");
    answer.headers_mut().insert(header::LOCATION, HeaderValue::from_static("/teamclaw/"));
    answer
}

/// The bytes of a small request.
pub(crate) async fn bytes(request: Request<Body>) -> Result<bytes::Bytes, Box<Response<Body>>> {
    let limited = Limited::new(request.into_body(), BODY_MAX).collect();
    match tokio::time::timeout(BODY_WAIT_MAX, limited).await {
        Ok(Ok(whole)) => Ok(whole.to_bytes()),
        Ok(Err(_)) => {
            Err(Box::new(error(StatusCode::PAYLOAD_TOO_LARGE, "The request is too long.")))
        }
        Err(_) => Err(Box::new(error(StatusCode::REQUEST_TIMEOUT, "The request is too slow."))),
    }
}

/// A small request in JSON; none at all means nothing special.
async fn read<T: DeserializeOwned + Default>(
    request: Request<Body>,
) -> Result<T, Box<Response<Body>>> {
    let bytes = bytes(request).await?;
    if bytes.is_empty() {
        return Ok(T::default());
    }
    serde_json::from_slice(&bytes).map_err(|reason| {
        let words = format!("The request cannot be read: {reason}");
        Box::new(error(StatusCode::BAD_REQUEST, &words))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_service_said_is_text_and_never_markup() {
        assert_eq!(escape(r#"<a b="c">&'"#), "&lt;a b=&quot;c&quot;&gt;&amp;&#39;");
    }

    #[test]
    fn settings_without_a_value_change_nothing() {
        assert!(serde_json::from_str::<SettingsBody>("{}").is_err());
        let reset: SettingsBody = serde_json::from_str(r#"{"idleMinutes":null}"#).expect("null");
        assert_eq!(reset.idle_minutes, None);
    }
}
