//! What a function behind API Gateway answers: JSON, never cached, errors in plain words.

use lambda_http::Body;
use lambda_http::http::{HeaderValue, Response, StatusCode, header};
use ports::{Fault, Retry};
use serde::Serialize;
use serde_json::json;

/// When a client should come back while a service is busy, in seconds.
const RETRY_AFTER_S: u16 = 3;

/// A value.
pub fn json(status: StatusCode, value: &impl Serialize) -> Response<Body> {
    let (status, text) = match serde_json::to_string(value) {
        Ok(text) => (status, text),
        Err(error) => {
            tracing::error!(%error, "an answer could not be written");
            (StatusCode::INTERNAL_SERVER_ERROR, "{}".to_owned())
        }
    };
    self::text(status, text)
}

/// A value that is JSON already.
pub fn text(status: StatusCode, text: String) -> Response<Body> {
    let mut response = Response::new(Body::Text(text));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}

/// An error in plain words.
pub fn error(status: StatusCode, words: &str) -> Response<Body> {
    json(status, &json!({ "error": words }))
}

/// What did not work: whose turn it is to do something says the status.
pub fn fault(fault: &Fault) -> Response<Body> {
    tracing::warn!(%fault, "a request could not be answered");
    match (fault, fault.retry()) {
        (Fault::Refused(reason), _) => {
            json(StatusCode::CONFLICT, &json!({ "error": reason.words, "hint": reason.hint }))
        }
        (_, Retry::Later(_) | Retry::Reload) => {
            let words = "A service behind this one is busy. Try again in a moment.";
            let mut response = error(StatusCode::SERVICE_UNAVAILABLE, words);
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(RETRY_AFTER_S));
            response
        }
        (_, Retry::Never | Retry::Park) => {
            let words =
                "Something went wrong on our side. Your administrator can see it in the log.";
            error(StatusCode::INTERNAL_SERVER_ERROR, words)
        }
    }
}

#[cfg(test)]
mod tests {
    use events::{Reason, ReasonClass};

    use super::*;

    #[test]
    fn a_status_says_whose_turn_it_is() {
        let refused = Fault::Refused(Reason::new(ReasonClass::Internal, "it is parked"));
        let nonsense = Fault::Nonsense { service: "DynamoDB", words: "a secret".to_owned() };
        let table = [
            (refused, 409, "it is parked"),
            (Fault::unavailable("DynamoDB", "no answer"), 503, "busy"),
            (Fault::Throttled { service: "DynamoDB", after: None }, 503, "busy"),
            (Fault::Conflict, 503, "busy"),
            (nonsense, 500, "Something went wrong"),
        ];
        for (cause, status, words) in table {
            let answer = fault(&cause);
            assert_eq!(answer.status(), status);
            let Body::Text(text) = answer.body() else { panic!("text") };
            assert!(text.contains(words) && !text.contains("secret"), "{text}");
        }
    }
}
