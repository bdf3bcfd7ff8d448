//! Two ends of a WebSocket joined: every byte passes as it came, both ways, until one end is gone.
//!
//! There is no idle limit: a conversation may rest for hours. What ends it is either end closing,
//! the session ending, or the door shutting.

use std::time::Duration;

use hyper::upgrade::Upgraded;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadHalf, WriteHalf};

/// Bytes copied at a time; large enough for a burst of small frames, small enough for ten thousand
/// tunnels.
const PIECE: usize = 8 * 1024;

/// How long the other direction may still say something after one end has closed: the time of a
/// closing handshake.
const LINGER: Duration = Duration::from_secs(10);

/// Copies both ways until both directions have ended, or `until` is over. `tap` sees what the
/// client sends.
pub(crate) async fn join(
    client: Upgraded,
    agent: Upgraded,
    tap: impl FnMut(&[u8]),
    until: impl Future<Output = ()>,
) {
    let (client_reads, client_writes) = tokio::io::split(TokioIo::new(client));
    let (agent_reads, agent_writes) = tokio::io::split(TokioIo::new(agent));
    let up = copy(client_reads, agent_writes, tap);
    let down = copy(agent_reads, client_writes, |_: &[u8]| {});
    tokio::pin!(up, down);
    tokio::select! {
        biased;
        () = until => {}
        whole = &mut up => {
            if whole.is_ok() {
                let _ = tokio::time::timeout(LINGER, down).await;
            }
        }
        whole = &mut down => {
            if whole.is_ok() {
                let _ = tokio::time::timeout(LINGER, up).await;
            }
        }
    }
}

/// Copies one way to its end, and passes the end on. An error means that nothing more can be said
/// either way.
async fn copy<S: AsyncRead + AsyncWrite, T: AsyncRead + AsyncWrite>(
    mut from: ReadHalf<S>,
    mut to: WriteHalf<T>,
    mut tap: impl FnMut(&[u8]),
) -> std::io::Result<()> {
    let mut piece = vec![0; PIECE];
    loop {
        let read = from.read(&mut piece).await?;
        if read == 0 {
            return to.shutdown().await;
        }
        tap(&piece[..read]);
        to.write_all(&piece[..read]).await?;
        to.flush().await?;
    }
}
