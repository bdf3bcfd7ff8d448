//! An agent that is out for keys and for other people, started by the whole pipeline: it gets
//! nothing.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use hyper::{Method, StatusCode};
use serde_json::{Value, json};
use sidecar::stand_in::Script;

use crate::attack::{Attack, files_below, holds};
use crate::person::Person;

/// The fewest ways that must have been tried, so that a broken script does not pass.
const WAYS_MIN: usize = 80;
const WITHIN: Duration = Duration::from_secs(150);

/// What a mistake in the script looks like; a wall's refusal is another.
const MISTAKES: [&str; 5] =
    ["NameError", "TypeError", "AttributeError", "UnboundLocalError", "UnicodeEncodeError"];

#[tokio::test(flavor = "multi_thread")]
async fn a_hostile_agent_gets_no_key_and_nothing_of_anybody_else() {
    let attack = Attack::begin("hostile", None).await;
    let bobs = attack.engine.processes_of("bob");
    let first = attack.report().await;
    let mut skipped = vec!["use the token of one's own former life"];
    let mut open = Vec::new();
    if !crate::engine::is_root() {
        skipped.extend(WITHOUT_ROOT);
        open.push(crate::attack::NAMED_SOCKET);
    }
    nothing_got(&first, &skipped, &open);
    nothing_said_back(&attack).await;
    the_person_gets_no_further(&attack).await;
    nothing_in_hand(&attack).await;

    still_there(&attack, &bobs).await;
    the_token_of_a_former_life_is_worth_nothing(&attack).await;
    nothing_in_hand(&attack).await;
    only_in_their_places(&attack);
    nothing_shown(&attack);
    still_there(&attack, &bobs).await;
}

/// What cannot be tried where the engine is not root.
pub(crate) const WITHOUT_ROOT: [&str; 2] =
    ["reach an abstract socket of the engine", "keep groups of the engine"];

/// Holds the report against the promise: everything tried, nothing got but what is known `open`.
pub(crate) fn nothing_got(report: &Value, may_skip: &[&str], open: &[&str]) {
    assert_eq!(report["control"], true, "an honest request does not work: {report}");
    let attempts = report["attempts"].as_array().expect("attempts");
    let named =
        |attempt: &Value| (attempt["name"].as_str().expect("a name").to_owned(), attempt.clone());
    let attempts: BTreeMap<String, Value> = attempts.iter().map(named).collect();
    assert!(attempts.len() >= WAYS_MIN, "only {} ways were tried", attempts.len());
    let mut wrong = Vec::new();
    for (name, attempt) in &attempts {
        let how = attempt["how"].as_str().unwrap_or_default();
        let mistaken = MISTAKES.iter().any(|mistake| how.starts_with(mistake));
        match attempt["got"].as_u64() {
            Some(0) if !mistaken => {}
            Some(_) if open.contains(&name.as_str()) => {}
            None if may_skip.contains(&name.as_str()) => {}
            _ => wrong.push(attempt.to_string()),
        }
    }
    assert!(wrong.is_empty(), "the agent got something:\n{}", wrong.join("\n"));
}

/// Nothing secret is in mallory's hands: not in her home, her log, or what her agent says.
pub(crate) async fn nothing_in_hand(attack: &Attack) {
    let all = attack.everything_of_mallory().await;
    assert!(all.iter().any(|(path, _)| path.ends_with("launcher.memory")), "it was not looked at");
    // Her own session is hers; her agent must not learn it all the same.
    for canary in attack.canaries.iter().chain(&attack.names) {
        for (path, bytes) in &all {
            assert!(!holds(bytes, &canary.bytes), "{} is in {}", canary.what, path.display());
        }
    }
}

/// A provider that says the key back, in every kind of answer that is not a good one, says it to
/// the sidecar alone.
async fn nothing_said_back(attack: &Attack) {
    let ask =
        json!({"model": "m", "max_tokens": 9, "messages": [{"role": "user", "content": "x"}]});
    for status in [300, 301, 302, 304, 307, 308, 400, 404, 413, 422, 500, 503, 529, 403, 429, 401] {
        for path in ["/anthropic/v1/messages", "/openai/v1/chat/completions"] {
            attack.engine.provider.script(Script { fail_next: 1, status, ..Script::default() });
            let before = attack.engine.provider.ledger().total();
            let wish = json!({"method": "POST", "path": path, "body": ask.to_string()});
            let answer = attack.mallory.post("/puppet", &[], wish).await;
            let answer = answer["answer"].as_str().expect("an answer");
            assert!(answer.starts_with("HTTP/1.1 "), "{status}: {answer}");
            let after = attack.engine.provider.ledger().total();
            assert!(after.refused > before.refused, "the provider was not asked: {answer}");
            for canary in &attack.canaries {
                let told = holds(answer.as_bytes(), &canary.bytes);
                assert!(!told, "{status} tells {}: {answer}", canary.what);
            }
            if [400, 500].contains(&status) {
                assert!(answer.contains("your key is (key)"), "nothing was said back: {answer}");
            }
        }
    }
    attack.engine.provider.script(Script::default());
}

/// Mallory herself, with her own session at the front door, is no operator and not bob.
async fn the_person_gets_no_further(attack: &Attack) {
    let url = &attack.mallory;
    let places = ["status", "keys", "usage", "feed", "workspaces", "workspaces/bob/events"];
    let guesses = [None, Some("Bearer operator"), Some("Bearer "), Some("Basic b3BlcmF0b3I6")];
    for place in places {
        for guess in guesses {
            let headers: Vec<(&str, &str)> =
                guess.map(|g| ("authorization", g)).into_iter().collect();
            let path = format!("/api/v1/{place}");
            let (status, text) = url.send(Method::GET, &path, &headers, None).await;
            assert_ne!(status, StatusCode::OK, "{path} as {guess:?}: {text}");
        }
    }
    for path in ["/api/v1/workspaces/bob/stop", "/api/v1/workspaces/bob/login", "/api/v1/replay"] {
        let (status, text) = url.send(Method::POST, path, &[], Some(json!({}))).await;
        assert_eq!(status, StatusCode::UNAUTHORIZED, "{path}: {text}");
    }
    let history = url.send(Method::GET, "/history", &[("x-teamclaw-user", "bob")], None).await;
    assert!(!history.1.contains("canary-said"), "mallory reads bob's: {}", history.1);
    assert!(!url.status().await.to_string().contains("bob"));
}

/// Stops mallory's agent and starts it again: the token of before must be worth nothing.
async fn the_token_of_a_former_life_is_worth_nothing(attack: &Attack) {
    assert!(attack.engine.run(&["stop", "mallory"]).status.success());
    assert_eq!(attack.engine.processes_of("mallory"), Vec::<u32>::new());
    Person::log_in(&attack.engine, "mallory").await;
    attack.engine.wait_for("mallory", "ready", WITHIN).await;
    let report = attack.report().await;
    let attempts = report["attempts"].as_array().expect("attempts");
    let former =
        attempts.iter().find(|attempt| attempt["name"] == "use the token of one's own former life");
    let former = former.expect("tried");
    assert_eq!(former["got"], 0, "{former}");
    assert!(former["how"].as_str().expect("words").contains("401"), "{former}");
}

/// Bob noticed nothing: the same processes, and his agent remembers.
pub(crate) async fn still_there(attack: &Attack, bobs: &[u32]) {
    assert_eq!(attack.engine.status("bob"), "ready");
    assert_eq!(attack.engine.processes_of("bob"), bobs, "bob's agent is another");
    let answer = attack.bob.post("/chat", &[], json!({"message": "still there?"})).await;
    assert!(answer["reply"].as_str().expect("a reply").contains("still there?"), "{answer}");
}

/// Every file of the data directory is looked through, the database and its log among them.
pub(crate) fn only_in_their_places(attack: &Attack) {
    let files = files_below(&attack.engine.data);
    let names: Vec<PathBuf> = files.iter().map(|(path, _)| below(attack, path)).collect();
    for expected in ["teamclaw.db", "keys.json", "pool.secret", "operator.json"] {
        assert!(names.contains(&PathBuf::from(expected)), "{expected} is not in {names:?}");
    }
    for canary in &attack.canaries {
        for (path, bytes) in &files {
            let path = below(attack, path);
            let expected = canary.place.as_ref() == Some(&path);
            let found = holds(bytes, &canary.bytes);
            assert_eq!(found, expected, "{} in {}", canary.what, path.display());
        }
    }
}

fn below(attack: &Attack, path: &std::path::Path) -> PathBuf {
    path.strip_prefix(&attack.engine.data).expect("below").to_owned()
}

/// No log and no answer to an operator holds a secret.
pub(crate) fn nothing_shown(attack: &Attack) {
    let engine = &attack.engine;
    let log = engine.log();
    assert!(log.contains("DEBUG"), "the log is not in full: {log}");
    let mut shown = vec![("the log".to_owned(), log.into_bytes())];
    let mut commands: Vec<Vec<&str>> = vec![vec!["feed"], vec!["keys", "list", "--format", "json"]];
    for format in ["text", "json"] {
        commands.extend([vec!["status", "--format", format], vec!["parked", "--format", format]]);
        for user in ["bob", "mallory"] {
            commands.push(vec!["status", user, "--format", format]);
            commands.push(vec!["events", user, "--format", format]);
        }
    }
    for by in ["user", "team", "model", "provider", "key"] {
        for format in ["table", "json", "csv"] {
            commands.push(vec!["usage", "--by", by, "--format", format]);
        }
    }
    for command in commands {
        let output = engine.run(&command);
        let error = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{command:?}: {error}");
        shown.push((command.join(" "), [output.stdout, output.stderr].concat()));
    }
    for canary in &attack.canaries {
        for (what, bytes) in &shown {
            // `status` shows the agent's last words, and the hostile one prints what it was told.
            assert!(!holds(bytes, &canary.bytes), "{} shows {}", what, canary.what);
        }
    }
}
