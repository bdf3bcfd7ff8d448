//! The front door in a real browser. `browser/journey.mjs` is the person; this starts the engine
//! with the small agent and hands it a log-in link. It must not skip when a part is missing.

mod support;

use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::process::Command;

use support::engine::{Engine, scratch, small_agent};

/// Debian's and Ubuntu's names for it.
const BROWSERS: [&str; 2] = ["/usr/bin/chromium", "/usr/bin/chromium-browser"];
/// Several times what the journey takes; each wait within it has an end of its own.
const WITHIN: Duration = Duration::from_secs(180);

/// Where `scripts/test` installs what drives the browser.
fn packages() -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the workspace");
    let packages = root.join(".cache/browser");
    assert!(
        packages.join("node_modules/playwright-core").is_dir(),
        "{} is not there: run scripts/test once, or\n  mkdir -p .cache/browser && \
         cp teamclaw/tests/browser/package*.json .cache/browser/ && (cd .cache/browser && npm ci)",
        packages.display()
    );
    packages
}

fn browser() -> &'static str {
    let found = BROWSERS.into_iter().find(|path| Path::new(path).exists());
    found.expect("no browser: sudo apt-get install chromium")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_comes_in_waits_talks_keeps_it_awake_and_finds_it_again_without_a_mouse() {
    let (packages, browser) = (packages(), browser());
    let data = scratch("browser");
    let agent = small_agent(&data);
    // The agent waits to be let in until the waiting page was seen, however fast the machine is.
    let place = PathBuf::from(format!("{agent}-place"));
    std::fs::create_dir_all(&place).expect("made");
    let seen = place.join("seen");
    let wait = format!("until [ -e {} ]; do sleep 0.1; done", seen.display());
    let command = format!("--agent={wait}; exec {agent} demo-agent");
    let files = [format!("--agent-files={agent}"), format!("--agent-files={}", place.display())];
    let times = ["--idle=12s", "--idle-min=5s", "--notice=9s"];
    let mut arguments = vec![command.as_str(), &files[0], &files[1]];
    arguments.extend(times);
    let engine = Engine::start_on(data, &arguments).await;
    let login = engine.json(&["login", "ann", "--no-wait", "--format", "json"]);
    let link = login["link"].as_str().expect("a link");

    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/browser/journey.mjs");
    let mut node = Command::new("node");
    node.arg(script).arg(packages).args([browser, link]).arg(seen).kill_on_drop(true);
    let output = tokio::time::timeout(WITHIN, node.output()).await.expect("it ends in time");
    let output = output.expect("node runs: sudo apt-get install nodejs");
    let said = String::from_utf8_lossy(&output.stdout);
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}{error}");
    assert!(said.contains("the conversation is still there"), "{said}");
    drop(std::fs::remove_dir_all(place));
}
