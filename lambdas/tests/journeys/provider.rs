//! Stands in for a provider of models: says which keys it takes.

use std::net::Ipv4Addr;

use axum::Router;
use axum::http::{HeaderMap, StatusCode};

/// The key that it refuses; every other one it takes.
pub(super) const REFUSED: &str = "sk-nobodys";

/// Starts it. Gives its base URL.
pub(super) async fn start() -> String {
    let listener = tokio::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a port");
    let url = format!("http://{}", listener.local_addr().expect("an address"));
    let models = async |headers: HeaderMap| match headers.get("x-api-key") {
        Some(key) if key != REFUSED => (StatusCode::OK, r#"{"data":[]}"#),
        _ => (StatusCode::UNAUTHORIZED, r#"{"type":"error"}"#),
    };
    tokio::spawn(async move { axum::serve(listener, Router::new().fallback(models)).await });
    url
}
