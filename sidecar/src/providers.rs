//! The providers, as data: where each is, how it wants its key, and which of its paths are served.
//!
//! The list of paths is short on purpose. A provider's stored objects (files, batches, stored
//! responses, fine-tunes) belong to the key's organisation, so that with a pooled key one person
//! could read another's: no path that names such an object is served.

use http::Method;

use crate::refusal::Shape;

/// How a provider wants its key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Auth {
    /// `x-api-key: KEY`
    XApiKey,
    /// `Authorization: Bearer KEY`
    Bearer,
}

/// Where an answer's usage is found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Api {
    /// Anthropic Messages.
    AnthropicMessages,
    /// OpenAI Chat Completions.
    OpenAiChat,
    /// OpenAI Responses.
    OpenAiResponses,
    /// OpenAI Embeddings.
    OpenAiEmbeddings,
}

/// One path that is served.
#[derive(Debug)]
pub(crate) struct Route {
    method: Method,
    /// `{}` stands for one segment.
    path: &'static str,
    /// `None`: nothing is billed for it.
    pub(crate) api: Option<Api>,
}

/// One provider.
#[derive(Debug)]
pub(crate) struct Provider {
    /// As in the path, the pool and the price table.
    pub(crate) id: &'static str,
    /// Scheme and authority, unless the configuration says otherwise.
    pub(crate) base: &'static str,
    /// How it wants its key.
    pub(crate) auth: Auth,
    /// How its errors look.
    pub(crate) shape: Shape,
    routes: &'static [Route],
}

/// Why a path is not served.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NotServed {
    /// No such path.
    Path,
    /// The path, but not by this method.
    Method,
}

const ANTHROPIC: &[Route] = &[
    Route { method: Method::POST, path: "/v1/messages", api: Some(Api::AnthropicMessages) },
    Route { method: Method::POST, path: "/v1/messages/count_tokens", api: None },
    Route { method: Method::GET, path: "/v1/models", api: None },
    Route { method: Method::GET, path: "/v1/models/{}", api: None },
];

const OPENAI: &[Route] = &[
    Route { method: Method::POST, path: "/v1/chat/completions", api: Some(Api::OpenAiChat) },
    Route { method: Method::POST, path: "/v1/responses", api: Some(Api::OpenAiResponses) },
    Route { method: Method::POST, path: "/v1/embeddings", api: Some(Api::OpenAiEmbeddings) },
    Route { method: Method::GET, path: "/v1/models", api: None },
    Route { method: Method::GET, path: "/v1/models/{}", api: None },
];

/// Every provider.
pub(crate) static ALL: [Provider; 2] = [
    Provider {
        id: "anthropic",
        base: "https://api.anthropic.com",
        auth: Auth::XApiKey,
        shape: Shape::Anthropic,
        routes: ANTHROPIC,
    },
    Provider {
        id: "openai",
        base: "https://api.openai.com",
        auth: Auth::Bearer,
        shape: Shape::OpenAi,
        routes: OPENAI,
    },
];

/// The provider of this id.
pub(crate) fn find(id: &str) -> Option<&'static Provider> {
    ALL.iter().find(|provider| provider.id == id)
}

impl Provider {
    /// The route that serves this method and path.
    pub(crate) fn route(&self, method: &Method, path: &str) -> Result<&'static Route, NotServed> {
        let mut why = NotServed::Path;
        for route in self.routes {
            if fits(route.path, path) {
                if route.method == *method {
                    return Ok(route);
                }
                why = NotServed::Method;
            }
        }
        Err(why)
    }
}

fn fits(template: &str, path: &str) -> bool {
    let mut ours = template.split('/');
    let mut theirs = path.split('/');
    loop {
        match (ours.next(), theirs.next()) {
            (None, None) => return true,
            (Some("{}"), Some(_)) => {}
            (Some(a), Some(b)) if a == b => {}
            _ => return false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stored_objects_and_administration_are_out_of_reach() {
        let openai = find("openai").expect("in the table");
        let anthropic = find("anthropic").expect("in the table");
        for path in [
            "/v1/responses/resp_1",
            "/v1/responses/resp_1/input_items",
            "/v1/files",
            "/v1/files/file-1/content",
            "/v1/batches",
            "/v1/vector_stores",
            "/v1/fine_tuning/jobs",
            "/v1/organization/usage",
            "/v1/organizations/api_keys",
            "/v1/messages/batches",
            "/v1/conversations/conv_1",
            "/v1/assistants",
            "/v1/threads",
        ] {
            for method in [Method::GET, Method::POST, Method::DELETE] {
                assert_eq!(openai.route(&method, path).err(), Some(NotServed::Path), "{path}");
                assert_eq!(anthropic.route(&method, path).err(), Some(NotServed::Path), "{path}");
            }
        }
    }

    #[test]
    fn a_served_path_by_another_method_is_told_apart() {
        let openai = find("openai").expect("in the table");
        assert_eq!(openai.route(&Method::GET, "/v1/responses").err(), Some(NotServed::Method));
        assert_eq!(openai.route(&Method::DELETE, "/v1/models/x").err(), Some(NotServed::Method));
        let route = openai.route(&Method::POST, "/v1/responses").expect("served");
        assert_eq!(route.api, Some(Api::OpenAiResponses));
    }
}
