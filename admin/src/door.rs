//! Who is let in. The root says how an operator is known; nothing here looks at a request's purpose.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::HeaderMap;
use axum::http::header::AUTHORIZATION;
use axum::middleware::Next;
use axum::response::Response;
use events::Secret;

use crate::answers::unauthorized;

/// Says whether a request comes from an operator. On one machine that is [`bearer`]; behind a
/// gateway that checks JWTs itself, it reads what the gateway says of the caller.
pub type Admit = Box<dyn Fn(&Request) -> bool + Send + Sync>;

/// Lets whoever knows the operator's token in, and nobody else. A person's session is not enough,
/// not even an administrator's: cookies ignore ports, so a page of an agent on this machine could
/// catch one.
pub fn bearer(token: Secret) -> Admit {
    Box::new(move |request| token.matches(presented(request.headers())))
}

fn presented(headers: &HeaderMap) -> &str {
    let header = headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok());
    header.and_then(|value| value.strip_prefix("Bearer ")).unwrap_or_default()
}

/// The layer before every route.
pub(crate) async fn guard(
    State(admit): State<Arc<Admit>>,
    request: Request,
    next: Next,
) -> Response {
    if admit(&request) { next.run(request).await } else { unauthorized() }
}

#[cfg(test)]
mod tests {
    use axum::Router;
    use axum::body::Body;
    use axum::http::StatusCode;
    use axum::middleware::from_fn_with_state;
    use axum::routing::get;
    use tower::ServiceExt as _;

    use super::*;

    async fn status(header: Option<&str>) -> StatusCode {
        let admit = Arc::new(bearer(Secret::new("tc-right")));
        let routes = Router::new().route("/status", get(async || "in"));
        let router = routes.layer(from_fn_with_state(admit, guard));
        let mut request = Request::builder().uri("/status");
        if let Some(header) = header {
            request = request.header(AUTHORIZATION, header);
        }
        let request = request.body(Body::empty()).expect("a request");
        router.oneshot(request).await.expect("an answer").status()
    }

    #[tokio::test]
    async fn only_the_operators_own_token_opens_the_door() {
        assert_eq!(status(Some("Bearer tc-right")).await, StatusCode::OK);
        for bad in [None, Some(""), Some("Bearer "), Some("tc-right"), Some("Bearer tc-wrong")] {
            assert_eq!(status(bad).await, StatusCode::UNAUTHORIZED, "{bad:?}");
        }
    }
}
