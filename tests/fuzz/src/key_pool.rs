//! The file of the key pool. What is no pool is refused without a word of it, and what is one gives each
//! provider's keys, and a list that shows none of them.

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;
use std::sync::LazyLock;

use ports::Fault;
use tokio::runtime::Runtime;

use super::scratch;

static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| {
    tokio::runtime::Builder::new_current_thread().enable_time().build().expect("a runtime")
});

/// Stands in an input where a secret would be. Longer than any id of a provider that an error shows.
const CANARY: &str = "canary0123456789abcdefghijklmnopqrstuvwxyz";

/// Checks one input.
pub fn check(data: &[u8]) {
    let text = String::from_utf8_lossy(data).replace("KEY", CANARY);
    let directory = scratch::directory();
    std::fs::create_dir_all(&directory).expect("a directory");
    let file = directory.join("keys.json");
    std::fs::write(&file, text).expect("written");
    std::fs::set_permissions(&file, Permissions::from_mode(0o600)).expect("set");
    let keys = local::keys_at(&file);
    RUNTIME.block_on(async {
        match keys.list().await {
            Ok(listed) => assert!(listed.iter().all(|key| !key.key.0.contains(CANARY))),
            Err(fault) => hides(&fault),
        }
        for provider in ["anthropic", "openai", ""] {
            match keys.of(provider).await {
                Ok(all) => assert!(all.iter().all(|key| !key.print.0.contains(CANARY))),
                Err(fault) => hides(&fault),
            }
        }
    });
}

fn hides(fault: &Fault) {
    assert!(matches!(fault, Fault::Nonsense { .. } | Fault::Refused(_)), "{fault:?}");
    assert!(!format!("{fault} {fault:?}").contains(CANARY), "a key is shown: {fault}");
}
