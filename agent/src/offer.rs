//! Which providers the agent is offered: those of which the sidecar says that the pool has keys.
//!
//! Anthropic and OpenAI are always among them, and so is the provider of the chosen model: their
//! sidecar says in plain words what is missing, and OpenClaw would say that it knows no such model.
//! It must not hinder a start: without an answer there are those two.

use std::net::SocketAddr;

use bytes::Bytes;
use http::{Request, StatusCode, header};
use serde::Deserialize;

use crate::ask::{Silence, send};
use crate::settings::Settings;

/// The sidecar's question (sidecar/src/offer.rs).
const PATH: &str = "/teamclaw/providers";
/// Always offered.
const ALWAYS: [&str; 2] = ["anthropic", "openai"];

/// A provider as OpenClaw is told it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Provider {
    /// As in `provider/model`.
    pub id: String,
    /// Where it is, after the sidecar's address.
    pub path: String,
    /// OpenClaw's name of its language.
    pub api: &'static str,
}

impl Provider {
    fn new(id: &str, path: &str, api: &'static str) -> Self {
        Self { id: id.to_owned(), path: path.to_owned(), api }
    }
}

/// What is offered when nobody says more.
pub fn always() -> Vec<Provider> {
    vec![
        Provider::new("anthropic", "/anthropic", "anthropic-messages"),
        Provider::new("openai", "/openai/v1", "openai-responses"),
    ]
}

/// The sidecar's answer.
#[derive(Deserialize)]
struct Told {
    providers: Vec<One>,
}

#[derive(Deserialize)]
struct One {
    id: String,
    path: String,
    dialect: String,
    keys: bool,
}

/// Asks the sidecar what to offer.
///
/// # Errors
/// Why it is not known, in words; then [`always`] is offered.
pub(crate) async fn ask(settings: &Settings) -> Result<Vec<Provider>, String> {
    let place = settings.sidecar.strip_prefix("http://").unwrap_or(&settings.sidecar);
    let address: SocketAddr = place.parse().map_err(|_| "its address is odd".to_owned())?;
    let request = Request::get(PATH)
        .header(header::HOST, place)
        .header("x-api-key", settings.token.expose())
        .header(header::CONNECTION, "close");
    let answer = send(address, request, Bytes::new());
    let answer = answer.await.map_err(|silence: Silence| silence.to_string())?;
    if answer.status != StatusCode::OK {
        return Err(format!("it answers {}", answer.status.as_u16()));
    }
    let told: Told = serde_json::from_slice(&answer.body).map_err(|error| error.to_string())?;
    Ok(offered(told, &settings.model))
}

fn offered(told: Told, model: &str) -> Vec<Provider> {
    let chosen = model.split_once('/').map_or("", |(provider, _)| provider);
    let mut all = always();
    for One { id, path, dialect, keys } in told.providers {
        let wanted = keys || id == chosen;
        // A dialect that is new to us cannot be offered.
        let Some(api) = api(&dialect).filter(|_| wanted && !ALWAYS.contains(&&*id)) else {
            continue;
        };
        all.push(Provider { id, path, api });
    }
    all
}

/// OpenClaw's name of a dialect (docs.openclaw.ai/gateway/config-tools, `models.providers.*.api`).
fn api(dialect: &str) -> Option<&'static str> {
    Some(match dialect {
        "messages" => "anthropic-messages",
        "responses" => "openai-responses",
        "chat" => "openai-completions",
        "gemini" => "google-generative-ai",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ask::tests::{agent, http};
    use crate::settings::tests::settings;

    const TOLD: &str = r#"{"providers":[
        {"id":"acme","path":"/acme","dialect":"chat","keys":true},
        {"id":"anthropic","path":"/anthropic","dialect":"messages","keys":true},
        {"id":"google","path":"/google/v1beta","dialect":"gemini","keys":true},
        {"id":"groq","path":"/groq/openai/v1","dialect":"chat","keys":false},
        {"id":"mars","path":"/mars","dialect":"martian","keys":true},
        {"id":"openai","path":"/openai/v1","dialect":"responses","keys":false},
        {"id":"xai","path":"/xai/v1","dialect":"chat","keys":false}]}"#;

    #[tokio::test]
    async fn who_has_keys_is_offered_and_so_is_whose_model_was_chosen() {
        let address = agent(|request| {
            assert!(request.starts_with("GET /teamclaw/providers "), "{request}");
            assert!(request.contains("x-api-key: lease-token"), "{request}");
            http("200 OK", "", TOLD)
        })
        .await;
        let sidecar = format!("http://{address}");
        let changes = [("TEAMCLAW_SIDECAR", &*sidecar), ("TEAMCLAW_MODEL", "xai/grok-4-latest")];
        let settings = settings(&changes).unwrap_or_else(|error| panic!("{error}"));
        let offered = ask(&settings).await.expect("told");
        let expected = [
            always(),
            vec![
                Provider::new("acme", "/acme", "openai-completions"),
                Provider::new("google", "/google/v1beta", "google-generative-ai"),
                Provider::new("xai", "/xai/v1", "openai-completions"),
            ],
        ];
        assert_eq!(offered, expected.concat());
    }

    #[tokio::test]
    async fn a_sidecar_that_does_not_say_is_told_apart() {
        let missing: fn(&str) -> String = |_| http("404 Not Found", "", "{}");
        let odd: fn(&str) -> String = |_| http("200 OK", "", "[]");
        for (answer, words) in [(missing, "it answers 404"), (odd, "invalid")] {
            let sidecar = format!("http://{}", agent(answer).await);
            let settings = settings(&[("TEAMCLAW_SIDECAR", &sidecar)]);
            let settings = settings.unwrap_or_else(|error| panic!("{error}"));
            let error = ask(&settings).await.expect_err("nothing of use");
            assert!(error.contains(words), "{error}");
        }
    }
}
