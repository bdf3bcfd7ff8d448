//! What an administrator allows holds for agents that run already, from the next start of the
//! engine on, and what was spent is not forgotten.

use std::path::Path;
use std::time::Duration;

use http::{Method, StatusCode};
use serde_json::json;

use crate::engine::{Engine, scratch, small_agent};
use crate::person::Person;

const WITHIN: Duration = Duration::from_secs(60);

/// Says something to one's agent, which asks the model; gives the answer's status and text.
async fn say(person: &Person) -> (StatusCode, String) {
    person.send(Method::POST, "/chat", &[], Some(json!({"message": "hello there"}))).await
}

fn allow(settings: &Path, text: &str) {
    std::fs::write(settings, text).expect("written");
}

#[tokio::test(flavor = "multi_thread")]
async fn limits_hold_for_agents_that_run_already_and_outlive_the_engine() {
    let data = scratch("limits");
    let settings = data.with_extension("toml");
    allow(&settings, "[limits.people.ann]\nmodels_denied = [\"anthropic/claude-sonnet*\"]\n");
    let agent = small_agent(&data);
    let (command, files) =
        (format!("--agent=exec {agent} demo-agent"), format!("--agent-files={agent}"));
    let config = format!("--config={}", settings.display());
    let mut engine = Engine::start_on(data, &[&command, &files, &config]).await;
    let mut ann = Person::log_in(&engine, "ann").await;
    let mut bob = Person::log_in(&engine, "bob").await;
    for name in ["ann", "bob"] {
        engine.wait_for(name, "ready", WITHIN).await;
    }
    let (status, words) = say(&ann).await;
    assert!(!status.is_success() && words.contains("may not be asked for"), "{status} {words}");
    let (status, words) = say(&bob).await;
    assert_eq!(status, StatusCode::OK, "{words}");

    // Bob has used more than this.
    let agents = engine.agent_processes();
    allow(&settings, "[limits]\ndollars_per_day = \"0.000001\"\n");
    for _ in 0..2 {
        engine.kill_and_start_again().await;
        assert_eq!(engine.agent_processes(), agents, "the same agents");
        for person in [&mut ann, &mut bob] {
            person.url.clone_from(&engine.url);
        }
        let (status, words) = say(&bob).await;
        let told = words.contains("dollars_per_day") && words.contains("it frees at");
        assert!(!status.is_success() && told, "{status} {words}");
    }
    let (status, words) = say(&ann).await;
    assert_eq!(status, StatusCode::OK, "nothing is denied any more, nothing spent: {words}");
    let (status, words) = say(&ann).await;
    assert!(!status.is_success() && words.contains("dollars_per_day"), "{status} {words}");
}
