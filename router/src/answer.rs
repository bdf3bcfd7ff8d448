//! The front door's own answers: never cached, never framed, in plain words.

use events::{Reason, ReasonClass};
use http::header::{self, HeaderName, HeaderValue};
use http::{Response, StatusCode};
use ports::Fault;
use serde::Serialize;
use serde_json::json;

/// A body of either side: ours, or an agent's as it streams.
pub type Body = axum::body::Body;

/// When a client should come back to a workspace that is not up, in seconds.
const RETRY_AFTER_S: u16 = 3;

/// Our pages run our own script file and nothing else; they are never inside another page, so that
/// nobody can be led to press Stop unseen.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; \
    img-src 'self' data:; form-action 'self'; frame-ancestors 'none'; base-uri 'none'";

/// Nobody learns more of an address than its origin, so that no log-in link leaks. Not
/// `no-referrer`: with it, browsers send `Origin: null` with a form, and the form would be refused.
const REFERRER: &str = "strict-origin";

const FRAMES: HeaderName = HeaderName::from_static("x-frame-options");

/// An answer of any type.
pub(crate) fn plain(
    status: StatusCode,
    kind: &'static str,
    body: impl Into<Body>,
) -> Response<Body> {
    let mut response = Response::new(body.into());
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static(REFERRER));
    headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
    headers.insert(FRAMES, HeaderValue::from_static("DENY"));
    response
}

/// A page.
pub(crate) fn html(status: StatusCode, page: String) -> Response<Body> {
    plain(status, "text/html; charset=utf-8", page)
}

/// A value.
pub(crate) fn json(status: StatusCode, value: &impl Serialize) -> Response<Body> {
    match serde_json::to_string(value) {
        Ok(text) => plain(status, "application/json", text),
        Err(error) => {
            tracing::error!(%error, "an answer could not be written");
            plain(StatusCode::INTERNAL_SERVER_ERROR, "application/json", "{}")
        }
    }
}

/// An error in plain words.
pub(crate) fn error(status: StatusCode, words: &str) -> Response<Body> {
    json(status, &json!({ "error": words }))
}

/// What a producer refused, or that the store does not answer.
pub(crate) fn fault(fault: &Fault) -> Response<Body> {
    let reason = fault.reason();
    if let Fault::Refused(Reason { words, hint, .. }) = fault {
        return json(StatusCode::CONFLICT, &json!({ "error": words, "hint": hint }));
    }
    tracing::warn!(%fault, ?reason, "the front door could not ask");
    if reason.class == ReasonClass::Internal {
        let words = "Something went wrong on our side. Your administrator can see it in the log.";
        return error(StatusCode::INTERNAL_SERVER_ERROR, words);
    }
    retry(error(StatusCode::SERVICE_UNAVAILABLE, "The front door is busy. Try again in a moment."))
}

/// Adds when to come back.
pub(crate) fn retry(mut response: Response<Body>) -> Response<Body> {
    response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(RETRY_AFTER_S));
    response
}
