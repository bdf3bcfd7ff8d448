//! Answers, in each service's own form, and what may go wrong with them.

use std::time::Duration;

use http::StatusCode;
use serde_json::{Value, json};

/// What a call meets instead of being carried out quietly.
#[derive(Clone, Debug)]
pub enum Trouble {
    /// It is refused as too often, with `Retry-After` if a time is given. It has not acted.
    Throttled(Option<Duration>),
    /// 500, and it has not acted.
    Fails,
    /// It acts, and then answers 500.
    ActsAndFails,
    /// It acts, and then the connection breaks.
    ActsAndIsLost,
    /// It acts no further than to say this, in the service's own form.
    Says {
        /// The HTTP status.
        status: u16,
        /// The error's code.
        code: &'static str,
        /// The service's words.
        words: &'static str,
    },
    /// `RunTask` answers 200, and this is the reason among `failures`.
    Failure(&'static str),
}

/// Whose form an answer has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    /// ECS: JSON 1.1.
    Json,
    /// EFS: JSON by paths.
    Rest,
    /// IAM and ELBv2: XML for queries.
    Xml,
}

/// A call's answer before it has a form.
#[derive(Clone, Debug)]
pub(crate) enum Answer {
    /// JSON.
    Json(Value),
    /// Nothing but a status.
    Empty,
    /// The inside of an XML result.
    Xml(String),
    /// An error: status, code, words, and fields of its own.
    Error(u16, &'static str, String, Value),
}

impl Answer {
    /// An error without fields of its own.
    pub(crate) fn error(status: u16, code: &'static str, words: impl Into<String>) -> Self {
        Self::Error(status, code, words.into(), json!({}))
    }

    /// "Too often", as this form says it.
    pub(crate) fn throttled(form: Form) -> Self {
        match form {
            Form::Json => Self::error(400, "ThrottlingException", "Rate exceeded"),
            Form::Rest => Self::error(429, "TooManyRequests", "Too many requests"),
            Form::Xml => Self::error(400, "Throttling", "Rate exceeded"),
        }
    }

    /// "The service is in trouble", as this form says it.
    pub(crate) fn failed(form: Form) -> Self {
        match form {
            Form::Json => {
                Self::error(500, "ServerException", "Service Unavailable. Please try again later.")
            }
            Form::Rest => Self::error(
                500,
                "InternalServerError",
                "Returned if an error occurred on the server side.",
            ),
            Form::Xml => Self::error(
                500,
                "ServiceFailure",
                "The request processing has failed because of an unknown error.",
            ),
        }
    }

    /// Status, headers and body.
    pub(crate) fn written(
        self,
        form: Form,
        call: &str,
    ) -> (StatusCode, Vec<(&'static str, String)>, String) {
        let kind = match form {
            Form::Json => "application/x-amz-json-1.1",
            Form::Rest => "application/json",
            Form::Xml => "text/xml",
        };
        let mut headers =
            vec![("content-type", kind.to_owned()), ("x-amzn-requestid", "fake".to_owned())];
        let ok = StatusCode::OK;
        match self {
            Self::Json(body) => (ok, headers, body.to_string()),
            Self::Empty => (StatusCode::NO_CONTENT, headers, String::new()),
            Self::Xml(inside) => (ok, headers, result(call, &inside)),
            Self::Error(status, code, words, fields) => {
                let status = StatusCode::from_u16(status).unwrap_or(StatusCode::BAD_REQUEST);
                if form == Form::Rest {
                    headers.push(("x-amzn-errortype", code.to_owned()));
                }
                (status, headers, error_body(form, code, &words, fields))
            }
        }
    }
}

fn error_body(form: Form, code: &str, words: &str, mut fields: Value) -> String {
    match form {
        Form::Json => {
            fields["__type"] = json!(code);
            fields["message"] = json!(words);
            fields.to_string()
        }
        Form::Rest => {
            fields["ErrorCode"] = json!(code);
            fields["Message"] = json!(words);
            fields.to_string()
        }
        Form::Xml => format!(
            "<ErrorResponse><Error><Type>Sender</Type><Code>{code}</Code><Message>{}</Message></Error>\
             <RequestId>fake</RequestId></ErrorResponse>",
            escaped(words)
        ),
    }
}

fn result(call: &str, inside: &str) -> String {
    let call = call.split_once('.').map_or(call, |(_, name)| name);
    format!(
        "<{call}Response><{call}Result>{inside}</{call}Result>\
         <ResponseMetadata><RequestId>fake</RequestId></ResponseMetadata></{call}Response>"
    )
}

/// Text as it may stand in XML.
pub(crate) fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}
