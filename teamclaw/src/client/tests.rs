//! The client against small servers of our own: what it sends, and how it reads what comes back.

use events::Secret;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use super::*;
use admin::api::{Changed, KeyList};

/// Long enough for a request's head, which is all that the test server reads.
const HEAD_BYTES: usize = 16 * 1024;

/// Serves one answer and gives what was asked.
async fn exchange(answer: Vec<u8>, path: &str) -> (String, Result<KeyList, Problem>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    let server = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.expect("a client");
        let mut head = vec![0; HEAD_BYTES];
        let read = stream.read(&mut head).await.expect("a request");
        // The client may stop reading an answer that is too long.
        drop(stream.write_all(&answer).await);
        drop(stream.shutdown().await);
        String::from_utf8_lossy(&head[..read]).into_owned()
    });
    let got = engine(&format!("http://{address}")).get(path).await;
    (server.await.expect("the server ran"), got)
}

fn engine(url: &str) -> Engine {
    drop(rustls::crypto::aws_lc_rs::default_provider().install_default());
    let target = Target { url: url.to_owned(), token: Secret::new("op-token") };
    Engine::at(target).map_err(|problem| problem.to_string()).expect("an engine")
}

fn answer(status: &str, body: &str) -> Vec<u8> {
    let length = body.len();
    format!("HTTP/1.1 {status}\r\ncontent-length: {length}\r\n\r\n{body}").into_bytes()
}

#[tokio::test]
async fn a_request_names_the_path_and_carries_the_token() {
    let (asked, got) = exchange(answer("200 OK", r#"{"keys":[]}"#), "/keys").await;
    assert!(asked.starts_with("GET /api/v1/keys HTTP/1.1\r\n"), "{asked}");
    assert!(asked.contains("authorization: Bearer op-token\r\n"), "{asked}");
    assert_eq!(got.expect("a list").keys, []);
}

#[tokio::test]
async fn what_the_engine_says_is_what_the_person_reads() {
    let body = r#"{"what":"not now","why":"it starts","doThis":"wait"}"#;
    for (status, exit) in [
        ("400 Bad Request", EXIT_USAGE),
        ("401 Unauthorized", EXIT_FAILED),
        ("404 Not Found", EXIT_NOT_FOUND),
        ("409 Conflict", EXIT_REFUSED),
        ("503 Service Unavailable", EXIT_UNREACHABLE),
    ] {
        let (_, got) = exchange(answer(status, body), "/keys").await;
        let expected = Problem::new("not now", "it starts", "wait").with_code(exit);
        assert_eq!(got.expect_err(status), expected);
    }
}

#[tokio::test]
async fn another_server_at_the_address_is_not_taken_for_the_engine() {
    let (_, got) = exchange(answer("502 Bad Gateway", "<html>"), "/keys").await;
    assert_eq!(got.expect_err("no engine").exit_code, EXIT_UNREACHABLE);
    let (_, got) = exchange(answer("200 OK", "<html>"), "/keys").await;
    assert_eq!(got.expect_err("no JSON").exit_code, EXIT_BUG);
}

#[tokio::test]
async fn an_answer_is_read_up_to_a_limit() {
    let body = " ".repeat(ANSWER_BYTES_MAX + 1);
    let (_, got) = exchange(answer("200 OK", &body), "/keys").await;
    assert!(got.expect_err("too long").why.contains("longer than"));
}

#[tokio::test]
async fn an_engine_that_does_not_run_is_not_reachable() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let url = format!("http://{}", listener.local_addr().expect("an address"));
    drop(listener);
    let got = engine(&url).post::<Changed>("/workspaces/ann/start", &()).await;
    let problem = got.expect_err("nobody listens");
    assert_eq!(problem.exit_code, EXIT_UNREACHABLE);
    assert!(problem.why.contains(&url), "{problem}");
}

#[test]
fn the_token_travels_in_the_clear_on_this_machine_only() {
    for good in ["http://127.0.0.1:7700", "http://localhost:1", "http://[::1]:1", "https://a.b"] {
        assert!(check_address(good).is_ok(), "{good}");
    }
    for bad in ["http://10.0.0.1:7700", "http://a.b", "ftp://127.0.0.1", "127.0.0.1:7700", ""] {
        assert!(check_address(bad).is_err(), "{bad}");
    }
}
