//! Every provider, as data. A new one is a row here, its paths in `routes`, and its golden answers
//! in `tests/golden`.
//!
//! What a key is tried by is what each provider documents as its list of models, which it gives to
//! nobody without a key; OpenRouter's list is public, so that there the key itself is asked about
//! (openrouter.ai/docs/api-reference/limits).

use super::routes::{
    ANTHROPIC, AZURE_DEPLOYMENTS, BEDROCK, CHAT, CODEX, CODEX_SOCKETS, GEMINI, GROQ, MESSAGES,
    MISTRAL, OPENAI, OPENAI_SOCKETS, OPENROUTER, VERTEX, VERTEX_CHAT, XAI,
};
use super::{Auth, OwnCost, Paths, Place, Route, Row, SignIn};
use crate::offer::{Dialect, Offer};
use crate::refusal::Shape;

/// A provider that speaks OpenAI's language and differs in nothing.
const PLAIN: Row = Row {
    id: "",
    place: Place::Own(""),
    auth: Auth::Bearer,
    key_in_query: false,
    asks_usage: false,
    subscription: false,
    own_cost: None,
    sign_in: None,
    offer: offer(Dialect::Chat, "/v1"),
    trial: None,
    paths: &[],
    sockets: &[],
};

/// Claude Code's (docs.claude.com/en/docs/claude-code/iam). It was at console.anthropic.com before.
const CLAUDE: SignIn = SignIn {
    endpoint: "https://platform.claude.com/v1/oauth/token",
    client: "9d1c250a-e61b-44d9-88ed-5944d1962f5e",
};

/// Codex's (github.com/openai/codex, codex-rs/login).
const CHATGPT: SignIn = SignIn {
    endpoint: "https://auth.openai.com/oauth/token",
    client: "app_EMoamEEZ73f0CkXaXp7hrann",
};

const fn offer(dialect: Dialect, path: &'static str) -> Option<Offer> {
    Some(Offer { dialect, path })
}

const fn paths(
    spellings: &'static [&'static str],
    upstream: &'static str,
    shape: Shape,
    routes: &'static [Route],
) -> Paths {
    Paths { spellings, upstream, shape, routes }
}

/// What clients of Codex put before its path.
const CODEX_SPELLINGS: &[&str] = &["/backend-api/codex", "/codex", "/v1", ""];

/// Every provider.
pub(crate) static ALL: [Row; 15] = [
    Row {
        id: "anthropic",
        place: Place::At("https://api.anthropic.com"),
        auth: Auth::XApiKey,
        sign_in: Some(CLAUDE),
        offer: offer(Dialect::Messages, ""),
        trial: Some("/v1/models?limit=1"),
        paths: &[paths(&["/v1", ""], "/v1", Shape::Anthropic, ANTHROPIC)],
        ..PLAIN
    },
    Row {
        id: "anthropic-token",
        place: Place::At("https://api.anthropic.com"),
        auth: Auth::AnthropicToken,
        subscription: true,
        sign_in: Some(CLAUDE),
        offer: offer(Dialect::Messages, ""),
        paths: &[paths(&["/v1", ""], "/v1", Shape::Anthropic, ANTHROPIC)],
        ..PLAIN
    },
    Row {
        id: "openai",
        place: Place::At("https://api.openai.com"),
        asks_usage: true,
        offer: offer(Dialect::Responses, "/v1"),
        trial: Some("/v1/models"),
        paths: &[paths(&["/v1", ""], "/v1", Shape::OpenAi, OPENAI)],
        sockets: &[paths(&["/v1", ""], "/v1", Shape::OpenAi, OPENAI_SOCKETS)],
        ..PLAIN
    },
    Row {
        id: "openai-codex",
        place: Place::At("https://chatgpt.com"),
        auth: Auth::ChatGptToken,
        subscription: true,
        sign_in: Some(CHATGPT),
        offer: None,
        paths: &[paths(CODEX_SPELLINGS, "/backend-api/codex", Shape::OpenAi, CODEX)],
        sockets: &[paths(CODEX_SPELLINGS, "/backend-api/codex", Shape::OpenAi, CODEX_SOCKETS)],
        ..PLAIN
    },
    Row {
        id: "google",
        place: Place::At("https://generativelanguage.googleapis.com"),
        auth: Auth::XGoogApiKey,
        key_in_query: true,
        asks_usage: true,
        offer: offer(Dialect::Gemini, "/v1beta"),
        trial: Some("/v1beta/models?pageSize=1"),
        paths: &[
            paths(&["/v1beta", ""], "/v1beta", Shape::Google, GEMINI),
            paths(&["/v1"], "/v1", Shape::Google, GEMINI),
            paths(&["/v1beta/openai", "/openai"], "/v1beta/openai", Shape::OpenAi, CHAT),
        ],
        ..PLAIN
    },
    Row {
        id: "openrouter",
        place: Place::At("https://openrouter.ai"),
        asks_usage: true,
        own_cost: Some(OwnCost::Dollars),
        offer: offer(Dialect::Chat, "/api/v1"),
        trial: Some("/api/v1/key"),
        paths: &[
            paths(&["/api/v1", "/v1", ""], "/api/v1", Shape::OpenAi, OPENROUTER),
            paths(&["/api/v1", "/v1", ""], "/api/v1", Shape::Anthropic, MESSAGES),
        ],
        ..PLAIN
    },
    Row {
        id: "mistral",
        place: Place::At("https://api.mistral.ai"),
        trial: Some("/v1/models"),
        paths: &[paths(&["/v1", ""], "/v1", Shape::OpenAi, MISTRAL)],
        ..PLAIN
    },
    Row {
        id: "together",
        place: Place::At("https://api.together.xyz"),
        trial: Some("/v1/models"),
        paths: &[paths(&["/v1", ""], "/v1", Shape::OpenAi, CHAT)],
        ..PLAIN
    },
    Row {
        id: "groq",
        place: Place::At("https://api.groq.com"),
        asks_usage: true,
        offer: offer(Dialect::Chat, "/openai/v1"),
        trial: Some("/openai/v1/models"),
        paths: &[paths(&["/openai/v1", "/v1", ""], "/openai/v1", Shape::OpenAi, GROQ)],
        ..PLAIN
    },
    Row {
        id: "xai",
        place: Place::At("https://api.x.ai"),
        asks_usage: true,
        own_cost: Some(OwnCost::Ticks),
        trial: Some("/v1/models"),
        paths: &[paths(&["/v1", ""], "/v1", Shape::OpenAi, XAI)],
        ..PLAIN
    },
    Row {
        id: "deepseek",
        place: Place::At("https://api.deepseek.com"),
        asks_usage: true,
        trial: Some("/models"),
        paths: &[
            paths(&["/v1", ""], "/v1", Shape::OpenAi, CHAT),
            paths(&["/anthropic/v1", "/anthropic"], "/anthropic/v1", Shape::Anthropic, MESSAGES),
        ],
        ..PLAIN
    },
    Row {
        id: "fireworks",
        place: Place::At("https://api.fireworks.ai"),
        offer: offer(Dialect::Chat, "/inference/v1"),
        trial: Some("/inference/v1/models"),
        paths: &[paths(&["/inference/v1", "/v1", ""], "/inference/v1", Shape::OpenAi, CHAT)],
        ..PLAIN
    },
    Row {
        id: "amazon-bedrock",
        place: Place::Own("https://bedrock-runtime.{region}.amazonaws.com"),
        asks_usage: true,
        offer: offer(Dialect::Chat, "/openai/v1"),
        paths: &[
            paths(&[""], "", Shape::Bedrock, BEDROCK),
            paths(&["/openai/v1"], "/openai/v1", Shape::OpenAi, CHAT),
        ],
        ..PLAIN
    },
    Row {
        id: "azure-openai",
        place: Place::Own("https://{resource}.openai.azure.com"),
        auth: Auth::ApiKey,
        asks_usage: true,
        offer: offer(Dialect::Responses, "/openai/v1"),
        trial: Some("/openai/v1/models"),
        paths: &[
            paths(&["/openai/v1", "/v1", ""], "/openai/v1", Shape::OpenAi, OPENAI),
            paths(&["/openai", ""], "/openai", Shape::OpenAi, AZURE_DEPLOYMENTS),
        ],
        ..PLAIN
    },
    Row {
        id: "vertex",
        place: Place::Own("https://{region}-aiplatform.googleapis.com"),
        asks_usage: true,
        offer: None,
        paths: &[
            paths(&["/v1", ""], "/v1", Shape::Google, VERTEX),
            paths(&["/v1beta1"], "/v1beta1", Shape::Google, VERTEX),
            paths(&["/v1", ""], "/v1", Shape::OpenAi, VERTEX_CHAT),
            paths(&["/v1beta1"], "/v1beta1", Shape::OpenAi, VERTEX_CHAT),
        ],
        ..PLAIN
    },
];

/// A company's own provider that speaks OpenAI's language. Its base URL holds the version, as
/// OpenAI's clients have it.
pub(super) static CUSTOM_OPENAI: Row = Row {
    asks_usage: true,
    offer: offer(Dialect::Chat, ""),
    trial: Some("/models"),
    paths: &[paths(&["/v1", ""], "", Shape::OpenAi, OPENAI)],
    ..PLAIN
};

/// A company's own provider that speaks Anthropic's language. Its base URL leaves the version out,
/// as Anthropic's clients have it.
pub(super) static CUSTOM_ANTHROPIC: Row = Row {
    auth: Auth::XApiKey,
    offer: offer(Dialect::Messages, ""),
    trial: Some("/v1/models"),
    paths: &[paths(&["/v1", ""], "/v1", Shape::Anthropic, ANTHROPIC)],
    ..PLAIN
};
