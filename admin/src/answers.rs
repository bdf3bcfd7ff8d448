//! How the API says no: what, why, and what to do.

use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use ports::{Fault, Retry};

use crate::api::Trouble;

/// A request that was not done.
#[derive(Debug)]
pub(crate) struct Refusal {
    status: StatusCode,
    trouble: Trouble,
}

impl Refusal {
    /// The request itself is wrong.
    pub(crate) fn bad(why: impl Into<String>, do_this: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "the request is not understood", why, do_this)
    }

    /// There is no such thing.
    pub(crate) fn missing(what: impl Into<String>, do_this: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, "not found", what, do_this)
    }

    fn new(
        status: StatusCode,
        what: &str,
        why: impl Into<String>,
        do_this: impl Into<String>,
    ) -> Self {
        let trouble = Trouble { what: what.to_owned(), why: why.into(), do_this: do_this.into() };
        Self { status, trouble }
    }
}

impl From<Fault> for Refusal {
    fn from(fault: Fault) -> Self {
        let reason = fault.reason();
        let hint = reason.hint.clone();
        match fault.retry() {
            Retry::Never => {
                let do_this = hint.unwrap_or_else(|| "change what it names, then ask again".into());
                Self::new(StatusCode::CONFLICT, "refused", reason.words, do_this)
            }
            Retry::Later(_) | Retry::Reload => {
                let what = "not possible right now";
                Self::new(StatusCode::SERVICE_UNAVAILABLE, what, reason.words, "try again")
            }
            Retry::Park => {
                let do_this = "look at the engine's log and report this";
                let status = StatusCode::INTERNAL_SERVER_ERROR;
                Self::new(status, "something is broken", reason.words, do_this)
            }
        }
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        (self.status, Json(self.trouble)).into_response()
    }
}

/// Not the operator.
pub(crate) fn unauthorized() -> Response {
    let why = "the request carries no valid operator token";
    let do_this = "run the command as the user who started the engine, or set TEAMCLAW_TOKEN";
    Refusal::new(StatusCode::UNAUTHORIZED, "not allowed", why, do_this).into_response()
}

/// No such path.
pub(crate) async fn unknown() -> Response {
    Refusal::missing("the API has no such path", "look at teamclaw --help").into_response()
}
