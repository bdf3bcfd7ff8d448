//! What an agent may be offered: `GET /teamclaw/providers`, asked with the workspace's token.
//!
//! ```json
//! {"providers":[{"id":"google","path":"/google/v1beta","dialect":"gemini","keys":true}]}
//! ```
//! `path` is where a client of that dialect finds the provider here; `keys` says whether the pool
//! has any for it. Never a key, its fingerprint, or where the provider is.

use http::{HeaderValue, Method, Response, header};
use serde::Serialize;
use serde_json::json;

use crate::body::{Out, full};
use crate::proxy::Sidecar;
use crate::refusal::{Kind, Refusal};

/// The first part of the path; no provider has this id.
pub(crate) const PLACE: &str = "teamclaw";

/// Which of a provider's languages an agent speaks best with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Dialect {
    /// Anthropic Messages; clients add `/v1/messages`.
    Messages,
    /// OpenAI Responses; clients add `/responses`.
    Responses,
    /// OpenAI Chat; clients add `/chat/completions`.
    Chat,
    /// Gemini; clients add `/models/MODEL:streamGenerateContent`.
    Gemini,
}

/// How a provider is offered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Offer {
    pub(crate) dialect: Dialect,
    /// After the provider's id.
    pub(crate) path: &'static str,
}

/// Answers whoever has a good token.
pub(crate) async fn answer(
    sidecar: &Sidecar,
    method: &Method,
    path: &str,
) -> Result<Response<Out>, Refusal> {
    if path != "/providers" {
        return Err(Refusal::new(Kind::NoPath, "there is /teamclaw/providers, and nothing else"));
    }
    if method != Method::GET {
        return Err(Refusal::new(Kind::WrongMethod, "this path is read with GET"));
    }
    let mut all = Vec::new();
    for (id, offer) in sidecar.upstreams.providers.offers() {
        let keys = sidecar.pool.has_keys(id).await.map_err(|fault| {
            tracing::warn!(%fault, "the key pool could not be read");
            let words = "the key pool cannot be read right now; try again";
            Refusal::new(Kind::Unavailable, words).after(1)
        })?;
        let path = format!("/{id}{}", offer.path);
        all.push(json!({"id": id, "path": path, "dialect": offer.dialect, "keys": keys}));
    }
    let mut response = Response::new(full(json!({"providers": all}).to_string().into()));
    let kind = HeaderValue::from_static("application/json");
    response.headers_mut().insert(header::CONTENT_TYPE, kind);
    Ok(response)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Config, CustomProvider, Family, Upstreams};

    #[test]
    fn whoever_speaks_the_dialect_at_that_path_is_served() {
        let own = |family| CustomProvider { base_url: "https://x.example".to_owned(), family };
        let providers = [
            ("own-chat".to_owned(), own(Family::OpenAi)),
            ("own-messages".to_owned(), own(Family::Anthropic)),
        ];
        let here = ["amazon-bedrock", "azure-openai", "vertex"];
        let here = here.map(|id| (id.to_owned(), "https://x.example".to_owned()));
        let (providers, upstreams) = (providers.into(), here.into());
        let config = Config { providers, upstreams, ..Config::default() };
        let upstreams = Upstreams::new(&config).expect("good");
        let mut offered = Vec::new();
        for (id, offer) in upstreams.providers.offers() {
            let added = match offer.dialect {
                Dialect::Messages => "/v1/messages",
                Dialect::Responses => "/responses",
                Dialect::Chat => "/chat/completions",
                Dialect::Gemini => "/models/m:streamGenerateContent",
            };
            let provider = upstreams.providers.find(id).expect("served");
            let path = format!("{}{added}", offer.path);
            let found = provider.route(&Method::POST, &path);
            assert!(found.is_ok_and(|found| found.api.is_some()), "{id} {path}");
            offered.push(id);
        }
        // ChatGPT answers Codex alone, and Vertex has the project within its paths.
        let all = upstreams.providers.ids();
        let left: Vec<_> = all.into_iter().filter(|id| !offered.contains(id)).collect();
        assert_eq!(left, ["openai-codex", "vertex"]);
    }
}
