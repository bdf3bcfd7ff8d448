//! One question to a provider's token endpoint. What its answer means, `rules` says.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use events::Secret;
use http::{HeaderValue, Method, Request, Uri, header};
use http_body_util::{BodyExt, Limited};
use ports::Clock;
use tokio::time::timeout;

use super::rules::{self, Said};
use crate::body::full;
use crate::upstream::Upstream;

/// How long an endpoint may take for its whole answer.
const ANSWER_MAX: Duration = Duration::from_secs(15);
/// The longest answer that is read: two tokens, of which a web token has a few KB.
const ANSWER_LENGTH_MAX: usize = 64 * 1024;

/// Where the tokens of a provider are renewed.
#[derive(Clone, Debug)]
pub(super) struct Endpoint {
    pub(super) place: Uri,
    /// The public id of the program to which the provider gives such tokens.
    pub(super) client: &'static str,
}

impl Endpoint {
    /// Asks for the token after the one of this refresh token.
    pub(super) async fn ask(
        &self,
        upstream: &Upstream,
        refresh: &Secret,
        clock: &Arc<dyn Clock>,
    ) -> Said {
        let question = rules::question(self.client, refresh);
        let mut request = Request::new(full(Bytes::from(question.expose().to_owned())));
        *request.method_mut() = Method::POST;
        *request.uri_mut() = self.place.clone();
        let json = HeaderValue::from_static("application/json");
        request.headers_mut().insert(header::CONTENT_TYPE, json.clone());
        request.headers_mut().insert(header::ACCEPT, json);
        let answer = timeout(ANSWER_MAX, async {
            // The error names hosts and causes, never a header or a body.
            let answer = upstream.send(request).await.map_err(|error| error.to_string())?;
            let (head, body) = answer.into_parts();
            let body = Limited::new(body, ANSWER_LENGTH_MAX).collect().await;
            let body = body.map_err(|_| "its answer broke off".to_owned())?;
            Ok((head.status, body.to_bytes()))
        });
        match answer.await {
            Ok(Ok((status, body))) => rules::said(status, &body, refresh, clock.now()),
            Ok(Err(words)) => Said::Trouble(words),
            Err(_) => Said::Trouble("it did not answer in time".to_owned()),
        }
    }
}
