//! A provider that writes down each request as the strict reader reads it, and what is no request;
//! it answers whatever it was told to, on connections that stay open.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::rig::listener;
use super::strict::{self, Message};

#[derive(Default)]
struct State {
    requests: Vec<Message>,
    broken: Vec<String>,
    connections: usize,
    answer: Vec<u8>,
}

/// The provider.
pub struct Recorder {
    pub address: SocketAddr,
    state: Arc<Mutex<State>>,
}

impl Recorder {
    /// A provider that answers so.
    pub async fn new(answer: impl Into<Vec<u8>>) -> Self {
        let (listener, address) = listener().await;
        let state = Arc::new(Mutex::new(State { answer: answer.into(), ..State::default() }));
        let shared = Arc::clone(&state);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                lock(&shared).connections += 1;
                tokio::spawn(serve(stream, Arc::clone(&shared)));
            }
        });
        Self { address, state }
    }

    /// From now on it answers so.
    pub fn answers(&self, answer: impl Into<Vec<u8>>) {
        lock(&self.state).answer = answer.into();
    }

    /// What it was asked since the last look. Fails when anything on any wire was no request.
    pub fn take(&self) -> Vec<Message> {
        let mut state = lock(&self.state);
        assert_eq!(state.broken, Vec::<String>::new(), "no strict reader would take that");
        std::mem::take(&mut state.requests)
    }

    /// How many connections there were.
    pub fn connections(&self) -> usize {
        lock(&self.state).connections
    }
}

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().expect("no panic")
}

async fn serve(mut stream: TcpStream, state: Arc<Mutex<State>>) {
    let _slower = stream.set_nodelay(true);
    let mut bytes = Vec::new();
    loop {
        match strict::request(&bytes) {
            Ok(Some((message, length))) => {
                bytes.drain(..length);
                let answer = {
                    let mut state = lock(&state);
                    state.requests.push(message);
                    state.answer.clone()
                };
                if stream.write_all(&answer).await.is_err() {
                    return;
                }
            }
            Ok(None) => {
                if stream.read_buf(&mut bytes).await.unwrap_or(0) == 0 {
                    // What was cut is no request that anybody would take.
                    return;
                }
            }
            Err(why) => {
                lock(&state).broken.push(why);
                return;
            }
        }
    }
}
