//! What an agent may be offered, asked over HTTP.

mod support;

use http::{Method, StatusCode};
use serde_json::json;
use support::rig::Rig;

#[tokio::test]
async fn who_has_a_token_learns_which_providers_there_are_and_which_have_keys() {
    let rig = Rig::new(&["sk-1"]).await;
    let answer = rig.ask(&rig.ann, Method::GET, "/teamclaw/providers").await;
    assert_eq!(answer.status, StatusCode::OK);
    assert!(!answer.text().contains("sk-1"));
    let told = answer.json();
    let all = told["providers"].as_array().expect("a list");
    let google =
        json!({"id": "google", "path": "/google/v1beta", "dialect": "gemini", "keys": true});
    assert!(all.contains(&google), "{told}");
    assert!(all.iter().all(|one| one["id"] != "azure-openai"), "nobody said where it is: {told}");

    rig.pool.0.lock().expect("no panic").clear();
    let told = rig.ask(&rig.ann, Method::GET, "/teamclaw/providers").await.json();
    let all = told["providers"].as_array().expect("a list");
    assert!(all.iter().all(|one| one["keys"] == false), "{told}");
    assert!(rig.books.records().is_empty(), "it costs nothing");
}

#[tokio::test]
async fn nobody_else_learns_anything_and_there_is_nothing_more_to_learn() {
    let rig = Rig::new(&["sk-1"]).await;
    for (token, method, path, status) in [
        ("tc_wrong", Method::GET, "/teamclaw/providers", StatusCode::UNAUTHORIZED),
        (&rig.ann, Method::POST, "/teamclaw/providers", StatusCode::METHOD_NOT_ALLOWED),
        (&rig.ann, Method::GET, "/teamclaw", StatusCode::BAD_REQUEST),
        (&rig.ann, Method::GET, "/teamclaw/keys", StatusCode::NOT_FOUND),
    ] {
        let answer = rig.ask(token, method, path).await;
        assert_eq!(answer.status, status, "{path}: {}", answer.text());
    }
}
