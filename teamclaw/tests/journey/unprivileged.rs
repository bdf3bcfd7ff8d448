//! The same engine run by somebody who is not root: the journey is whole, agents get nothing they
//! should not, and what is missing is said loudly.
//!
//! Where the test itself is root it becomes somebody else for this; where it is not, it stays who
//! it is, and nothing is left out.

use std::process::Stdio;

use crate::attack::{Attack, NAMED_SOCKET};
use crate::engine::{as_user, is_root, scratch, small_agent};
use crate::hostile;

/// A user without a name on any machine.
const NOBODY: u32 = 64_124;

/// Whom the engine runs as.
fn somebody() -> Option<u32> {
    is_root().then_some(NOBODY)
}

#[test]
fn the_demonstration_is_whole_without_root_and_says_what_is_missing() {
    let data = scratch("nobody");
    let program = small_agent(&data);
    let user = somebody().unwrap_or_else(|| rustix::process::geteuid().as_raw());
    let output = as_user(program.as_ref(), user)
        .args(["up", "--demo", "--exit", "--listen=127.0.0.1:0"])
        .arg(format!("--data={}", data.display()))
        .stdin(Stdio::null())
        .output()
        .expect("run");
    let text = String::from_utf8_lossy(&output.stdout);
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{text}{error}");
    for promised in ["OWN USER IS MISSING", "Start as root", "ready after", "was whole"] {
        assert!(text.contains(promised), "no {promised:?} in:\n{text}");
    }
    std::fs::remove_dir_all(&data).expect("removed");
    std::fs::remove_file(program).expect("removed");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hostile_agent_without_a_user_of_its_own_gets_nothing_but_what_is_said_to_be_open() {
    let attack = Attack::begin("unprivileged", somebody()).await;
    let bobs = attack.engine.processes_of("bob");
    let report = attack.report().await;
    let skipped =
        [&hostile::WITHOUT_ROOT[..], &["use the token of one's own former life"]].concat();
    hostile::nothing_got(&report, &skipped, &[NAMED_SOCKET]);
    hostile::nothing_in_hand(&attack).await;
    hostile::still_there(&attack, &bobs).await;
    hostile::only_in_their_places(&attack);
    hostile::nothing_shown(&attack);

    let status = attack.engine.json(&["status", "--format", "json"]);
    let measures = status["engine"]["confinement"].as_array().expect("measures");
    let missing: Vec<_> = measures.iter().filter(|measure| measure["inForce"] == false).collect();
    assert_eq!(missing.len(), 1, "{missing:?}");
    assert_eq!(missing[0]["name"], "own user");
    let words = missing[0]["words"].as_str().expect("words");
    assert!(words.contains("local sockets"), "what is open is not said: {words}");
    assert!(attack.engine.log().contains("OWN USER IS MISSING"), "up says it loudly");
}
