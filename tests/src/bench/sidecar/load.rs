//! Clients that ask again and again over connections that they keep.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::provider::{SLOW, STREAM};
use super::subjects::Subject;
use super::wire::Answer;
use crate::bench::Failure;
use crate::bench::samples::{Producer, Samples, paced, together};

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

/// The whole request of the nth client, ready to be written.
fn request(subject: &Subject, kind: Kind, client: usize) -> Vec<u8> {
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
    let Subject { address, path, tokens, .. } = subject;
    let token = &tokens[client % tokens.len()];
    format!(
        "POST {path} HTTP/1.1\r\nhost: {address}\r\ncontent-type: application/json\r\n\
         anthropic-version: 2023-06-01\r\nx-api-key: {token}\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    )
    .into_bytes()
}

/// One client, what it asks, and its connection once it has asked.
struct Client {
    address: SocketAddr,
    stream: Option<TcpStream>,
    request: Vec<u8>,
    buffer: Vec<u8>,
}

impl Client {
    fn new(subject: &Subject, kind: Kind, number: usize) -> Self {
        let (request, buffer) = (request(subject, kind, number), vec![0; READ_LENGTH]);
        Self { address: subject.address, stream: None, request, buffer }
    }

    async fn connect(&mut self) -> Result<&mut TcpStream, Failure> {
        if self.stream.is_none() {
            let stream = TcpStream::connect(self.address).await?;
            stream.set_nodelay(true)?;
            self.stream = Some(stream);
        }
        self.stream.as_mut().ok_or_else(|| "no connection".into())
    }

    /// One request and its whole answer. Gives when the first byte of its body came.
    async fn ask(&mut self) -> Result<Instant, Failure> {
        let request = std::mem::take(&mut self.request);
        let mut buffer = std::mem::take(&mut self.buffer);
        let stream = self.connect().await?;
        stream.write_all(&request).await?;
        let (mut answer, mut first) = (Answer::default(), None);
        loop {
            let n = stream.read(&mut buffer).await?;
            if n == 0 {
                return Err("the connection was closed in the midst of an answer".into());
            }
            let over = answer.feed(&buffer[..n])?;
            if answer.has_begun() {
                first.get_or_insert_with(Instant::now);
            }
            if over {
                (self.request, self.buffer) = (request, buffer);
                return Ok(first.unwrap_or_else(Instant::now));
            }
        }
    }
}

impl Producer for Client {
    async fn call(&mut self) -> Result<(), Failure> {
        self.ask().await.map(drop)
    }
}

/// What is asked, by how many clients, and how often.
#[derive(Clone, Copy, Debug)]
pub(super) struct Load {
    pub(super) name: &'static str,
    pub(super) kind: Kind,
    pub(super) clients: usize,
    /// So many a second from all of them together; else each asks as soon as it has an answer.
    pub(super) rate: Option<u32>,
    /// The provider speaks TLS.
    pub(super) secure: bool,
}

/// Puts a load on a subject for `lasting`.
///
/// # Errors
/// An answer that is no 200, or none.
pub(super) async fn put(
    subject: &Subject,
    load: Load,
    lasting: Duration,
) -> Result<Samples, Failure> {
    let client = |number| Ok(Client::new(subject, load.kind, number));
    match load.rate {
        Some(rate) => paced(load.clients, rate, lasting, client).await,
        None => together(load.clients, lasting, client).await,
    }
}

/// So many clients ask once each, at the same time; gives how long each waited for the first byte of
/// the answer's body.
///
/// # Errors
/// An answer that is no 200, or none.
pub(super) async fn first_bytes(subject: &Subject, clients: usize) -> Result<Samples, Failure> {
    let mut tasks = JoinSet::new();
    let began = Instant::now();
    for number in 0..clients {
        let mut client = Client::new(subject, Kind::Slow, number);
        tasks.spawn(async move {
            client.connect().await?;
            let asked = Instant::now();
            Ok::<_, Failure>(client.ask().await? - asked)
        });
    }
    let mut all = Vec::new();
    while let Some(waited) = tasks.join_next().await {
        all.push(waited??);
    }
    Ok(Samples::new(all, began.elapsed()))
}
