//! What a provider is: where it is, how it wants its key, and which of its paths are served. The
//! providers themselves are data, in `table`; which of them this sidecar serves is in `registry`.
//!
//! The lists of paths are short on purpose. A provider's stored objects (files, batches, stored
//! responses, fine-tunes) belong to the key's organisation, so that with a pooled key one person
//! could read another's: no path that names such an object is served.

mod registry;
mod routes;
mod table;

#[cfg(test)]
mod tests;

use http::Method;

use crate::offer::Offer;
use crate::refusal::Shape;

pub(crate) use registry::{Found, NotServed, Provider, Registry};
pub(crate) use table::ALL;

/// How a provider wants its key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Auth {
    /// `x-api-key: KEY`, and `anthropic-version`. A key that is an OAuth token goes as
    /// [`Auth::AnthropicToken`].
    XApiKey,
    /// `Authorization: Bearer KEY`
    Bearer,
    /// `x-goog-api-key: KEY`
    XGoogApiKey,
    /// `api-key: KEY`
    ApiKey,
    /// `Authorization: Bearer TOKEN`, and the betas without which Anthropic refuses such a token.
    AnthropicToken,
    /// `Authorization: Bearer TOKEN`, and `chatgpt-account-id`, which is in the token.
    ChatGptToken,
}

/// Where an answer's usage is found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Api {
    /// Anthropic Messages.
    AnthropicMessages,
    /// OpenAI Chat Completions, and the older Completions.
    OpenAiChat,
    /// The same at xAI, whose reasoning is not in the sum of the completion.
    XaiChat,
    /// OpenAI Responses.
    OpenAiResponses,
    /// OpenAI Realtime, which comes by a WebSocket alone.
    OpenAiRealtime,
    /// OpenAI Embeddings.
    OpenAiEmbeddings,
    /// OpenAI Images.
    OpenAiImages,
    /// OpenAI audio transcriptions.
    OpenAiTranscription,
    /// Gemini `generateContent` and `streamGenerateContent`.
    GeminiGenerate,
    /// Gemini `embedContent`, which may tell no usage at all.
    GeminiEmbed,
    /// Bedrock `Converse` and `ConverseStream`.
    BedrockConverse,
    /// Bedrock `InvokeModel` and `InvokeModelWithResponseStream`.
    BedrockInvoke,
}

impl Api {
    /// Whether the request's body is a JSON object. A transcription's is a form with the sound in it.
    pub(crate) fn takes_json(self) -> bool {
        self != Self::OpenAiTranscription
    }

    /// Whether it speaks the language of Chat Completions.
    pub(crate) fn is_chat(self) -> bool {
        matches!(self, Self::OpenAiChat | Self::XaiChat)
    }
}

/// One path that is served.
#[derive(Debug)]
pub(crate) struct Route {
    method: Method,
    /// `{}` stands for one segment, `{plain}` for one without a colon, `{model}` for one that names
    /// the model, alone or before a colon and a verb.
    path: &'static str,
    /// `None`: nothing is billed for it.
    api: Option<Api>,
}

/// Paths below one prefix.
#[derive(Debug)]
pub(crate) struct Paths {
    /// What clients put before them, the empty text included. Some take a base URL with the version
    /// in it and add only the rest, some add the version, some all of the provider's own path.
    spellings: &'static [&'static str],
    /// What the provider wants before them.
    upstream: &'static str,
    /// How errors look there.
    shape: Shape,
    routes: &'static [Route],
}

/// Where a provider is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// Scheme and authority, the same for everybody.
    At(&'static str),
    /// The company's own, told by the configuration, which looks like this.
    Own(&'static str),
}

/// How a provider states what a request cost, in its usage object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum OwnCost {
    /// `cost`, in US dollars (openrouter.ai/docs/use-cases/usage-accounting).
    Dollars,
    /// `cost_in_usd_ticks`, 10^10 to the dollar (docs.x.ai/developers/cost-tracking).
    Ticks,
}

/// Where the OAuth tokens of a provider are renewed (RFC 6749, section 6).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct SignIn {
    /// The token endpoint.
    pub(crate) endpoint: &'static str,
    /// The id of the public client to which the provider gives such tokens: its own program for the
    /// command line. It is no secret.
    pub(crate) client: &'static str,
}

/// One provider.
#[derive(Debug)]
pub(crate) struct Row {
    /// As in the path, the pool and the price table.
    pub(crate) id: &'static str,
    place: Place,
    auth: Auth,
    /// Whether its clients put the key into the query as `key`.
    key_in_query: bool,
    /// Whether Chat tells the usage of a stream only to who asks. The others tell it unasked, and
    /// some of them refuse the question.
    asks_usage: bool,
    /// Whether it bills a subscription and not the token.
    subscription: bool,
    own_cost: Option<OwnCost>,
    sign_in: Option<SignIn>,
    /// How agents are offered it; `None`: they cannot speak with it as they are.
    offer: Option<Offer>,
    /// What to GET there to learn whether it takes a key: cheap, and answered to nobody without a
    /// good one. `None`: there is no such question.
    trial: Option<&'static str>,
    paths: &'static [Paths],
    /// The paths that are served as a WebSocket.
    sockets: &'static [Paths],
}
