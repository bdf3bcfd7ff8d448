//! What the sidecar itself answers when a request goes no further, in the shape of the provider
//! that the client believes it talks to, so that its own error handling works.

use http::{HeaderMap, HeaderValue, Response, StatusCode, header};
use serde_json::{Value, json};

use crate::body::{Out, full};

/// The longest wait in seconds that the official clients keep to; told a longer one, they come
/// back after a few seconds all the same (openai-python and anthropic-sdk-python,
/// `_calculate_retry_timeout`).
pub(crate) const CLIENT_WAIT_MAX: u64 = 60;

/// How a provider's errors look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shape {
    /// `{"type":"error","error":{"type","message"}}`
    Anthropic,
    /// `{"error":{"message","type","param","code"}}`
    OpenAi,
    /// `{"error":{"code","message","status"}}` (cloud.google.com/apis/design/errors)
    Google,
    /// `{"message"}` and `x-amzn-errortype`
    /// (docs.aws.amazon.com/bedrock/latest/APIReference/CommonErrors.html)
    Bedrock,
}

/// Why a request goes no further.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// It cannot be understood, or is odd.
    BadRequest,
    /// It has no token that is good.
    NoToken,
    /// Its path is not served.
    NoPath,
    /// Its path is served by another method.
    WrongMethod,
    /// Its body is too large.
    TooLarge,
    /// Every key must rest for a while.
    KeysRest,
    /// The workspace may not ask for this model.
    NotAllowed,
    /// The workspace has used up what it may use in a moment.
    Limited,
    /// The workspace has used up what it may use in a day or a month. No client shall try again by
    /// itself.
    Spent,
    /// There is no key that the provider takes.
    NoKey,
    /// Something of ours cannot now.
    Unavailable,
    /// The provider did not answer properly.
    BadUpstream,
    /// The provider did not answer in time.
    SlowUpstream,
}

/// Tells a client with how many keys its request was tried, when there were several.
pub(crate) fn tell_attempts(headers: &mut HeaderMap, attempts: u32) {
    if attempts > 1 {
        headers.insert("x-teamclaw-attempts", HeaderValue::from(attempts));
    }
}

/// An answer of our own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Refusal {
    /// Why.
    pub(crate) kind: Kind,
    /// What happened and what to do, in plain words.
    pub(crate) words: String,
    /// After how many seconds it may be tried again.
    pub(crate) retry_after: Option<u64>,
    /// With how many keys it was tried.
    pub(crate) attempts: u32,
}

impl Refusal {
    /// A refusal that says nothing of another try.
    pub(crate) fn new(kind: Kind, words: impl Into<String>) -> Self {
        Self { kind, words: words.into(), retry_after: None, attempts: 0 }
    }

    /// Says when it may be tried again.
    pub(crate) fn after(mut self, seconds: u64) -> Self {
        self.retry_after = Some(seconds);
        self
    }

    /// Says with how many keys it was tried.
    pub(crate) fn tried(mut self, attempts: u32) -> Self {
        self.attempts = attempts;
        self
    }

    /// The HTTP status.
    pub(crate) fn status(&self) -> StatusCode {
        match self.kind {
            Kind::BadRequest => StatusCode::BAD_REQUEST,
            Kind::NoToken => StatusCode::UNAUTHORIZED,
            Kind::NoPath => StatusCode::NOT_FOUND,
            Kind::WrongMethod => StatusCode::METHOD_NOT_ALLOWED,
            Kind::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Kind::KeysRest | Kind::Limited | Kind::Spent => StatusCode::TOO_MANY_REQUESTS,
            Kind::NotAllowed => StatusCode::FORBIDDEN,
            Kind::NoKey | Kind::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
            Kind::BadUpstream => StatusCode::BAD_GATEWAY,
            Kind::SlowUpstream => StatusCode::GATEWAY_TIMEOUT,
        }
    }

    /// The status in a provider's own shape. They differ about a budget that is used up: it is
    /// Anthropic's 402 (platform.claude.com/docs/en/api/errors), OpenAI's 429 with its own code and
    /// `x-should-retry: false` (platform.openai.com/docs/guides/error-codes), and Bedrock's 400
    /// (its `ServiceQuotaExceededException`). Google's would be 429, which its clients try again;
    /// 403 they do not.
    fn status_in(&self, shape: Shape) -> StatusCode {
        match (self.kind, shape) {
            (Kind::Spent, Shape::Anthropic) => StatusCode::PAYMENT_REQUIRED,
            (Kind::Spent, Shape::Google) => StatusCode::FORBIDDEN,
            (Kind::Spent, Shape::Bedrock) => StatusCode::BAD_REQUEST,
            _ => self.status(),
        }
    }

    /// Anthropic's type (platform.claude.com/docs/en/api/errors) and OpenAI's type and code.
    fn names(&self) -> (&'static str, &'static str, &'static str) {
        match self.kind {
            Kind::BadRequest => ("invalid_request_error", "invalid_request_error", "bad_request"),
            Kind::NoToken => ("authentication_error", "invalid_request_error", "invalid_api_key"),
            Kind::NoPath => ("not_found_error", "invalid_request_error", "unknown_url"),
            Kind::WrongMethod => {
                ("invalid_request_error", "invalid_request_error", "method_not_supported")
            }
            Kind::TooLarge => ("request_too_large", "invalid_request_error", "request_too_large"),
            Kind::KeysRest | Kind::Limited => {
                ("rate_limit_error", "requests", "rate_limit_exceeded")
            }
            Kind::NotAllowed => ("permission_error", "invalid_request_error", "model_not_allowed"),
            Kind::Spent => ("billing_error", "insufficient_quota", "insufficient_quota"),
            Kind::NoKey => ("api_error", "server_error", "no_provider_key"),
            Kind::Unavailable => ("api_error", "server_error", "unavailable"),
            Kind::BadUpstream => ("api_error", "server_error", "bad_gateway"),
            Kind::SlowUpstream => ("timeout_error", "server_error", "timeout"),
        }
    }

    /// The kind as OpenAI's clients are told it, and as it is counted.
    pub(crate) fn code(&self) -> &'static str {
        self.names().2
    }

    /// Google's status and Bedrock's type of exception.
    fn cloud_names(&self) -> (&'static str, &'static str) {
        match self.kind {
            Kind::BadRequest | Kind::TooLarge => ("INVALID_ARGUMENT", "ValidationException"),
            Kind::NoToken => ("UNAUTHENTICATED", "UnrecognizedClientException"),
            Kind::NoPath => ("NOT_FOUND", "ResourceNotFoundException"),
            Kind::WrongMethod => ("UNIMPLEMENTED", "UnknownOperationException"),
            Kind::KeysRest | Kind::Limited => ("RESOURCE_EXHAUSTED", "ThrottlingException"),
            Kind::NotAllowed => ("PERMISSION_DENIED", "AccessDeniedException"),
            Kind::Spent => ("PERMISSION_DENIED", "ServiceQuotaExceededException"),
            Kind::NoKey | Kind::Unavailable => ("UNAVAILABLE", "ServiceUnavailableException"),
            Kind::BadUpstream => ("UNAVAILABLE", "InternalServerException"),
            Kind::SlowUpstream => ("DEADLINE_EXCEEDED", "ModelTimeoutException"),
        }
    }

    /// The event that tells it within a WebSocket of OpenAI's
    /// (platform.openai.com/docs/api-reference/realtime-server-events/error).
    pub(crate) fn event(&self) -> String {
        let (_, kind, code) = self.names();
        let words = format!("teamclaw: {}", self.words);
        let error = json!({"message": words, "type": kind, "param": null, "code": code,
            "event_id": null});
        json!({"type": "error", "event_id": "event_teamclaw", "status": self.status().as_u16(),
            "error": error})
        .to_string()
    }

    /// Google's body. Its clients read the wait from the details.
    fn google(&self, words: &str) -> Value {
        let mut error = json!({"code": self.status_in(Shape::Google).as_u16(), "message": words,
            "status": self.cloud_names().0});
        if let Some(seconds) = self.retry_after {
            error["details"] = json!([{"@type": "type.googleapis.com/google.rpc.RetryInfo",
                "retryDelay": format!("{seconds}s")}]);
        }
        json!({"error": error})
    }

    /// Whether the client's own retries can help. Both official clients obey `x-should-retry`.
    fn worth_retrying(&self) -> bool {
        match self.kind {
            Kind::KeysRest | Kind::Limited => {
                self.retry_after.is_none_or(|seconds| seconds <= CLIENT_WAIT_MAX)
            }
            Kind::Unavailable | Kind::BadUpstream | Kind::SlowUpstream => true,
            Kind::BadRequest
            | Kind::NoToken
            | Kind::NoPath
            | Kind::WrongMethod
            | Kind::TooLarge
            | Kind::NotAllowed
            | Kind::Spent
            | Kind::NoKey => false,
        }
    }

    /// The answer on the wire.
    pub(crate) fn response(&self, shape: Shape) -> Response<Out> {
        let (anthropic, openai, code) = self.names();
        let words = format!("teamclaw: {}", self.words);
        let body = match shape {
            Shape::Anthropic => {
                json!({"type": "error", "error": {"type": anthropic, "message": words}})
            }
            Shape::OpenAi => json!({"error":
                {"message": words, "type": openai, "param": null, "code": code}}),
            Shape::Google => self.google(&words),
            Shape::Bedrock => json!({"message": words}),
        };
        let mut response = Response::new(full(body.to_string().into()));
        *response.status_mut() = self.status_in(shape);
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        let retry = if self.worth_retrying() { "true" } else { "false" };
        headers.insert("x-should-retry", HeaderValue::from_static(retry));
        if shape == Shape::Bedrock {
            let kind = HeaderValue::from_static(self.cloud_names().1);
            headers.insert("x-amzn-errortype", kind);
        }
        tell_attempts(headers, self.attempts);
        if let Some(seconds) = self.retry_after {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }
}

#[cfg(test)]
mod tests {
    use http_body_util::BodyExt;

    use super::*;

    async fn told(shape: Shape) -> (http::HeaderMap, Value) {
        let response = Refusal::new(Kind::KeysRest, "wait").after(46).response(shape);
        assert_eq!(response.status(), StatusCode::TOO_MANY_REQUESTS);
        let (head, body) = response.into_parts();
        let body = body.collect().await.expect("a body").to_bytes();
        (head.headers, serde_json::from_slice(&body).expect("JSON"))
    }

    #[tokio::test]
    async fn each_provider_refuses_in_its_own_words() {
        let (_, body) = told(Shape::Anthropic).await;
        assert_eq!(body["error"]["type"], "rate_limit_error");
        let (_, body) = told(Shape::OpenAi).await;
        assert_eq!(body["error"]["code"], "rate_limit_exceeded");
        let (_, body) = told(Shape::Google).await;
        assert_eq!(body["error"]["code"], 429);
        assert_eq!(body["error"]["status"], "RESOURCE_EXHAUSTED");
        assert_eq!(body["error"]["details"][0]["retryDelay"], "46s");
        let (headers, body) = told(Shape::Bedrock).await;
        assert_eq!(headers["x-amzn-errortype"], "ThrottlingException");
        assert_eq!(
            (&headers["retry-after"], &body["message"]),
            (&HeaderValue::from(46), &json!("teamclaw: wait"))
        );
    }
}
