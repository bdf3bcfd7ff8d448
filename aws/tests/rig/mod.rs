//! A local AWS for one test program: ministack, or moto where that is the more faithful, as a process
//! of its own, which ends with it.
//!
//! A program that cannot start it fails; nothing is skipped.

#![allow(dead_code, reason = "each test program uses a part of it")]

use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, OnceLock};
use std::time::Duration;

use aws::Environment;
use aws_config::{BehaviorVersion, Region, SdkConfig};

/// The account of the local AWS.
pub(crate) const ACCOUNT: &str = "123456789012";
/// How often is looked whether it has come up, and at the most: a minute, for a busy machine.
const LOOK_EVERY: Duration = Duration::from_millis(20);
const LOOKS_MAX: u32 = 3_000;

/// A server of this program; every test shares it, each with an environment of its own.
pub(crate) struct LocalAws {
    address: SocketAddr,
}

/// The server, started by whoever asks first.
pub(crate) fn ministack() -> &'static LocalAws {
    static SERVER: OnceLock<LocalAws> = OnceLock::new();
    SERVER.get_or_init(|| LocalAws::start("local_aws.py", false))
}

/// Another, which lets nobody do what no policy allows. Its root's keys are `test` and `test`.
pub(crate) fn enforcing() -> &'static LocalAws {
    static SERVER: OnceLock<LocalAws> = OnceLock::new();
    SERVER.get_or_init(|| LocalAws::start("local_aws.py", true))
}

/// Another by other people, moto, which knows ELBv2 and its errors. Of DynamoDB, Secrets Manager and EFS
/// it lets pass what ministack and the fake refuse: a token that was used for something else, a label
/// that was moved meanwhile.
pub(crate) fn moto() -> &'static LocalAws {
    static SERVER: OnceLock<LocalAws> = OnceLock::new();
    SERVER.get_or_init(|| LocalAws::start("local_moto.py", false))
}

/// What ends with this program. A static is never dropped, so the process watches its parent.
static CHILDREN: Mutex<Vec<Child>> = Mutex::new(Vec::new());

impl LocalAws {
    fn start(program: &str, enforcing: bool) -> Self {
        // Other crates' tests start it too.
        let mut above = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors();
        let root = above.find(|path| path.join("Cargo.lock").exists()).expect("the workspace");
        let python = root.join(".venv/bin/python");
        assert!(
            python.exists(),
            "there is no .venv; scripts/test makes it from tests/python/aws.txt"
        );
        let free = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
        let address = free.local_addr().expect("an address");
        drop(free);
        let child = Command::new(python)
            .arg(root.join("tests/python").join(program))
            .env("GATEWAY_PORT", address.port().to_string())
            .env("MINISTACK_ACCOUNT_ID", ACCOUNT)
            .env("BIND_HOST", "127.0.0.1")
            .env("IOT_MTLS_ENABLED", "0")
            .env("AUTH", enforcing.to_string())
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("the local AWS starts");
        CHILDREN.lock().expect("nobody panics here").push(child);
        let mut looks = 0;
        while TcpStream::connect(address).is_err() {
            looks += 1;
            assert!(looks < LOOKS_MAX, "{program} did not come up");
            std::thread::sleep(LOOK_EVERY);
        }
        Self { address }
    }

    /// Where it listens.
    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// A configuration that leads every service here, with credentials that mean nothing.
    pub(crate) async fn config(&self) -> SdkConfig {
        aws_config::defaults(BehaviorVersion::latest())
            .region(Region::new("eu-central-1"))
            .endpoint_url(self.url())
            .test_credentials()
            .load()
            .await
    }
}

/// An environment that no other test of this server uses.
pub(crate) fn environment() -> Environment {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    format!("t{}", NEXT.fetch_add(1, Ordering::Relaxed)).parse().expect("a good name")
}
