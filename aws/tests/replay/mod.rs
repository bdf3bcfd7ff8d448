//! A service that says what its documentation says: each request is answered with the next of these.

use aws_smithy_http_client::test_util::{ReplayEvent, StaticReplayClient};
use aws_smithy_types::body::SdkBody;

/// A connection to a service that answers with these statuses and bodies, in this order.
pub(crate) fn answering<'a>(
    answers: impl IntoIterator<Item = &'a (u16, &'a str)>,
) -> StaticReplayClient {
    let event = |(status, body): &(u16, &str)| {
        let answer = http::Response::builder().status(*status).body(SdkBody::from(*body));
        let request = http::Request::builder().uri("https://x.example").body(SdkBody::empty());
        ReplayEvent::new(request.expect("a request"), answer.expect("an answer"))
    };
    StaticReplayClient::new(answers.into_iter().map(event).collect())
}
