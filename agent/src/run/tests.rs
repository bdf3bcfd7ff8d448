//! What is in a home before and after the configuration is written, over several starts.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use super::*;
use crate::settings::tests::settings;

struct Home {
    settings: Settings,
    state: PathBuf,
}

impl Home {
    fn new(name: &str) -> Self {
        let home = std::env::temp_dir().join(format!("teamclaw-run-{name}-{}", std::process::id()));
        let text = home.display().to_string();
        let settings = settings(&[("TEAMCLAW_HOME", &text)]).unwrap_or_else(|e| panic!("{e}"));
        Files::of(&home).make_directories().expect("a home");
        Self { settings, state: home.join(".openclaw") }
    }

    async fn start(&self, own: Own) -> Value {
        let files = Files::of(&self.settings.home);
        write_config(&self.settings, &files, &json!({}), own).await.expect("written");
        serde_json::from_slice(&fs::read(self.config()).expect("a file")).expect("JSON")
    }

    fn config(&self) -> PathBuf {
        self.state.join("openclaw.json")
    }

    fn change(&self, change: impl Fn(&mut Value)) {
        let text = fs::read(self.config()).expect("a file");
        let mut config = serde_json::from_slice(&text).expect("JSON");
        change(&mut config);
        fs::write(self.config(), config.to_string()).expect("written");
    }
}

impl Drop for Home {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.settings.home);
    }
}

#[tokio::test]
async fn a_change_outlives_starts_and_a_broken_file() {
    let home = Home::new("outlives");
    home.start(Own::Kept).await;
    home.change(|config| config["agents"]["defaults"]["timeoutSeconds"] = json!(60));
    for _ in 0..3 {
        let config = home.start(Own::Kept).await;
        assert_eq!(config["agents"]["defaults"]["timeoutSeconds"], 60);
    }
    fs::write(home.config(), "{ // half a fi").expect("written");
    let config = home.start(Own::Kept).await;
    assert_eq!(config["agents"]["defaults"]["timeoutSeconds"], 60, "known from the notes");
    let aside = fs::read_to_string(home.state.join("openclaw.set-aside.json"));
    assert_eq!(aside.expect("kept"), "{ // half a fi");

    let config = home.start(Own::SetAside).await;
    assert_eq!(config["agents"]["defaults"].get("timeoutSeconds"), None);
    let config = home.start(Own::Kept).await;
    assert_eq!(config["agents"]["defaults"].get("timeoutSeconds"), None, "and it stays away");
}

#[tokio::test]
async fn a_layer_that_is_too_much_is_set_aside() {
    let home = Home::new("too-much");
    home.start(Own::Kept).await;
    home.change(|config| config["note"] = json!("x".repeat(300_000)));
    let config = home.start(Own::Kept).await;
    assert_eq!(config.get("note"), None);
    assert!(home.state.join("openclaw.set-aside.json").is_file());
}

#[tokio::test]
async fn nothing_old_is_left_for_openclaw_to_put_back() {
    let home = Home::new("nothing-old");
    for name in ["openclaw.json.bak", "openclaw.json.bak.1", "openclaw.json.last-good"] {
        fs::write(home.state.join(name), "{}").expect("written");
    }
    fs::write(home.state.join("openclaw.sqlite"), "state").expect("written");
    std::os::unix::fs::symlink("/etc/passwd", home.state.join("openclaw.json.teamclaw-new"))
        .expect("a link");
    home.start(Own::Kept).await;
    let mut names: Vec<String> = fs::read_dir(&home.state)
        .expect("a directory")
        .flatten()
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .collect();
    names.sort();
    assert_eq!(names, ["openclaw.json", "openclaw.sqlite", "teamclaw.json"]);
    for name in ["openclaw.json", "teamclaw.json"] {
        let mode = fs::metadata(home.state.join(name)).expect("a file").permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{name}");
    }
}
