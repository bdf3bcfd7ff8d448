//! One life of the proxy, and the clients that ask it until it is dead.

use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

use super::Failure;

/// The workspace's token.
const TOKEN: &str = "tc_00000000000000000000000000000000";
/// How many clients ask at once.
const CLIENTS: usize = 6;

/// A sidecar that runs.
pub(super) struct Life {
    child: Child,
    address: SocketAddr,
}

impl Life {
    /// Starts it in its directory; the keys' file is there.
    ///
    /// # Errors
    /// It does not come up.
    pub(super) fn begin(
        program: &Path,
        place: &Path,
        provider: SocketAddr,
    ) -> Result<Self, Failure> {
        let upstream = format!("anthropic=http://{provider}");
        let mut child = Command::new(program)
            .current_dir(place)
            .env_clear()
            .env("TEAMCLAW_TOKEN", TOKEN)
            .args(["--listen", "127.0.0.1:0", "--keys", "keys.json", "--usage", "usage.jsonl"])
            .args(["--upstream", &upstream])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()?;
        let mut line = String::new();
        let output = child.stdout.take().ok_or("it has no output")?;
        BufReader::new(output).read_line(&mut line)?;
        let address = line.trim().rsplit("http://").next().unwrap_or_default();
        let address = address.parse().map_err(|_| format!("it did not come up: {line:?}"))?;
        Ok(Self { child, address })
    }

    /// Clients that ask until they get no answer; gives the numbers of what they saw to the end.
    pub(super) fn clients(&self, numbers: &Arc<AtomicU64>) -> JoinSet<Vec<u64>> {
        let mut clients = JoinSet::new();
        for _ in 0..CLIENTS {
            let (numbers, address) = (Arc::clone(numbers), self.address);
            clients.spawn(async move {
                let mut seen = Vec::new();
                loop {
                    let number = numbers.fetch_add(1, Ordering::Relaxed);
                    if ask(address, number).await.is_none() {
                        return seen;
                    }
                    seen.push(number);
                }
            });
        }
        clients
    }

    /// Kills it.
    ///
    /// # Errors
    /// It was dead already.
    pub(super) fn kill(mut self) -> Result<(), Failure> {
        self.child.kill()?;
        let ended = self.child.wait()?;
        if ended.code().is_some() {
            Err(format!("it ended by itself: {ended}").into())
        } else {
            Ok(())
        }
    }

    /// Lets it end in good order: what it has not handed over yet, it hands over first.
    ///
    /// # Errors
    /// It does not.
    pub(super) fn end(mut self) -> Result<(), Failure> {
        let id = self.child.id().to_string();
        let told = Command::new("kill").args(["-TERM", &id]).status()?.success();
        let ended = self.child.wait()?.success();
        if told && ended { Ok(()) } else { Err("it did not end in good order".into()) }
    }
}

/// Asks once; `Some` when the whole answer came.
async fn ask(address: SocketAddr, number: u64) -> Option<()> {
    let streams = !number.is_multiple_of(4);
    let body = format!(
        "{{\"model\":\"m{number}\",\"stream\":{streams},\"max_tokens\":9,\"messages\":[{{\"role\":\
         \"user\",\"content\":\"hello there\"}}]}}"
    );
    let head = format!(
        "POST /anthropic/v1/messages HTTP/1.1\r\nhost: localhost\r\nx-api-key: {TOKEN}\r\n\
         content-type: application/json\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
        body.len()
    );
    let mut stream = TcpStream::connect(address).await.ok()?;
    stream.write_all(format!("{head}{body}").as_bytes()).await.ok()?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.ok()?;
    let text = String::from_utf8_lossy(&answer);
    let over = if streams { text.ends_with("0\r\n\r\n") } else { text.ends_with("}}") };
    (over && text.starts_with("HTTP/1.1 200")).then_some(())
}
