//! What a failed call to AWS means, for every service alike. What only one service says is sorted
//! beside its adapter first; the rest comes here.
//!
//! The codes are those of each service's "Common Errors" page and of
//! docs.aws.amazon.com/sdkref/latest/guide/feature-retry-behavior.html.

use std::time::Duration;

use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use ports::Fault;

/// Codes that mean "too often", whatever the service.
const THROTTLES: [&str; 12] = [
    "BandwidthLimitExceeded",
    "EC2ThrottledException",
    "LimitExceededException",
    "PriorRequestNotComplete",
    "ProvisionedThroughputExceededException",
    "RequestLimitExceeded",
    "RequestThrottled",
    "RequestThrottledException",
    "SlowDown",
    "ThrottledException",
    "Throttling",
    "ThrottlingException",
];
/// Codes of a service that cannot now.
const OUTAGES: [&str; 6] = [
    "InternalError",
    "InternalFailure",
    "InternalServerError",
    "RequestTimeout",
    "ServerException",
    "ServiceUnavailable",
];
/// From here on a status is the service's own trouble.
const SERVER_TROUBLE: u16 = 500;
/// The status of "too often" where a body says nothing.
const TOO_MANY_REQUESTS: u16 = 429;

/// What a service said, in the parts by which it is sorted. Pure, so that captured answers test it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Said {
    /// The error's code.
    pub code: String,
    /// The service's words. Never a request's content.
    pub words: String,
    /// The HTTP status.
    pub status: u16,
    /// `Retry-After`, if the service set it.
    pub after: Option<Duration>,
}

impl Said {
    /// What an answer says, if there was one.
    pub fn of<E: ProvideErrorMetadata>(error: &SdkError<E, HttpResponse>) -> Option<Self> {
        let raw = error.raw_response()?;
        let after = raw.headers().get("retry-after").and_then(|value| value.parse().ok());
        let meta = error.as_service_error();
        Some(Self {
            code: meta.and_then(ProvideErrorMetadata::code).unwrap_or_default().to_owned(),
            words: meta.and_then(ProvideErrorMetadata::message).unwrap_or_default().to_owned(),
            status: raw.status().as_u16(),
            after: after.map(Duration::from_secs),
        })
    }

    /// What it means, where the code means the same for every service.
    pub fn fault(self, service: &'static str) -> Fault {
        let Self { code, words, status, after } = self;
        if status == TOO_MANY_REQUESTS || THROTTLES.contains(&code.as_str()) {
            return Fault::Throttled { service, after };
        }
        if status >= SERVER_TROUBLE || OUTAGES.contains(&code.as_str()) {
            return Fault::unavailable(service, format!("{code}: {words}"));
        }
        Fault::Nonsense { service, words: format!("{code}: {words}") }
    }
}

/// What a failed call means when its service has nothing of its own to say about it. A call that
/// got no answer may have acted.
pub fn fault<E: ProvideErrorMetadata>(
    service: &'static str,
    error: &SdkError<E, HttpResponse>,
) -> Fault {
    match Said::of(error) {
        Some(said) => said.fault(service),
        None => Fault::unavailable(service, silence(error)),
    }
}

/// Why there is no answer, without anything of the request.
fn silence<E>(error: &SdkError<E, HttpResponse>) -> &'static str {
    match error {
        SdkError::ConstructionFailure(_) => "the request could not be made; are there credentials?",
        SdkError::TimeoutError(_) => "no answer in time",
        SdkError::DispatchFailure(_) => "no connection",
        SdkError::ResponseError(_) | SdkError::ServiceError(_) => "an answer that cannot be read",
        _ => "no answer",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(code: &str, status: u16) -> Said {
        Said { code: code.to_owned(), words: "words".to_owned(), status, after: None }
    }

    #[test]
    fn what_is_too_often_waits_as_long_as_the_service_says() {
        let after = Some(Duration::from_secs(7));
        let fault = Said { after, ..said("ThrottlingException", 400) }.fault("ecs");
        assert!(matches!(fault, Fault::Throttled { service: "ecs", after: told } if told == after));
        assert!(matches!(said("", 429).fault("ecs"), Fault::Throttled { .. }));
    }

    #[test]
    fn an_outage_is_asked_again_and_what_makes_no_sense_is_not() {
        assert!(matches!(said("", 503).fault("efs"), Fault::Unavailable { .. }));
        assert!(matches!(said("InternalServerError", 400).fault("efs"), Fault::Unavailable { .. }));
        assert!(matches!(said("ValidationException", 400).fault("efs"), Fault::Nonsense { .. }));
    }
}
