//! What the key pool promises to an administrator who edits its file by hand.

#[path = "../src/scratch.rs"]
mod scratch;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::sync::Arc;

use events::Secret;
use local::Local;
use ports::{Fault, Keys};
use scratch::Scratch;

fn pool(scratch: &Scratch) -> (Arc<dyn Keys>, PathBuf) {
    let data = scratch.path("data");
    (Local::open(&data).expect("opens").keys(), data.join("keys.json"))
}

async fn texts(keys: &dyn Keys) -> Vec<String> {
    let keys = keys.of("openai").await.expect("of");
    keys.iter().map(|key| key.secret.expose().to_owned()).collect()
}

#[tokio::test]
async fn a_change_by_hand_counts_at_the_next_look() {
    let scratch = Scratch::new();
    let (keys, file) = pool(&scratch);
    assert!(texts(&*keys).await.is_empty());
    fs::write(&file, r#"{"openai":["k1"]}"#).expect("written");
    assert_eq!(texts(&*keys).await, ["k1"]);
    fs::write(&file, r#"{"providers":{"openai":{"authType":"apiKey","keys":["k1","k2"]}}}"#)
        .expect("written");
    assert_eq!(texts(&*keys).await, ["k1", "k2"]);
    fs::remove_file(&file).expect("removed");
    assert!(texts(&*keys).await.is_empty());
}

#[tokio::test]
async fn a_change_by_hand_is_not_lost_by_a_change_of_ours() {
    let scratch = Scratch::new();
    let (keys, file) = pool(&scratch);
    keys.add("openai", Secret::new("k1")).await.expect("added");
    let text = fs::read_to_string(&file).expect("read").replace("\"k1\"", "\"k1\", \"by-hand\"");
    fs::write(&file, text).expect("written");
    keys.add("openai", Secret::new("k2")).await.expect("added");
    assert_eq!(texts(&*keys).await, ["k1", "by-hand", "k2"]);
}

#[tokio::test]
async fn a_file_that_cannot_be_read_is_a_fault_and_is_never_written_over() {
    let scratch = Scratch::new();
    let (keys, file) = pool(&scratch);
    keys.add("openai", Secret::new("k1")).await.expect("added");
    let broken = "{\"providers\":{\"openai\":{\"keys\":[\"sk-half";
    fs::write(&file, broken).expect("written");
    for _ in 0..2 {
        let fault = keys.add("openai", Secret::new("k2")).await.expect_err("broken");
        assert!(matches!(fault, Fault::Nonsense { .. }), "{fault:?}");
        assert!(fault.to_string().contains("keys.json") && fault.to_string().contains("line 1"));
        assert!(!format!("{fault:?}").contains("sk-half"));
        assert!(keys.of("openai").await.is_err());
        assert!(keys.list().await.is_err());
    }
    assert_eq!(fs::read_to_string(&file).expect("read"), broken);
    fs::write(&file, r#"{"openai":["mended"]}"#).expect("written");
    assert_eq!(texts(&*keys).await, ["mended"]);
}

#[tokio::test]
async fn a_file_that_others_can_read_is_closed_to_them() {
    let scratch = Scratch::new();
    let (keys, file) = pool(&scratch);
    fs::write(&file, r#"{"openai":["k1"]}"#).expect("written");
    fs::set_permissions(&file, fs::Permissions::from_mode(0o644)).expect("set");
    assert_eq!(texts(&*keys).await, ["k1"]);
    assert_eq!(fs::metadata(&file).expect("there").permissions().mode() & 0o777, 0o600);
}

#[tokio::test]
async fn what_an_interrupted_write_left_is_in_nobodys_way() {
    let scratch = Scratch::new();
    let (keys, file) = pool(&scratch);
    fs::write(file.with_added_extension("new"), "half of a fi").expect("written");
    keys.add("openai", Secret::new("k1")).await.expect("added");
    assert_eq!(texts(&*keys).await, ["k1"]);
}
