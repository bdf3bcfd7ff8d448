//! A provider that costs next to nothing: it reads a request to its end and writes an answer that it
//! has at hand. All subjects are measured before the same one.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio::time::sleep;
use tokio_rustls::TlsAcceptor;

use super::wire::{Requests, chunk};
use crate::bench::Failure;

/// How many texts a stream has: a paragraph.
const DELTAS: usize = 60;
/// How long a slow stream thinks before its first event, and between two.
pub(super) const SLOW_FIRST: Duration = Duration::from_millis(25);
const SLOW_NEXT: Duration = Duration::from_millis(5);
/// How much is read at once.
const READ_LENGTH: usize = 64 * 1024;

/// What a request's body says of the answer it wants.
pub(super) const STREAM: &[u8] = b"\"stream\":true";
pub(super) const SLOW: &[u8] = b"\"slow\":true";

/// The answers, ready to be written.
struct Answers {
    json: Vec<u8>,
    head: Vec<u8>,
    events: Vec<Vec<u8>>,
}

impl Answers {
    fn new() -> Self {
        let text = "x".repeat(900);
        let json = format!(
            r#"{{"id":"msg_1","type":"message","role":"assistant","model":"claude-haiku-4-5","content":[{{"type":"text","text":"{text}"}}],"stop_reason":"end_turn","usage":{{"input_tokens":500,"output_tokens":225}}}}"#
        );
        let head = "HTTP/1.1 200 OK\r\ncontent-type: ";
        let length = json.len();
        let json = format!("{head}application/json\r\ncontent-length: {length}\r\n\r\n{json}")
            .into_bytes();
        let head = format!("{head}text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n");
        Self { json, head: head.into_bytes(), events: events() }
    }
}

/// One chunk each, the end of the body in the last.
fn events() -> Vec<Vec<u8>> {
    let start = r#"{"type":"message_start","message":{"id":"msg_1","type":"message","model":"claude-haiku-4-5","usage":{"input_tokens":500,"output_tokens":1}}}"#;
    let delta = r#"{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"some words of an answer"}}"#;
    let usage = r#"{"type":"message_delta","delta":{"stop_reason":"end_turn"},"usage":{"output_tokens":240}}"#;
    let stop = r#"{"type":"message_stop"}"#;
    let mut datas = vec![start];
    datas.extend(std::iter::repeat_n(delta, DELTAS));
    datas.extend([usage, stop]);
    let kind = |data: &str| data.split('"').nth(3).unwrap_or_default().to_owned();
    let event = |data: &str| chunk(format!("event: {}\ndata: {data}\n\n", kind(data)).as_bytes());
    let mut events: Vec<Vec<u8>> = datas.into_iter().map(event).collect();
    if let Some(last) = events.last_mut() {
        last.extend_from_slice(b"0\r\n\r\n");
    }
    events
}

/// Where the provider is.
#[derive(Clone, Copy, Debug)]
pub(super) struct Provider {
    /// Without TLS.
    pub(super) plain: SocketAddr,
    /// With it: TLS 1.3, the certificate of [`CERTIFICATE`], for `localhost`.
    pub(super) secure: SocketAddr,
}

/// The test provider's certificate and key, and who signed it.
pub(super) const CERTIFICATE: &str =
    concat!(env!("CARGO_MANIFEST_DIR"), "/../sidecar/tests/tls/server.pem");
const PRIVATE_KEY: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../sidecar/tests/tls/server.key");
pub(super) const AUTHORITY: &str =
    concat!(env!("CARGO_MANIFEST_DIR"), "/../sidecar/tests/tls/ca.pem");

/// Serves on two ports of its own, on this thread's runtime, until the runtime ends.
///
/// # Errors
/// There is no port, or the certificate cannot be read.
pub(super) async fn start() -> Result<Provider, Failure> {
    let answers = Arc::new(Answers::new());
    let (plain, secure) =
        (TcpListener::bind("127.0.0.1:0").await?, TcpListener::bind("127.0.0.1:0").await?);
    let provider = Provider { plain: plain.local_addr()?, secure: secure.local_addr()? };
    let tls = TlsAcceptor::from(Arc::new(tls()?));
    let its = Arc::clone(&answers);
    tokio::spawn(async move {
        while let Ok((stream, _)) = plain.accept().await {
            let answers = Arc::clone(&its);
            // A subject that hangs up ends its own connection.
            tokio::spawn(async move {
                stream.set_nodelay(true)?;
                serve(stream, &answers).await
            });
        }
    });
    tokio::spawn(async move {
        while let Ok((stream, _)) = secure.accept().await {
            let (answers, tls) = (Arc::clone(&answers), tls.clone());
            tokio::spawn(async move {
                stream.set_nodelay(true)?;
                serve(tls.accept(stream).await?, &answers).await
            });
        }
    });
    Ok(provider)
}

fn tls() -> Result<ServerConfig, Failure> {
    let chain = CertificateDer::pem_file_iter(CERTIFICATE)?.collect::<Result<Vec<_>, _>>()?;
    let key = PrivateKeyDer::from_pem_file(PRIVATE_KEY)?;
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config =
        ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions()?;
    Ok(config.with_no_client_auth().with_single_cert(chain, key)?)
}

async fn serve(
    mut stream: impl AsyncRead + AsyncWrite + Unpin,
    answers: &Answers,
) -> io::Result<()> {
    let mut requests = Requests::default();
    let mut bytes = vec![0; READ_LENGTH];
    loop {
        let Some(body) = requests.next() else {
            match stream.read(&mut bytes).await? {
                0 => return Ok(()),
                n => requests.feed(&bytes[..n]),
            }
            continue;
        };
        if !holds(&body, STREAM) {
            stream.write_all(&answers.json).await?;
            stream.flush().await?;
            continue;
        }
        let slow = holds(&body, SLOW);
        if slow {
            sleep(SLOW_FIRST).await;
        }
        stream.write_all(&answers.head).await?;
        for event in &answers.events {
            stream.write_all(event).await?;
            stream.flush().await?;
            match slow {
                true => sleep(SLOW_NEXT).await,
                false => tokio::task::yield_now().await,
            }
        }
    }
}

/// The mark stands at the beginning of a body.
fn holds(body: &[u8], mark: &[u8]) -> bool {
    let beginning = &body[..body.len().min(100)];
    beginning.windows(mark.len()).any(|window| window == mark)
}
