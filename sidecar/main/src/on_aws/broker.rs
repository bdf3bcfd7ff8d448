//! The broker as the sidecar asks it: over HTTP, with the lease's token and the name of this sidecar.

use std::time::Duration;

use aws::broker::wire::{self, Refusal, Traded};
use bytes::Bytes;
use events::Secret;
use http::header::AUTHORIZATION;
use http::{HeaderValue, Method, Request, StatusCode, Uri};
use http_body_util::{BodyExt as _, Empty, Limited};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use jiff::Timestamp;
use ports::{Fault, Spending};
use tokio::time::timeout;

use crate::settings::Problem;

/// As an operator knows it.
const SERVICE: &str = "lease broker";
/// How long it may take: a cold function and two calls of its own.
const ANSWER_MAX: Duration = Duration::from_secs(10);
/// The longest answer: credentials are about two kilobytes.
const BODY_MAX: usize = 64 * 1024;

/// The broker, asked for one lease.
pub(super) struct Broker {
    http: Client<HttpsConnector<HttpConnector>, Empty<Bytes>>,
    base: String,
    authorization: HeaderValue,
    holder: HeaderValue,
}

impl Broker {
    /// The broker at this base URL, for a sidecar of this name, which nobody else may learn: the token
    /// stands where others read it, and is worth nothing without the name.
    ///
    /// # Errors
    /// The URL is none, or would carry the token over a network in the open.
    pub(super) fn new(base: &str, token: &Secret, holder: &Secret) -> Result<Self, Problem> {
        let base = base.trim_end_matches('/').to_owned();
        check(&base).map_err(|why| Problem::new("the broker's URL", why))?;
        let authorization = secret_value(&format!("Bearer {}", token.expose()))?;
        let holder = secret_value(holder.expose())?;
        let connector = HttpsConnectorBuilder::new().with_webpki_roots().https_or_http();
        let http = Client::builder(TokioExecutor::new()).build(connector.enable_http1().build());
        Ok(Self { http, base, authorization, holder })
    }

    /// Trades the token.
    ///
    /// # Errors
    /// [`Refusal::Unknown`] or [`Refusal::Taken`] when the broker says so and nobody else; anything else
    /// may pass.
    pub(super) async fn trade(&self) -> Result<Traded, Refusal> {
        let body = self.ask(Method::POST, wire::PATH).await?;
        Traded::read(&body).map_err(away)
    }

    /// What the workspace has used since then, by the ledger.
    pub(super) async fn used(&self, since: Timestamp) -> Result<Spending, Refusal> {
        let body = self.ask(Method::GET, &wire::used_since(since)).await?;
        // The library's own words could tell a part of it.
        serde_json::from_str(body.expose()).map_err(|_| away(wire::Unreadable))
    }

    /// The body of a 200.
    async fn ask(&self, method: Method, path: &str) -> Result<Secret, Refusal> {
        let request = Request::builder().method(method).uri(format!("{}{path}", self.base));
        let request = request.header(AUTHORIZATION, self.authorization.clone());
        let request = request.header(wire::HOLDER_HEADER, self.holder.clone());
        let request = request.body(Empty::new()).map_err(away)?;
        let asked = async {
            let answer = self.http.request(request).await.map_err(away)?;
            let status = answer.status();
            let body = Limited::new(answer.into_body(), BODY_MAX).collect().await;
            let body =
                body.map_err(|error| Refusal::Unavailable(Fault::unavailable(SERVICE, error)));
            Ok((status, body?.to_bytes()))
        };
        let (status, body) = timeout(ANSWER_MAX, asked).await.map_err(away)??;
        match status {
            StatusCode::OK => {
                let text = std::str::from_utf8(&body).map_err(|_| away(wire::Unreadable))?;
                Ok(Secret::new(text))
            }
            StatusCode::UNAUTHORIZED => Err(Refusal::Unknown),
            StatusCode::CONFLICT => Err(Refusal::Taken),
            other => Err(Refusal::Unavailable(Fault::unavailable(
                SERVICE,
                format!("it answers {other}"),
            ))),
        }
    }
}

fn secret_value(text: &str) -> Result<HeaderValue, Problem> {
    let bad = |_| Problem::new("the lease's token", "it cannot be put into a header");
    let mut value = HeaderValue::try_from(text).map_err(bad)?;
    value.set_sensitive(true);
    Ok(value)
}

fn away(error: impl std::error::Error + Send + Sync + 'static) -> Refusal {
    Refusal::Unavailable(Fault::unavailable(SERVICE, error))
}

/// Plain http only to this machine, as for providers.
fn check(base: &str) -> Result<(), &'static str> {
    let uri: Uri = base.parse().map_err(|_| "it is no URL")?;
    let host = uri.host().ok_or("it has no host")?.trim_matches(['[', ']']);
    let loopback = host.parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback());
    match uri.scheme_str() {
        Some("https") => Ok(()),
        Some("http") if loopback => Ok(()),
        _ => Err("it must begin with https://"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_goes_to_nobody_in_the_open() {
        for good in ["https://api.example/prod", "http://127.0.0.1:9", "http://[::1]:9"] {
            assert!(check(good).is_ok(), "{good}");
        }
        for bad in ["", "api.example", "http://api.example", "http://10.0.0.1", "ftp://127.0.0.1"] {
            assert!(check(bad).is_err(), "{bad}");
        }
    }
}
