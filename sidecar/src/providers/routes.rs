//! The paths of each family of APIs, below the prefix that the table gives. Nothing here names a
//! stored object.

use http::Method;

use super::{Api, Route};

const fn post(path: &'static str, api: Api) -> Route {
    Route { method: Method::POST, path, api: Some(api) }
}

const fn free(method: Method, path: &'static str) -> Route {
    Route { method, path, api: None }
}

/// A path that is a WebSocket.
const fn socket(path: &'static str, api: Api) -> Route {
    Route { method: Method::GET, path, api: Some(api) }
}

/// platform.claude.com/docs/en/api
pub(super) const ANTHROPIC: &[Route] = &[
    post("/messages", Api::AnthropicMessages),
    free(Method::POST, "/messages/count_tokens"),
    free(Method::GET, "/models"),
    free(Method::GET, "/models/{}"),
];

/// Messages alone, where another provider speaks them.
pub(super) const MESSAGES: &[Route] = &[post("/messages", Api::AnthropicMessages)];

/// platform.openai.com/docs/api-reference
pub(super) const OPENAI: &[Route] = &[
    post("/chat/completions", Api::OpenAiChat),
    post("/completions", Api::OpenAiChat),
    post("/responses", Api::OpenAiResponses),
    post("/embeddings", Api::OpenAiEmbeddings),
    post("/images/generations", Api::OpenAiImages),
    post("/audio/transcriptions", Api::OpenAiTranscription),
    free(Method::GET, "/models"),
    free(Method::GET, "/models/{}"),
];

/// platform.openai.com/docs/guides/websocket-mode and platform.openai.com/docs/guides/realtime-websocket
pub(super) const OPENAI_SOCKETS: &[Route] =
    &[socket("/responses", Api::OpenAiResponses), socket("/realtime", Api::OpenAiRealtime)];

/// What nearly all who speak OpenAI's language have.
pub(super) const CHAT: &[Route] = &[
    post("/chat/completions", Api::OpenAiChat),
    post("/completions", Api::OpenAiChat),
    post("/embeddings", Api::OpenAiEmbeddings),
    free(Method::GET, "/models"),
    free(Method::GET, "/models/{}"),
];

/// openrouter.ai/docs/api-reference: Chat, Responses, and Messages in one place.
pub(super) const OPENROUTER: &[Route] = &[
    post("/chat/completions", Api::OpenAiChat),
    post("/completions", Api::OpenAiChat),
    post("/responses", Api::OpenAiResponses),
    post("/embeddings", Api::OpenAiEmbeddings),
    free(Method::GET, "/models"),
];

/// docs.mistral.ai/api. `agents/completions` names a stored agent.
pub(super) const MISTRAL: &[Route] = &[
    post("/chat/completions", Api::OpenAiChat),
    post("/fim/completions", Api::OpenAiChat),
    post("/embeddings", Api::OpenAiEmbeddings),
    free(Method::GET, "/models"),
    free(Method::GET, "/models/{}"),
];

/// console.groq.com/docs/api-reference
pub(super) const GROQ: &[Route] = &[
    post("/chat/completions", Api::OpenAiChat),
    post("/responses", Api::OpenAiResponses),
    post("/embeddings", Api::OpenAiEmbeddings),
    post("/audio/transcriptions", Api::OpenAiTranscription),
    free(Method::GET, "/models"),
    free(Method::GET, "/models/{}"),
];

/// docs.x.ai/docs/api-reference
pub(super) const XAI: &[Route] = &[
    post("/chat/completions", Api::XaiChat),
    post("/responses", Api::OpenAiResponses),
    post("/images/generations", Api::OpenAiImages),
    free(Method::GET, "/models"),
    free(Method::GET, "/models/{}"),
];

/// What ChatGPT's own backend has for Codex.
pub(super) const CODEX: &[Route] = &[post("/responses", Api::OpenAiResponses)];

/// The same as a WebSocket.
pub(super) const CODEX_SOCKETS: &[Route] = &[socket("/responses", Api::OpenAiResponses)];

/// ai.google.dev/api. `batchGenerateContent`, files and cached contents are stored objects.
pub(super) const GEMINI: &[Route] = &[
    post("/models/{model}:generateContent", Api::GeminiGenerate),
    post("/models/{model}:streamGenerateContent", Api::GeminiGenerate),
    post("/models/{model}:embedContent", Api::GeminiEmbed),
    post("/models/{model}:batchEmbedContents", Api::GeminiEmbed),
    free(Method::POST, "/models/{model}:countTokens"),
    free(Method::GET, "/models"),
    free(Method::GET, "/models/{plain}"),
];

/// docs.aws.amazon.com/bedrock/latest/APIReference/API_Operations_Amazon_Bedrock_Runtime.html.
/// Asynchronous invocations are stored objects.
pub(super) const BEDROCK: &[Route] = &[
    post("/model/{model}/converse", Api::BedrockConverse),
    post("/model/{model}/converse-stream", Api::BedrockConverse),
    post("/model/{model}/invoke", Api::BedrockInvoke),
    post("/model/{model}/invoke-with-response-stream", Api::BedrockInvoke),
    free(Method::POST, "/model/{model}/count-tokens"),
];

/// learn.microsoft.com/azure/ai-foundry/openai/reference: the paths with a deployment in them. The
/// deployment stands for the model until the answer names it.
pub(super) const AZURE_DEPLOYMENTS: &[Route] = &[
    post("/deployments/{model}/chat/completions", Api::OpenAiChat),
    post("/deployments/{model}/completions", Api::OpenAiChat),
    post("/deployments/{model}/embeddings", Api::OpenAiEmbeddings),
    post("/deployments/{model}/images/generations", Api::OpenAiImages),
    post("/deployments/{model}/audio/transcriptions", Api::OpenAiTranscription),
];

/// cloud.google.com/vertex-ai/generative-ai/docs/reference/rest. Counting tokens of Anthropic's
/// models looks like a prediction by a model of that name.
pub(super) const VERTEX: &[Route] = &[
    free(
        Method::POST,
        "/projects/{}/locations/{}/publishers/anthropic/models/count-tokens:rawPredict",
    ),
    post(
        "/projects/{}/locations/{}/publishers/anthropic/models/{model}:rawPredict",
        Api::AnthropicMessages,
    ),
    post(
        "/projects/{}/locations/{}/publishers/anthropic/models/{model}:streamRawPredict",
        Api::AnthropicMessages,
    ),
    post(
        "/projects/{}/locations/{}/publishers/google/models/{model}:generateContent",
        Api::GeminiGenerate,
    ),
    post(
        "/projects/{}/locations/{}/publishers/google/models/{model}:streamGenerateContent",
        Api::GeminiGenerate,
    ),
    post(
        "/projects/{}/locations/{}/publishers/google/models/{model}:embedContent",
        Api::GeminiEmbed,
    ),
    free(Method::POST, "/projects/{}/locations/{}/publishers/google/models/{model}:countTokens"),
    post("/publishers/google/models/{model}:generateContent", Api::GeminiGenerate),
    post("/publishers/google/models/{model}:streamGenerateContent", Api::GeminiGenerate),
];

/// Vertex's Chat Completions.
pub(super) const VERTEX_CHAT: &[Route] =
    &[post("/projects/{}/locations/{}/endpoints/openapi/chat/completions", Api::OpenAiChat)];
