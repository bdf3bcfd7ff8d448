//! A key is rotated while people work: a bad one is refused and changes nothing, a good one takes
//! the old one's place, and no request fails.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use events::Secret;
use events::token::key_print;
use serde_json::{Value, json};

use crate::engine::{Engine, Setup, scratch, small_agent};
use crate::person::Person;

const WITHIN: Duration = Duration::from_secs(60);
/// How many people work at the same time.
const PEOPLE: [&str; 2] = ["ann", "bob"];
const NEW: &str = "sk-the-new-key-of-the-journey";
/// A rotation goes on while so many more answers come.
const ANSWERS: usize = 4;

/// People who ask their agents one thing after the other, until they are told to stop.
struct Work {
    over: Arc<AtomicBool>,
    answers: Arc<AtomicUsize>,
    people: Vec<tokio::task::JoinHandle<()>>,
}

impl Work {
    async fn begin(engine: &Engine) -> Self {
        let (over, answers) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
        let mut people = Vec::new();
        for name in PEOPLE {
            let person = Person::log_in(engine, name).await;
            engine.wait_for(name, "ready", WITHIN).await;
            let (over, answers) = (Arc::clone(&over), Arc::clone(&answers));
            people.push(tokio::spawn(async move {
                while !over.load(Ordering::SeqCst) {
                    let n = answers.fetch_add(1, Ordering::SeqCst);
                    let message = json!({"message": format!("question {n}")});
                    // It must work: a status other than 200 ends the test.
                    let answer = person.post("/chat", &[], message).await;
                    let reply = answer["reply"].as_str().expect("a reply");
                    assert!(reply.contains(&format!("question {n}")), "{reply}");
                }
            }));
        }
        Self { over, answers, people }
    }

    /// Waits for some more answers.
    async fn go_on(&self) {
        let wanted = self.answers.load(Ordering::SeqCst) + ANSWERS;
        let until = tokio::time::Instant::now() + WITHIN;
        while self.answers.load(Ordering::SeqCst) < wanted {
            assert!(tokio::time::Instant::now() < until, "nobody is answered any more");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    async fn end(self) {
        self.over.store(true, Ordering::SeqCst);
        for person in self.people {
            person.await.expect("every question was answered");
        }
    }
}

/// The fingerprints of a provider's keys.
fn pool(engine: &Engine) -> Vec<Value> {
    let list = engine.json(&["keys", "list", "--format", "json"]);
    let keys = list["keys"].as_array().expect("keys").iter();
    keys.filter(|key| key["provider"] == "anthropic").map(|key| key["key"].clone()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_is_rotated_under_load_and_no_request_fails() {
    let data = scratch("rotation");
    let agent = small_agent(&data);
    let command = format!("--agent=exec {agent} demo-agent");
    let files = format!("--agent-files={agent}");
    let engine = Engine::start_with(data, Setup::default(), &[&command, &files]).await;
    let old = Setup::default().key;
    let (old_print, new_print) = (key_print(&old).0, key_print(&Secret::new(NEW)).0);
    let work = Work::begin(&engine).await;
    work.go_on().await;

    let plan = ["keys", "rotate", "anthropic", "--dry-run"];
    let (code, text) = engine.said_to(&plan, NEW);
    assert_eq!(code, Some(1), "{text}");
    assert!(text.contains(&format!("{old_print} would leave the pool")), "{text}");
    assert!(text.contains("refuses it (401)"), "{text}");

    // The provider does not know the new key yet.
    let (code, text) = engine.said_to(&["keys", "rotate", "anthropic"], NEW);
    assert_eq!(code, Some(1), "{text}");
    assert!(text.contains(&format!("anthropic does not take key {new_print} (401)")), "{text}");
    assert!(text.contains("the old keys are in force"), "{text}");
    assert!(text.contains("teamclaw keys rotate --replay anthropic-1"), "{text}");
    assert_eq!(pool(&engine), vec![Value::from(&*old_print)]);
    work.go_on().await;

    engine.provider.take(Secret::new(NEW));
    let (code, text) = engine.said_to(&["keys", "rotate", "--replay", "anthropic-1"], "");
    assert_eq!(code, Some(0), "{text}");
    assert!(text.contains(&format!("{old_print} left the pool")), "{text}");
    assert!(text.contains("rotated"), "{text}");
    // Whoever used the old key from now on would be a stranger.
    engine.provider.forget(&old);
    let strangers = engine.provider.ledger().strangers;
    assert_eq!(pool(&engine), vec![Value::from(&*new_print)]);
    work.go_on().await;
    work.go_on().await;
    work.end().await;
    assert_eq!(engine.provider.ledger().strangers, strangers, "the old key was used");

    let list = engine.json(&["keys", "rotations", "--format", "json"]);
    let row = &list["rows"][0];
    assert_eq!((&row["standing"], &row["attempt"]), (&json!("rotated"), &json!(2)));
    let (_, text) = engine.said_to(&["keys", "rotations"], "");
    assert!(text.contains("anthropic-1") && text.contains("rotated"), "{text}");
    let (code, text) = engine.said_to(&["keys", "rotate", "--replay", "anthropic-1"], "");
    assert!(code == Some(5) && text.contains("only a refused or parked one"), "{text}");
    // Neither key is in anything that was recorded or said.
    let feed = engine.run(&["feed"]).stdout;
    for secret in [NEW, old.expose()] {
        let found = memchr::memmem::find(&feed, secret.as_bytes());
        assert!(found.is_none() && !engine.log().contains(secret), "a key is to be read");
    }
    let kept = std::fs::read_to_string(engine.data.join("keys.json")).expect("the pool");
    assert!(!kept.contains("rotations"), "something lies beside the pool");
}
