//! Providers as a client and as an administrator see them: where the token may be, what reaches the
//! provider of it, whose place must be told, and providers of the company's own.

mod support;

use std::collections::BTreeMap;

use bytes::Bytes;
use http::{HeaderMap, Request, StatusCode};
use http_body_util::Full;
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use sidecar::stand_in::StandIn;
use sidecar::{Config, CustomProvider, Family};
use support::raw::{Raw, json};
use support::rig::{Answer, Rig, whole};

const KEY: &str = "sk-pool-secret";
const GEMINI: &str = "/google/v1beta/models/gemini-2.5-flash:generateContent";
const OK: &str =
    r#"{"candidates":[{"finishReason":"STOP"}],"usageMetadata":{"promptTokenCount":3}}"#;

async fn before(ids: &[&str], key: &str, answer: &str) -> (Raw, Rig) {
    let raw = Raw::new(&[&json("200 OK", "", answer)]).await;
    let base = format!("http://{}", raw.address);
    let upstreams = ids.iter().map(|id| ((*id).to_owned(), base.clone())).collect();
    let config = Config { upstreams, ..Config::default() };
    let rig = Rig::with(config, raw.address, StandIn::new([]), &[key]).await;
    (raw, rig)
}

/// Sends a request with these headers and no others of its own.
async fn post(rig: &Rig, path: &str, headers: &[(&str, &str)], body: &str) -> Answer {
    let mut request = Request::post(format!("http://{}{path}", rig.address));
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let request = request.body(Full::new(Bytes::from(body.to_owned()))).expect("a request");
    let client: Client<_, Full<Bytes>> = Client::builder(TokioExecutor::new()).build_http();
    whole(client.request(request).await.expect("an answer")).await
}

fn told(headers: &HeaderMap, name: &str) -> Option<String> {
    headers.get(name).map(|value| value.to_str().expect("text").to_owned())
}

#[tokio::test]
async fn a_token_in_geminis_query_opens_the_door_and_goes_no_further() {
    let (raw, rig) = before(&["google"], KEY, OK).await;
    let path = format!("{GEMINI}?key={}&alt=json", rig.ann);
    let got = post(&rig, &path, &[], "{}").await;
    assert_eq!(got.status, StatusCode::OK, "{}", got.text());
    let (head, _) = raw.request(0);
    let first = "post /v1beta/models/gemini-2.5-flash:generatecontent?alt=json http/1.1\r\n";
    assert!(head.starts_with(first), "{head}");
    assert!(head.contains(&format!("x-goog-api-key: {KEY}")), "{head}");
    assert!(!head.contains("tc_ann"), "{head}");
    let wrong = post(&rig, &format!("{GEMINI}?key=tc_bob"), &[], "{}").await;
    assert_eq!(wrong.status, StatusCode::UNAUTHORIZED);
    assert_eq!(wrong.json()["error"]["status"], "UNAUTHENTICATED");
    let two = post(&rig, &path, &[("x-goog-api-key", "tc_bob")], "{}").await;
    assert_eq!(two.status, StatusCode::UNAUTHORIZED, "two tokens must agree");
    assert_eq!(raw.count(), 1);
}

#[tokio::test]
async fn azures_clients_put_the_token_where_azure_looks() {
    let answer = r#"{"model":"gpt-4.1","usage":{"prompt_tokens":1}}"#;
    let (raw, rig) = before(&["azure-openai"], KEY, answer).await;
    let path = "/azure-openai/openai/deployments/ours/chat/completions?api-version=2024-10-21";
    let got = post(&rig, path, &[("api-key", &rig.ann)], "{}").await;
    assert_eq!(got.status, StatusCode::OK, "{}", got.text());
    let (head, _) = raw.request(0);
    assert!(head.contains("?api-version=2024-10-21 http/1.1"), "{head}");
    assert!(head.contains(&format!("api-key: {KEY}")) && !head.contains("tc_ann"), "{head}");
}

#[tokio::test]
async fn who_has_no_place_of_its_own_is_refused_with_the_setting_that_is_missing() {
    let (raw, rig) = before(&["openai"], KEY, OK).await;
    for (path, setting, place) in [
        ("/amazon-bedrock/model/m/converse", "upstreams.amazon-bedrock", "bedrock-runtime."),
        ("/azure-openai/v1/responses", "upstreams.azure-openai", ".openai.azure.com"),
        (
            "/vertex/v1/projects/p/locations/l/publishers/google/models/m:generateContent",
            "upstreams.vertex",
            "-aiplatform.googleapis.com",
        ),
    ] {
        let got =
            post(&rig, path, &[("authorization", &format!("Bearer {}", rig.ann))], "{}").await;
        assert_eq!(got.status, StatusCode::NOT_FOUND, "{path}");
        assert!(got.text().contains(setting) && got.text().contains(place), "{}", got.text());
    }
    assert_eq!(raw.count(), 0);
}

#[tokio::test]
async fn a_company_has_a_provider_of_its_own() {
    let answer =
        r#"{"model":"acme-1","choices":[],"usage":{"prompt_tokens":5,"completion_tokens":2}}"#;
    let raw = Raw::new(&[&json("200 OK", "", answer)]).await;
    let base_url = format!("http://{}/llm/v1", raw.address);
    let acme = CustomProvider { base_url, family: Family::OpenAi };
    let providers = BTreeMap::from([("acme".to_owned(), acme)]);
    let config = Config { providers, ..Config::default() };
    let rig = Rig::with(config, raw.address, StandIn::new([]), &[KEY]).await;
    let got = rig.post("/acme/chat/completions", r#"{"model":"acme-1"}"#).await;
    assert_eq!(got.status, StatusCode::OK, "{}", got.text());
    let (head, _) = raw.request(0);
    assert!(head.starts_with("post /llm/v1/chat/completions http/1.1\r\n"), "{head}");
    assert!(head.contains(&format!("authorization: bearer {KEY}")), "{head}");
    rig.sidecar.flush().await;
    let records = rig.books.records();
    assert_eq!((records[0].provider.as_str(), records[0].tokens.uncached_input), ("acme", 5));
}

#[tokio::test]
async fn betas_are_governed_and_a_context_that_the_token_does_not_have_is_told() {
    let answer = r#"{"model":"claude-haiku-4-5","usage":{"input_tokens":1,"output_tokens":1}}"#;
    let asked = ("anthropic-beta", "context-1m-2025-08-07,files-api-2025-04-14");
    for (key, sent, downgrade) in [
        ("sk-ant-api03-1", "anthropic-beta: context-1m-2025-08-07\r\n", None),
        (
            "sk-ant-oat01-1",
            "anthropic-beta: claude-code-20250219,oauth-2025-04-20\r\n",
            Some("oauth-no-1m".to_owned()),
        ),
    ] {
        let (raw, rig) = before(&["anthropic"], key, answer).await;
        let got =
            post(&rig, "/anthropic/v1/messages", &[asked, ("x-api-key", &rig.ann)], "{}").await;
        assert_eq!(got.status, StatusCode::OK, "{}", got.text());
        let (head, _) = raw.request(0);
        assert!(head.contains(sent) && head.contains("anthropic-version: 2023-06-01"), "{head}");
        assert_eq!(told(&got.headers, "x-teamclaw-downgrade"), downgrade, "{key}");
    }
}

#[tokio::test]
async fn a_transcriptions_form_is_passed_on_and_its_model_is_known() {
    let answer = r#"{"text":"hi","usage":{"type":"duration","seconds":9}}"#;
    let (raw, rig) = before(&["openai"], KEY, answer).await;
    let form =
        "--b\r\nContent-Disposition: form-data; name=\"model\"\r\n\r\nwhisper-1\r\n--b--\r\n";
    let headers = [("content-type", "multipart/form-data; boundary=b"), ("x-api-key", &rig.ann)];
    let got = post(&rig, "/openai/v1/audio/transcriptions", &headers, form).await;
    assert_eq!(got.status, StatusCode::OK, "{}", got.text());
    assert_eq!(raw.request(0).1, form.as_bytes());
    rig.sidecar.flush().await;
    assert_eq!(rig.books.records()[0].model, "whisper-1");
}
