//! A provider that answers exactly the bytes it is told to, and keeps the bytes that it got.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::rig::listener;

/// What each connection sent: head in lower case, and body.
type Requests = Arc<Mutex<Vec<(String, Vec<u8>)>>>;

/// The provider: one answer for each connection, in order; the last one again and again.
pub struct Raw {
    pub address: SocketAddr,
    got: Requests,
}

impl Raw {
    /// Answers with these bytes, then closes.
    pub async fn new(answers: &[&str]) -> Self {
        Self::bytes(answers.iter().map(|answer| answer.as_bytes().to_vec()).collect()).await
    }

    /// The same of answers that need not be text.
    pub async fn bytes(answers: Vec<Vec<u8>>) -> Self {
        let (listener, address) = listener().await;
        let got = Requests::default();
        let mut answers = VecDeque::from(answers);
        let kept = Arc::clone(&got);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let answer = answers.front().cloned().unwrap_or_default();
                if answers.len() > 1 {
                    answers.pop_front();
                }
                tokio::spawn(one(stream, answer, Arc::clone(&kept)));
            }
        });
        Self { address, got }
    }

    /// What the nth connection sent.
    pub fn request(&self, n: usize) -> (String, Vec<u8>) {
        self.got.lock().expect("no panic")[n].clone()
    }

    /// How many connections there were.
    pub fn count(&self) -> usize {
        self.got.lock().expect("no panic").len()
    }
}

async fn one(mut stream: TcpStream, answer: Vec<u8>, got: Requests) {
    let mut bytes = Vec::new();
    let head = loop {
        if let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") {
            break end + 4;
        }
        if stream.read_buf(&mut bytes).await.expect("bytes") == 0 {
            return;
        }
    };
    let text = String::from_utf8(bytes[..head].to_vec()).expect("UTF-8").to_lowercase();
    let length = text.lines().find_map(|line| line.strip_prefix("content-length: "));
    let length: usize = length.map_or(0, |length| length.parse().expect("a number"));
    while bytes.len() < head + length {
        if stream.read_buf(&mut bytes).await.expect("bytes") == 0 {
            return;
        }
    }
    got.lock().expect("no panic").push((text, bytes[head..].to_vec()));
    // The other side may have gone; then the test sees it by what it got.
    let _gone = stream.write_all(&answer).await;
    let _gone = stream.shutdown().await;
}

/// A whole JSON answer on the wire.
pub fn json(status: &str, headers: &str, body: &str) -> String {
    format!(
        "HTTP/1.1 {status}\r\ncontent-type: application/json\r\n{headers}content-length: {}\r\n\
         connection: close\r\n\r\n{body}",
        body.len()
    )
}
