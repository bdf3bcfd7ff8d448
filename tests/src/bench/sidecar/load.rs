//! Clients that ask again and again over connections that they keep.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::provider::{SLOW, STREAM};
use super::subjects::Subject;
use super::wire::Answer;
use crate::bench::Failure;
use crate::bench::samples::Samples;

/// How much is read at once.
const READ_LENGTH: usize = 64 * 1024;

/// What is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// A request of so many bytes, answered by one JSON text.
    Json(usize),
    /// Answered by a stream, as fast as it goes.
    Stream,
    /// Answered by a stream at a model's pace.
    Slow,
}

/// The whole request, ready to be written.
pub(super) fn request(subject: &Subject, kind: Kind) -> Vec<u8> {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let (marks, length) = match kind {
        Kind::Json(length) => (String::new(), length),
        Kind::Stream => (text(STREAM) + ",", 2_000),
        Kind::Slow => (text(STREAM) + "," + &text(SLOW) + ",", 2_000),
    };
    let filling = "x".repeat(length.saturating_sub(150));
    let body = format!(
        r#"{{{marks}"model":"claude-haiku-4-5","max_tokens":1024,"messages":[{{"role":"user","content":"{filling}"}}]}}"#
    );
    let Subject { address, path, token, .. } = subject;
    format!(
        "POST {path} HTTP/1.1\r\nhost: {address}\r\ncontent-type: application/json\r\n\
         anthropic-version: 2023-06-01\r\nx-api-key: {token}\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    )
    .into_bytes()
}

/// One client and its connection.
struct Client {
    stream: TcpStream,
    buffer: Vec<u8>,
}

impl Client {
    async fn connect(address: SocketAddr) -> Result<Self, Failure> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        Ok(Self { stream, buffer: vec![0; READ_LENGTH] })
    }

    /// One request and its whole answer. Gives when the first byte of its body came.
    async fn ask(&mut self, request: &[u8]) -> Result<Instant, Failure> {
        self.stream.write_all(request).await?;
        let (mut answer, mut first) = (Answer::default(), None);
        loop {
            let n = self.stream.read(&mut self.buffer).await?;
            if n == 0 {
                return Err("the connection was closed in the midst of an answer".into());
            }
            let over = answer.feed(&self.buffer[..n])?;
            if answer.has_begun() {
                first.get_or_insert_with(Instant::now);
            }
            if over {
                return Ok(first.unwrap_or_else(Instant::now));
            }
        }
    }
}

/// So many clients ask side by side for `lasting`, each the next as soon as it has an answer.
///
/// # Errors
/// An answer that is no 200, or none.
pub(super) async fn closed_loop(
    subject: &Subject,
    kind: Kind,
    clients: usize,
    lasting: Duration,
) -> Result<Samples, Failure> {
    let request = Arc::new(request(subject, kind));
    let mut tasks = JoinSet::new();
    let began = Instant::now();
    for _ in 0..clients {
        let (request, address) = (Arc::clone(&request), subject.address);
        tasks.spawn(async move {
            let mut client = Client::connect(address).await?;
            let (mut each, mut now) = (Vec::new(), Instant::now());
            while now - began < lasting {
                client.ask(&request).await?;
                let after = Instant::now();
                each.push(after - now);
                now = after;
            }
            Ok::<_, Failure>(each)
        });
    }
    let mut all = Vec::new();
    while let Some(each) = tasks.join_next().await {
        all.extend(each??);
    }
    Ok(Samples::new(all, began.elapsed()))
}

/// So many clients ask once each, at the same time; gives how long each waited for the first byte of
/// the answer's body.
///
/// # Errors
/// An answer that is no 200, or none.
pub(super) async fn first_bytes(subject: &Subject, clients: usize) -> Result<Samples, Failure> {
    let request = Arc::new(request(subject, Kind::Slow));
    let mut tasks = JoinSet::new();
    let began = Instant::now();
    for _ in 0..clients {
        let (request, address) = (Arc::clone(&request), subject.address);
        tasks.spawn(async move {
            let mut client = Client::connect(address).await?;
            let asked = Instant::now();
            Ok::<_, Failure>(client.ask(&request).await? - asked)
        });
    }
    let mut all = Vec::new();
    while let Some(waited) = tasks.join_next().await {
        all.push(waited??);
    }
    Ok(Samples::new(all, began.elapsed()))
}
