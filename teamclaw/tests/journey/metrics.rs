//! The sidecar's numbers on a port of their own: for who has their token, which is not the
//! operator's, and never where an agent may connect.
//!
//! That an agent reaches no port of this machine but the sidecar's and its own is tried by
//! `hostile` ("connect to the front door") and by `local`'s tests of confinement.

use std::process::{Command, Stdio};

use events::token::token_hash;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::engine::{Engine, PROGRAM, scratch};

const TOKEN: &str = "op_0123456789abcdef0123456789abcdef";

/// The answer to a request with this bearer token.
async fn get(address: &str, path: &str, token: &str) -> String {
    let mut stream = TcpStream::connect(address).await.expect("a connection");
    let request = format!(
        "GET {path} HTTP/1.1\r\nhost: {address}\r\nauthorization: Bearer {token}\r\n\
         connection: close\r\n\r\n"
    );
    stream.write_all(request.as_bytes()).await.expect("written");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.expect("an answer");
    answer
}

#[tokio::test(flavor = "multi_thread")]
async fn the_sidecars_numbers_are_read_with_a_token_of_their_own() {
    let data = scratch("metrics");
    let config = data.with_extension("toml");
    let hash = token_hash(TOKEN);
    let text = format!("[metrics]\nlisten = \"127.0.0.1:0\"\ntoken_sha256 = \"{hash}\"\n");
    std::fs::write(&config, text).expect("written");
    let argument = format!("--config={}", config.display());
    let engine = Engine::start_on(data, &[&argument, "--agent=exec sleep 1000"]).await;
    let log = engine.log();
    let place = log.split("metrics are read at http://").nth(1).expect("it says where");
    let address = place.split('/').next().expect("an address");
    let ready = get(address, "/ready", TOKEN).await;
    assert!(ready.starts_with("HTTP/1.1 200"), "{ready}");
    assert!(
        ready.ends_with("tokens: can be checked\nkeys: can be read\nusage: is kept\n"),
        "{ready}"
    );
    let metrics = get(address, "/metrics", TOKEN).await;
    assert!(metrics.starts_with("HTTP/1.1 200"), "{metrics}");
    assert!(metrics.contains("\nteamclaw_sidecar_usage_journal_bytes "), "{metrics}");
    let (_, operators) = engine.operator().expect("it is up");
    for other in [operators.as_str(), ""] {
        let refused = get(address, "/metrics", other).await;
        assert!(refused.starts_with("HTTP/1.1 401"), "{refused}");
    }
    drop(engine);
    std::fs::remove_file(config).expect("removed");
}

#[test]
fn metrics_are_never_where_an_agent_may_connect() {
    let data = scratch("metrics-port");
    let config = data.with_extension("toml");
    let hash = token_hash(TOKEN);
    for (listen, hash, why) in [
        ("127.0.0.1:443", hash.as_str(), "agents may connect to port 443 on any machine"),
        ("127.0.0.1:0", "short", "printf %s"),
    ] {
        let text = format!("[metrics]\nlisten = \"{listen}\"\ntoken_sha256 = \"{hash}\"\n");
        std::fs::write(&config, text).expect("written");
        let output = Command::new(PROGRAM)
            .args(["up", "--listen=127.0.0.1:0", "--agent=exec sleep 1000"])
            .arg(format!("--config={}", config.display()))
            .arg(format!("--data={}", data.display()))
            .stdin(Stdio::null())
            .output()
            .expect("run");
        let error = String::from_utf8_lossy(&output.stderr);
        assert!(!output.status.success() && error.contains(why), "{error}");
    }
    std::fs::remove_dir_all(&data).expect("removed");
    std::fs::remove_file(config).expect("removed");
}
