//! A provider that bills each request by its number, which is in the model's name, and answers slowly
//! enough to be cut. It remembers what it billed; that is the truth.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::sleep;

use super::Failure;

/// The pause between two events of a stream.
const PAUSE: Duration = Duration::from_millis(2);
/// How many events a stream has between its begin and its end.
const EVENTS: u64 = 4;

/// Tokens in and out, by the request's number.
pub(super) type Billed = BTreeMap<u64, (u64, u64)>;

/// The provider's memory.
#[derive(Clone, Default)]
pub(super) struct Provider(Arc<Mutex<Billed>>);

impl Provider {
    /// Serves until the runtime ends.
    ///
    /// # Errors
    /// There is no port.
    pub(super) async fn start() -> Result<(Self, SocketAddr), Failure> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let (this, address) = (Self::default(), listener.local_addr()?);
        let serving = this.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                // A sidecar that dies hangs up.
                tokio::spawn(serving.clone().serve(stream));
            }
        });
        Ok((this, address))
    }

    /// What was billed by now.
    pub(super) fn billed(&self) -> Billed {
        self.lock().clone()
    }

    fn lock(&self) -> MutexGuard<'_, Billed> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn serve(self, mut stream: TcpStream) -> Option<()> {
        stream.set_nodelay(true).ok()?;
        let mut bytes = Vec::new();
        loop {
            let Some((body, length)) = request(&bytes) else {
                if stream.read_buf(&mut bytes).await.ok()? == 0 {
                    return None;
                }
                continue;
            };
            let number = number(&body)?;
            let streams = body.contains("\"stream\":true");
            bytes.drain(..length);
            let usage = (body.len() as u64 / 4, number % 50 + 1);
            // Billed before anything of it is told, as providers do.
            self.lock().insert(number, usage);
            answer(&mut stream, number, usage, streams).await.ok()?;
        }
    }
}

/// The body of a whole request, and how long all of it is.
fn request(bytes: &[u8]) -> Option<(String, usize)> {
    let end = memchr::memmem::find(bytes, b"\r\n\r\n")? + 4;
    let head = std::str::from_utf8(&bytes[..end]).ok()?.to_ascii_lowercase();
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: "))?;
    let length = length.parse::<usize>().ok()?;
    let body = bytes.get(end..end + length)?;
    Some((String::from_utf8_lossy(body).into_owned(), end + length))
}

/// The request's number: its model is called `m7`.
fn number(body: &str) -> Option<u64> {
    let rest = body.split_once("\"model\":\"m")?.1;
    rest.split_once('"')?.0.parse().ok()
}

async fn answer(
    stream: &mut TcpStream,
    number: u64,
    (input, output): (u64, u64),
    streams: bool,
) -> std::io::Result<()> {
    let usage =
        |output| format!("\"usage\":{{\"input_tokens\":{input},\"output_tokens\":{output}}}");
    if !streams {
        let body = format!("{{\"model\":\"m{number}\",\"content\":[],{}}}", usage(output));
        let kind = "content-type: application/json";
        let length = body.len();
        let answer = format!("HTTP/1.1 200 OK\r\n{kind}\r\ncontent-length: {length}\r\n\r\n{body}");
        sleep(PAUSE).await;
        return stream.write_all(answer.as_bytes()).await;
    }
    let kind = "content-type: text/event-stream\r\ntransfer-encoding: chunked";
    stream.write_all(format!("HTTP/1.1 200 OK\r\n{kind}\r\n\r\n").as_bytes()).await?;
    let start = format!(
        "{{\"type\":\"message_start\",\"message\":{{\"model\":\"m{number}\",{}}}}}",
        usage(1)
    );
    let delta =
        "{\"type\":\"content_block_delta\",\"delta\":{\"text\":\"hello there\"}}".to_owned();
    let last = format!("{{\"type\":\"message_delta\",{}}}", usage(output));
    let stop = "{\"type\":\"message_stop\"}".to_owned();
    let deltas = std::iter::repeat_n(delta, EVENTS as usize);
    for event in std::iter::once(start).chain(deltas).chain([last, stop]) {
        let event = format!("data: {event}\n\n");
        let chunk = format!("{:x}\r\n{event}\r\n", event.len());
        stream.write_all(chunk.as_bytes()).await?;
        sleep(PAUSE).await;
    }
    stream.write_all(b"0\r\n\r\n").await
}
