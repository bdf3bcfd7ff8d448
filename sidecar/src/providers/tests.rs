//! Which paths lead where, and which lead nowhere.

use http::Method;

use super::registry::Found;
use super::{ALL, Api, NotServed, Registry};
use crate::refusal::Shape;

fn route(id: &str, method: Method, path: &str) -> Result<Found, NotServed> {
    Registry::of_table().find(id).expect("in the table").route(&method, path)
}

#[test]
fn what_a_providers_client_sends_reaches_the_one_path_of_the_provider() {
    let openai = ["/chat/completions", "/v1/chat/completions"];
    for (id, spelled, upstream) in [
        ("anthropic", &["/v1/messages", "/messages"][..], "/v1/messages"),
        ("anthropic-token", &["/v1/messages", "/messages"], "/v1/messages"),
        ("openai", &openai, "/v1/chat/completions"),
        (
            "openai-codex",
            &["/responses", "/codex/responses", "/v1/responses", "/backend-api/codex/responses"],
            "/backend-api/codex/responses",
        ),
        (
            "google",
            &[
                "/models/gemini-3-pro:generateContent",
                "/v1beta/models/gemini-3-pro:generateContent",
            ],
            "/v1beta/models/gemini-3-pro:generateContent",
        ),
        ("google", &["/v1/models/g:generateContent"], "/v1/models/g:generateContent"),
        (
            "google",
            &["/openai/chat/completions", "/v1beta/openai/chat/completions"],
            "/v1beta/openai/chat/completions",
        ),
        ("openrouter", &openai, "/api/v1/chat/completions"),
        ("openrouter", &["/api/v1/messages", "/v1/messages"], "/api/v1/messages"),
        ("mistral", &openai, "/v1/chat/completions"),
        ("together", &openai, "/v1/chat/completions"),
        ("groq", &openai, "/openai/v1/chat/completions"),
        ("groq", &["/openai/v1/chat/completions"], "/openai/v1/chat/completions"),
        ("xai", &openai, "/v1/chat/completions"),
        ("deepseek", &openai, "/v1/chat/completions"),
        ("deepseek", &["/anthropic/v1/messages"], "/anthropic/v1/messages"),
        ("fireworks", &openai, "/inference/v1/chat/completions"),
        ("fireworks", &["/inference/v1/chat/completions"], "/inference/v1/chat/completions"),
        ("amazon-bedrock", &["/model/m/converse"], "/model/m/converse"),
        ("azure-openai", &openai, "/openai/v1/chat/completions"),
        (
            "azure-openai",
            &["/deployments/d/chat/completions", "/openai/deployments/d/chat/completions"],
            "/openai/deployments/d/chat/completions",
        ),
        (
            "vertex",
            &["/v1/projects/p/locations/l/publishers/google/models/m:generateContent"],
            "/v1/projects/p/locations/l/publishers/google/models/m:generateContent",
        ),
    ] {
        for path in spelled {
            let found =
                route(id, Method::POST, path).unwrap_or_else(|why| panic!("{id} {path}: {why:?}"));
            assert_eq!(found.path, upstream, "{id} {path}");
            assert!(found.api.is_some(), "{id} {path}");
        }
    }
}

#[test]
fn a_model_in_the_path_is_known() {
    for (id, path, model, api) in [
        (
            "google",
            "/v1beta/models/gemini-3:streamGenerateContent",
            "gemini-3",
            Api::GeminiGenerate,
        ),
        (
            "amazon-bedrock",
            "/model/amazon.nova-lite-v1%3A0/invoke",
            "amazon.nova-lite-v1:0",
            Api::BedrockInvoke,
        ),
        ("azure-openai", "/openai/deployments/ours/embeddings", "ours", Api::OpenAiEmbeddings),
        (
            "vertex",
            "/v1/projects/p/locations/l/publishers/anthropic/models/claude-sonnet-4-5@20250929:streamRawPredict",
            "claude-sonnet-4-5@20250929",
            Api::AnthropicMessages,
        ),
    ] {
        let found = route(id, Method::POST, path).expect("served");
        assert_eq!((found.model.as_deref(), found.api), (Some(model), Some(api)), "{path}");
    }
    let counted = "/v1/projects/p/locations/l/publishers/anthropic/models/count-tokens:rawPredict";
    assert_eq!(route("vertex", Method::POST, counted).expect("served").api, None);
}

#[test]
fn stored_objects_and_administration_are_out_of_reach_everywhere() {
    let rests = [
        "/responses/resp_1",
        "/responses/resp_1/input_items",
        "/responses/resp_1/cancel",
        "/chat/completions/cc_1",
        "/chat/deferred-completion/1",
        "/files",
        "/files/file-1",
        "/files/file-1/content",
        "/uploads",
        "/batches",
        "/batch/jobs",
        "/vector_stores",
        "/containers/c/files",
        "/fine_tuning/jobs",
        "/fine-tunes",
        "/organization/usage",
        "/organizations/api_keys",
        "/messages/batches",
        "/messages/batches/b/results",
        "/conversations/conv_1",
        "/assistants",
        "/threads",
        "/agents",
        "/agents/completions",
        "/generation",
        "/credits",
        "/key",
        "/keys",
        "/skills",
        "/videos/v_1",
        "/cachedContents",
        "/cachedContents/c",
        "/tunedModels/t",
        "/batches/b",
        "/operations/o",
        "/corpora",
        "/async-invoke",
        "/async-invoke/arn",
        "/guardrail/g/version/1/apply",
        "/model-invocation-jobs",
        "/deployments",
        "/deployments/d",
        "/deployments/d/files",
        "/projects/p/locations/l/cachedContents",
        "/projects/p/locations/l/batchPredictionJobs",
        "/projects/p/locations/l/endpoints/e:predict",
        "/projects/p/locations/l/reasoningEngines/r:query",
    ];
    for row in &ALL {
        let spellings = row.paths.iter().flat_map(|paths| paths.spellings);
        for spelling in spellings {
            for rest in rests {
                let path = format!("{spelling}{rest}");
                for method in [Method::GET, Method::POST, Method::DELETE, Method::PATCH] {
                    let found = route(row.id, method, &path);
                    assert_eq!(found.err(), Some(NotServed::Path), "{} {path}", row.id);
                }
            }
        }
    }
}

#[test]
fn a_batch_of_gemini_is_no_model() {
    for verb in ["batchGenerateContent", "predictLongRunning", "asyncBatchEmbedContent"] {
        for method in [Method::GET, Method::POST] {
            let found = route("google", method, &format!("/v1beta/models/m:{verb}"));
            assert_eq!(found.err(), Some(NotServed::Path), "{verb}");
        }
    }
}

#[test]
fn a_served_path_by_another_method_is_told_apart() {
    for (method, path) in [(Method::GET, "/v1/responses"), (Method::DELETE, "/v1/models/x")] {
        assert_eq!(route("openai", method, path).err(), Some(NotServed::Method));
    }
    let found = route("openai", Method::POST, "/v1/responses").expect("served");
    assert_eq!(found.api, Some(Api::OpenAiResponses));
}

#[test]
fn errors_look_as_that_paths_client_expects() {
    let all = Registry::of_table();
    for (id, path, shape) in [
        ("anthropic", "/v1/files", Shape::Anthropic),
        ("openrouter", "/v1/messages", Shape::Anthropic),
        ("openrouter", "/v1/chat/completions", Shape::OpenAi),
        ("google", "/v1beta/files", Shape::Google),
        ("google", "/openai/chat/completions", Shape::OpenAi),
        ("amazon-bedrock", "/model/m/invoke", Shape::Bedrock),
    ] {
        assert_eq!(all.find(id).expect("in the table").shape(path), shape, "{id} {path}");
    }
}

#[test]
fn every_id_is_once_in_the_table_and_can_be_in_a_path() {
    assert_eq!(Registry::of_table().ids().len(), ALL.len());
    for row in &ALL {
        let path = format!("/{}/v1/messages", row.id);
        let target = crate::target::Target::parse(&path).unwrap_or_else(|odd| panic!("{odd}"));
        assert_eq!(target.provider, row.id);
    }
}
