//! The real program in a process of its own, and a provider of a few lines for it.

#![allow(
    dead_code,
    missing_docs,
    unreachable_pub,
    reason = "each test file is a crate of its own and uses its part"
)]

use std::future::Future;
use std::io::{BufRead as _, BufReader, Read as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::thread::JoinHandle;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

/// A directory of its own, gone afterwards.
pub struct Scratch(pub PathBuf);

impl Scratch {
    pub fn new(name: &str) -> Self {
        let name = format!("teamclaw-sidecar-{}-{name}", std::process::id());
        let path = std::env::temp_dir().join(name);
        // Left over from a process of the same number.
        drop(std::fs::remove_dir_all(&path));
        std::fs::create_dir_all(&path).expect("a directory");
        Self(path)
    }

    /// Writes a file for its owner alone.
    pub fn put(&self, name: &str, text: &str) {
        use std::os::unix::fs::PermissionsExt as _;
        let path = self.0.join(name);
        std::fs::write(&path, text).expect("written");
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).expect("set");
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        drop(std::fs::remove_dir_all(&self.0));
    }
}

/// The program at work; killed when it is dropped.
pub struct Running {
    child: Child,
    pub address: String,
    said: Vec<JoinHandle<Vec<u8>>>,
    first: String,
}

impl Running {
    /// Starts it in a directory, with no environment but this.
    pub fn start(directory: &Path, arguments: &[&str], environment: &[(&str, &str)]) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_teamclaw-sidecar"))
            .current_dir(directory)
            .env_clear()
            .envs(environment.iter().copied())
            .args(arguments)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("it starts");
        let mut output = BufReader::new(child.stdout.take().expect("its output"));
        let mut errors = child.stderr.take().expect("its errors");
        let errors = std::thread::spawn(move || {
            let mut all = Vec::new();
            errors.read_to_end(&mut all).expect("readable");
            all
        });
        let mut first = String::new();
        output.read_line(&mut first).expect("a line");
        let address = first.trim().rsplit("http://").next().expect("an address").to_owned();
        let output = std::thread::spawn(move || {
            let mut all = Vec::new();
            output.read_to_end(&mut all).expect("readable");
            all
        });
        Self { child, address, said: vec![output, errors], first }
    }

    /// A file of the kernel's about it.
    pub fn proc(&self, name: &str) -> Vec<u8> {
        std::fs::read(format!("/proc/{}/{name}", self.child.id())).expect("it is alive")
    }

    /// The most memory that it ever had, in MiB.
    pub fn most_memory(&self) -> u64 {
        let status = String::from_utf8(self.proc("status")).expect("text");
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("the mark");
        line.trim().trim_end_matches(" kB").parse::<u64>().expect("a number") / 1024
    }

    /// Waits until it ends by itself. Gives its exit code, and all that it said.
    pub fn ended(mut self) -> (Option<i32>, String) {
        let code = self.child.wait().expect("an end").code();
        let said = std::mem::take(&mut self.said).into_iter();
        let said: Vec<Vec<u8>> = said.map(|it| it.join().expect("no panic")).collect();
        (code, String::from_utf8_lossy(&said.concat()).into_owned())
    }

    /// Ends it, in good order or not, and gives what it said on both outputs.
    pub fn end(mut self, signal: &str) -> [Vec<u8>; 2] {
        let id = self.child.id().to_string();
        let told = Command::new("kill").args([signal, &id]).status().expect("told");
        assert!(told.success());
        self.child.wait().expect("an end");
        let mut said = std::mem::take(&mut self.said).into_iter();
        let mut next = || said.next().expect("both").join().expect("no panic");
        let output = [self.first.as_bytes(), &next()].concat();
        [output, next()]
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// A provider that reads one whole request on each connection, gives its text to `answer`, which
/// does what it likes with the stream, and closes. Gives its base URL.
pub async fn provider<F>(answer: impl Fn(TcpStream, String) -> F + Send + Sync + 'static) -> String
where
    F: Future<Output = ()> + Send + 'static,
{
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    let answer = Arc::new(answer);
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let answer = Arc::clone(&answer);
            tokio::spawn(async move {
                let Some(text) = request(&mut stream).await else { return };
                answer(stream, text).await;
            });
        }
    });
    format!("http://{address}")
}

async fn request(stream: &mut TcpStream) -> Option<String> {
    let mut bytes = Vec::new();
    loop {
        let text = String::from_utf8_lossy(&bytes).into_owned();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let lines = head.lines().filter_map(|line| line.split_once(": "));
            let mut length = lines.filter(|(name, _)| name.eq_ignore_ascii_case("content-length"));
            let length = length.next().map_or(0, |(_, n)| n.parse().expect("a number"));
            if body.len() >= length {
                return Some(text);
            }
        }
        if stream.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
    }
}

/// Sends these bytes, and gives all that comes until the end.
pub async fn ask(address: &str, request: &str) -> Vec<u8> {
    let mut stream = TcpStream::connect(address).await.expect("a connection");
    stream.write_all(request.as_bytes()).await.expect("written");
    let mut answer = Vec::new();
    // A reset is as good an end as any.
    let _reset = stream.read_to_end(&mut answer).await;
    answer
}

/// A POST with these header lines.
pub fn post(path: &str, headers: &str, body: &str) -> String {
    format!(
        "POST {path} HTTP/1.1\r\nhost: localhost\r\n{headers}content-type: application/json\r\n\
         content-length: {}\r\nconnection: close\r\n\r\n{body}",
        body.len()
    )
}
