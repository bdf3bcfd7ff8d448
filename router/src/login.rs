//! Trading a link that works once for a session, and ending every session.
//!
//! A `GET` of the link trades nothing: mail scanners and chat previews open every link they see,
//! and many of them run its scripts too, so the page does not send itself off. A person presses
//! the button; a program sends the `POST` itself.

use events::Secret;
use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use http::{Request, Response, StatusCode};
use ports::Session;
use serde::Deserialize;
use serde_json::json;

use crate::answer::{self, Body, error, html, plain};
use crate::door::Router;
use crate::origin::{Vouch, vouch};
use crate::own::{bytes, message_page};
use crate::who::{COOKIE, Caller, token};

const LOGIN: &str = include_str!("page/login.html");

const CLEAR_SITE_DATA: HeaderName = HeaderName::from_static("clear-site-data");

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct LoginBody {
    once: String,
}

/// The page with the button.
pub(crate) fn page(request: &Request<Body>) -> Response<Body> {
    let query = request.uri().query().unwrap_or_default();
    match field(query).and_then(token) {
        // A token has no character that means anything in a page.
        Some(once) => html(StatusCode::OK, LOGIN.replace("{{once}}", once.expose())),
        None => {
            let words = "The log-in link is not whole. Copy all of it, or ask for a new one.";
            message_page(StatusCode::BAD_REQUEST, "This is not a log-in link", words)
        }
    }
}

impl Router {
    /// Trades the link's secret for a session and wakes the person's workspace.
    pub(crate) async fn log_in(&self, request: Request<Body>) -> Response<Body> {
        // Else a page elsewhere could log somebody in as its author, and read what they then say.
        if vouch(request.headers(), self.settings().origins()) == Vouch::Foreign {
            return error(StatusCode::FORBIDDEN, "The log-in does not come from our own page.");
        }
        let wants_json = wants_json(request.headers());
        let body = match bytes(request).await {
            Ok(body) => body,
            Err(refusal) => return *refusal,
        };
        let Some(once) = secret(&body) else {
            return error(StatusCode::BAD_REQUEST, "The log-in names no link.");
        };
        let now = self.bus().now();
        let until = now.saturating_add(self.settings().session).unwrap_or(now);
        let (person, session) = match self.people().redeem(once.expose(), now, until).await {
            Ok(Some(found)) => found,
            Ok(None) => return used_up(wants_json),
            Err(fault) => return answer::fault(&fault),
        };
        if let Err(fault) = producers::session::log_in(self.bus(), &person).await {
            // Nobody is told of a log-in that is on no record. The link is used up, and the session
            // that it became is known to nobody: another link makes another.
            tracing::warn!(id = %person.id, %fault, "a log-in could not be recorded");
            let words = "The log-in could not be written down, and its link is used up. Ask for \
                another link in a moment.";
            return error(StatusCode::SERVICE_UNAVAILABLE, words);
        }
        if wants_json {
            let Session { token, until } = session;
            return answer::json(
                StatusCode::OK,
                &json!({ "token": token.expose(), "until": until }),
            );
        }
        self.enter(&session)
    }

    /// Ends every session of the person, here and elsewhere.
    pub(crate) async fn log_out(&self, caller: &Caller) -> Response<Body> {
        if let Err(fault) = self.people().forget(caller.id()).await {
            return answer::fault(&fault);
        }
        let mut answer = answer::json(StatusCode::OK, &json!({ "loggedOut": true }));
        let headers = answer.headers_mut();
        headers.insert(CLEAR_SITE_DATA, HeaderValue::from_static("\"cache\", \"storage\""));
        set_cookie(headers, "", 0, self.settings().is_secure());
        answer
    }

    fn enter(&self, session: &Session) -> Response<Body> {
        let mut answer = plain(StatusCode::SEE_OTHER, "text/plain", "");
        let headers = answer.headers_mut();
        headers.insert(header::LOCATION, HeaderValue::from_static("/"));
        let age = self.settings().session.as_secs();
        set_cookie(headers, session.token.expose(), age, self.settings().is_secure());
        answer
    }
}

fn set_cookie(headers: &mut HeaderMap, value: &str, age_s: i64, secure: bool) {
    let secure = if secure { "; Secure" } else { "" };
    let text = format!("{COOKIE}={value}; Path=/; HttpOnly; SameSite=Lax; Max-Age={age_s}{secure}");
    if let Ok(mut value) = HeaderValue::from_str(&text) {
        value.set_sensitive(true);
        headers.insert(header::SET_COOKIE, value);
    }
}

fn used_up(wants_json: bool) -> Response<Body> {
    let words = "The log-in link was used before, or it is too old. Ask for a new one.";
    if wants_json {
        return error(StatusCode::FORBIDDEN, words);
    }
    message_page(StatusCode::FORBIDDEN, "This link no longer works", words)
}

fn wants_json(headers: &HeaderMap) -> bool {
    let accept = headers.get(header::ACCEPT).and_then(|value| value.to_str().ok());
    accept.is_some_and(|text| text.contains("application/json"))
}

/// The link's secret, from a form or from JSON.
fn secret(body: &[u8]) -> Option<Secret> {
    if let Ok(LoginBody { once }) = serde_json::from_slice(body) {
        return token(&once);
    }
    field(std::str::from_utf8(body).ok()?).and_then(token)
}

/// The field `once` of a query or a form. A secret of ours needs no escapes.
fn field(text: &str) -> Option<&str> {
    text.split('&').find_map(|pair| pair.strip_prefix("once="))
}
