//! The way to the engine: requests with the operator's token, bounded answers, time limits, and
//! every failure as a [`Problem`].
//!
//! Nothing here knows what a request means. Paths and queries are put together from parsed names
//! only, so that none needs escaping.

use std::time::Duration;

use bytes::Bytes;
use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderValue};
use http::{Method, Request, StatusCode, Uri};
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::{Client, connect::HttpConnector};
use hyper_util::rt::TokioExecutor;
use serde::{Serialize, de::DeserializeOwned};

use crate::backend;
use crate::cli::At;
use crate::problem::{
    EXIT_BUG, EXIT_FAILED, EXIT_NOT_FOUND, EXIT_REFUSED, EXIT_UNREACHABLE, EXIT_USAGE, Problem,
};
use crate::target::Target;
use admin::api::{ROOT, Trouble};

/// The longest answer that is read: a page of a thousand rows with long reasons fits.
const ANSWER_BYTES_MAX: usize = 8 * 1024 * 1024;
/// How long a connection may take.
const CONNECT_TIME_MAX: Duration = Duration::from_secs(5);
/// How long an answer may take.
const ANSWER_TIME_MAX: Duration = Duration::from_secs(30);
/// What to do when a gateway before the engine lets nobody in: its tokens are good for an hour.
const TOKEN_DO_THIS: &str = "get a new one from the issuer and put it into TEAMCLAW_TOKEN";
/// How long a question may be held open until there is something to say; the engine's own limit.
pub const WAIT_SECS: u64 = 20;

/// The engine, as far as the commands see it.
pub struct Engine {
    client: Client<HttpsConnector<HttpConnector>, Full<Bytes>>,
    target: Target,
    bearer: HeaderValue,
}

impl Engine {
    /// The engine that is meant: this machine's, one that the environment's variables name, or one
    /// that is deployed.
    ///
    /// # Errors
    /// No engine is known there, or its address or token makes no sense.
    pub async fn find(at: &At) -> Result<Self, Problem> {
        Self::at(backend::target(at).await?)
    }

    /// The engine at this place. Connects to nothing yet.
    ///
    /// # Errors
    /// The address or the token makes no sense.
    pub fn at(target: Target) -> Result<Self, Problem> {
        check_address(&target.url)?;
        let mut bearer = HeaderValue::from_str(&format!("Bearer {}", target.token.expose()))
            .map_err(|_| {
                let why = "it holds characters that no token has";
                Problem::new("the token makes no sense", why, "copy it again").with_code(EXIT_USAGE)
            })?;
        bearer.set_sensitive(true);
        let mut tcp = HttpConnector::new();
        tcp.enforce_http(false);
        tcp.set_connect_timeout(Some(CONNECT_TIME_MAX));
        tcp.set_nodelay(true);
        let connector =
            HttpsConnectorBuilder::new().with_webpki_roots().https_or_http().enable_http1();
        let client = Client::builder(TokioExecutor::new())
            // A command asks seldom: a kept connection would mostly be found closed.
            .pool_max_idle_per_host(0)
            .retry_canceled_requests(false)
            .build(connector.wrap_connector(tcp));
        Ok(Self { client, target, bearer })
    }

    /// Asks.
    ///
    /// # Errors
    /// The engine does not answer, or says no.
    pub async fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, Problem> {
        self.send(Method::GET, path, Bytes::new()).await
    }

    /// Asks for something to be done.
    ///
    /// # Errors
    /// The engine does not answer, or says no.
    pub async fn post<T: DeserializeOwned>(
        &self,
        path: &str,
        body: &impl Serialize,
    ) -> Result<T, Problem> {
        let body = serde_json::to_vec(body).map_err(|error| Problem::bug(error.to_string()))?;
        self.send(Method::POST, path, body.into()).await
    }

    /// Asks for something to be taken away.
    ///
    /// # Errors
    /// The engine does not answer, or says no.
    pub async fn delete<T: DeserializeOwned>(&self, path: &str) -> Result<T, Problem> {
        self.send(Method::DELETE, path, Bytes::new()).await
    }

    async fn send<T: DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
        body: Bytes,
    ) -> Result<T, Problem> {
        let request = Request::builder()
            .method(method)
            .uri(format!("{}{ROOT}{path}", self.target.url))
            .header(AUTHORIZATION, self.bearer.clone())
            .header(ACCEPT, "application/json")
            .header(CONTENT_TYPE, "application/json")
            .body(Full::new(body))
            .map_err(|error| Problem::bug(format!("no request to {path}: {error}")))?;
        let answer = tokio::time::timeout(ANSWER_TIME_MAX, self.exchange(request)).await;
        let (status, body) = answer.map_err(|_| {
            let why = format!("{} did not answer within {ANSWER_TIME_MAX:?}", self.target.url);
            unreachable(why)
        })??;
        read_answer(&self.target.url, status, &body)
    }

    async fn exchange(
        &self,
        request: Request<Full<Bytes>>,
    ) -> Result<(StatusCode, Bytes), Problem> {
        let url = &self.target.url;
        let answer = self.client.request(request).await.map_err(|error| {
            let verb = if error.is_connect() { "nothing answers at" } else { "lost the way to" };
            unreachable(format!("{verb} {url}: {}", root_cause(&error)))
        })?;
        let status = answer.status();
        let body = Limited::new(answer.into_body(), ANSWER_BYTES_MAX).collect().await;
        let body = body.map_err(|error| match error.downcast_ref::<LengthLimitError>() {
            Some(_) => Problem::bug(format!("the answer is longer than {ANSWER_BYTES_MAX} bytes")),
            None => unreachable(format!("{url} broke its answer off: {}", root_cause(&*error))),
        })?;
        Ok((status, body.to_bytes()))
    }
}

fn unreachable(why: String) -> Problem {
    let do_this = "see whether `teamclaw up` runs, and look at what it says";
    Problem::new("the engine is not reachable", why, do_this).with_code(EXIT_UNREACHABLE)
}

/// The innermost error says what the system said; the outer ones only where.
fn root_cause(error: &dyn std::error::Error) -> String {
    let mut cause = error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    cause.to_string()
}

/// The token must not travel in the clear: http is for this machine only.
fn check_address(url: &str) -> Result<(), Problem> {
    let uri: Option<Uri> = url.parse().ok();
    let host = uri.as_ref().and_then(Uri::host).unwrap_or_default();
    let plain = match uri.as_ref().and_then(Uri::scheme_str) {
        Some("https") if !host.is_empty() => return Ok(()),
        Some("http") => host.trim_start_matches('[').trim_end_matches(']'),
        _ => "",
    };
    let loopback = |ip: std::net::IpAddr| ip.is_loopback();
    if plain == "localhost" || plain.parse().is_ok_and(loopback) {
        return Ok(());
    }
    let why = format!("\"{url}\" is neither https nor http on this machine's loopback");
    let do_this = "use https, or a tunnel such as ssh -L 7700:127.0.0.1:7700";
    Err(Problem::new("the engine's address makes no sense", why, do_this).with_code(EXIT_USAGE))
}

fn read_answer<T: DeserializeOwned>(
    url: &str,
    status: StatusCode,
    body: &[u8],
) -> Result<T, Problem> {
    if status.is_success() {
        return serde_json::from_slice(body).map_err(|error| {
            let do_this = "compare `teamclaw --version` with the engine's; they should be the same";
            let why = format!("{url} answered what this program does not understand: {error}");
            Problem::new("the engine speaks another dialect", why, do_this).with_code(EXIT_BUG)
        });
    }
    let Ok(trouble) = serde_json::from_slice::<Trouble>(body) else {
        if matches!(status, StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN) {
            let why = format!("{url} answered {status}");
            return Err(Problem::new("the token is not accepted", why, TOKEN_DO_THIS));
        }
        if matches!(status.as_u16(), 429 | 502..=504) {
            return Err(unreachable(format!("{url} answered {status}")));
        }
        let do_this = "see with --data DIR or TEAMCLAW_URL that the right engine is meant";
        let why = format!("{url} answered {status}, which an engine does not say");
        return Err(
            Problem::new("this is not the engine", why, do_this).with_code(EXIT_UNREACHABLE)
        );
    };
    let exit = match status {
        StatusCode::BAD_REQUEST => EXIT_USAGE,
        StatusCode::NOT_FOUND => EXIT_NOT_FOUND,
        StatusCode::CONFLICT => EXIT_REFUSED,
        StatusCode::SERVICE_UNAVAILABLE => EXIT_UNREACHABLE,
        _ => EXIT_FAILED,
    };
    Err(Problem::new(trouble.what, trouble.why, trouble.do_this).with_code(exit))
}

#[cfg(test)]
mod tests;
