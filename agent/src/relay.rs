//! From the task's own address to the agent. OpenClaw listens on loopback alone, so that nobody in
//! the network is ever taken for a local program; where a task has an address of its own, this passes
//! on what reaches it. Who may come there is the network's business, and the pass is the agent's.
//!
//! It looks at no byte. It must not listen where the agent is not alone in its network.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;

/// How many connections are passed on at once: a person's browser has a dozen, and the router's are
/// kept open. Others wait in the system's own line.
const CONNECTIONS_MAX: usize = 512;
/// After the system had no room for another connection, it is asked again no sooner.
const PAUSE: Duration = Duration::from_millis(50);

/// Passes every connection on to this port of loopback, until it is dropped.
pub async fn relay(listener: TcpListener, port: u16) {
    let room = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    loop {
        let Ok(permit) = room.clone().acquire_owned().await else { return };
        match listener.accept().await {
            Ok((stream, _)) => {
                tokio::spawn(async move {
                    // Whoever ends it, and however: there is nobody to tell.
                    drop(pass_on(stream, port).await);
                    drop(permit);
                });
            }
            Err(_) => tokio::time::sleep(PAUSE).await,
        }
    }
}

/// Both ways, until both sides have ended. An agent that does not listen yet refuses, and so do we.
async fn pass_on(mut outside: TcpStream, port: u16) -> io::Result<()> {
    let agent = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let mut inside = TcpStream::connect(agent).await?;
    outside.set_nodelay(true)?;
    inside.set_nodelay(true)?;
    copy_bidirectional(&mut outside, &mut inside).await.map(drop)
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;

    async fn listener() -> (TcpListener, SocketAddr) {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a port");
        let address = listener.local_addr().expect("an address");
        (listener, address)
    }

    /// An agent that says everything back, and ends when it hears the end.
    async fn echo() -> SocketAddr {
        let (agent, address) = listener().await;
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = agent.accept().await {
                tokio::spawn(async move {
                    let (mut read, mut write) = stream.split();
                    tokio::io::copy(&mut read, &mut write).await
                });
            }
        });
        address
    }

    #[tokio::test]
    async fn what_is_said_outside_is_heard_inside_and_the_answer_comes_back() {
        let (outside, address) = listener().await;
        tokio::spawn(relay(outside, echo().await.port()));
        for words in ["hello", "and again, on another connection"] {
            let mut stream = TcpStream::connect(address).await.expect("a connection");
            stream.write_all(words.as_bytes()).await.expect("sent");
            stream.shutdown().await.expect("the end is passed on");
            let mut answer = String::new();
            stream.read_to_string(&mut answer).await.expect("the end comes back");
            assert_eq!(answer, words);
        }
    }

    #[tokio::test]
    async fn while_no_agent_listens_a_connection_ends_at_once() {
        let (nobody, closed) = listener().await;
        drop(nobody);
        let (outside, address) = listener().await;
        tokio::spawn(relay(outside, closed.port()));
        let mut stream = TcpStream::connect(address).await.expect("a connection");
        let mut answer = Vec::new();
        assert_eq!(stream.read_to_end(&mut answer).await.unwrap_or(0), 0);
    }
}
