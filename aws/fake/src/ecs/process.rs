//! What really runs in a task of the fake, if anything does.

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};

use rustix::process::{Pid, Signal, kill_process_group};

use crate::habits::Runs;

/// It runs until it is dropped.
#[derive(Debug)]
pub(crate) enum Running {
    Nothing,
    /// The system takes connections for it.
    Listener(#[expect(dead_code, reason = "it listens for as long as it is held")] TcpListener),
    /// A process and its children, in a group of their own.
    Process(Child),
}

impl Running {
    pub(crate) fn start(
        runs: &Runs,
        address: SocketAddr,
        environment: &[(String, String)],
    ) -> io::Result<Self> {
        match runs {
            Runs::Nothing => Ok(Self::Nothing),
            Runs::Listener => Ok(Self::Listener(TcpListener::bind(address)?)),
            Runs::Command(command) => {
                let child = Command::new("/bin/sh")
                    .args(["-c", command])
                    .envs(environment.iter().map(|(name, value)| (name, value)))
                    .env("FAKE_AWS_ADDRESS", address.to_string())
                    .process_group(0)
                    .stdin(Stdio::null())
                    .spawn()?;
                Ok(Self::Process(child))
            }
        }
    }

    /// The exit code, if it has ended by itself.
    pub(crate) fn ended(&mut self) -> Option<i32> {
        let Self::Process(child) = self else { return None };
        child.try_wait().ok().flatten().map(|status| status.code().unwrap_or(137))
    }

    /// SIGTERM, as ECS sends it.
    pub(crate) fn ask_to_end(&mut self) {
        self.send(Signal::TERM);
    }

    fn send(&self, signal: Signal) {
        if let Self::Process(child) = self
            && let Some(group) = i32::try_from(child.id()).ok().and_then(Pid::from_raw)
        {
            // Nobody left is what was wanted.
            let _ = kill_process_group(group, signal);
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.send(Signal::KILL);
        if let Self::Process(child) = self {
            // So that no zombie stays.
            let _ = child.wait();
        }
    }
}
