//! What a data directory promises: one engine at a time, secrets that nobody else reads, and
//! plain words when it cannot be used.

#[path = "../src/scratch.rs"]
mod scratch;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use events::{Attempt, Envelope, Event, Gen, Stamp, StartCause, Version, WorkspaceId};
use jiff::Timestamp;
use local::{Local, OpenError};
use ports::{Projection, Query};
use scratch::Scratch;

fn mode(path: &Path) -> u32 {
    fs::metadata(path).expect("there").permissions().mode() & 0o777
}

fn refused(path: &Path) -> OpenError {
    match Local::open(path) {
        Ok(_) => panic!("it was opened"),
        Err(error) => error,
    }
}

#[tokio::test]
async fn a_second_engine_is_told_who_has_the_directory_and_what_to_do() {
    let scratch = Scratch::new();
    let _first = Local::open(&scratch.path("data")).expect("opens");
    let error = refused(&scratch.path("data"));
    assert!(matches!(error, OpenError::InUse { .. }), "{error:?}");
    let words = error.to_string();
    for part in [&format!("process {}", std::process::id()), "data", "stop that one", "--data"] {
        assert!(words.contains(part), "{words}");
    }
}

#[tokio::test]
async fn the_directory_stays_locked_until_the_last_port_is_gone() {
    let scratch = Scratch::new();
    let local = Local::open(&scratch.path("data")).expect("opens");
    let (journal, keys) = (local.journal(), local.keys());
    drop(local);
    assert!(matches!(refused(&scratch.path("data")), OpenError::InUse { .. }));
    drop(journal);
    assert!(matches!(refused(&scratch.path("data")), OpenError::InUse { .. }));
    drop(keys);
    Local::open(&scratch.path("data")).expect("free again");
}

#[tokio::test]
async fn the_lock_of_a_process_that_died_is_free() {
    let scratch = Scratch::new();
    drop(Local::open(&scratch.path("data")).expect("opens"));
    fs::write(scratch.path("data").join("lock"), "process 1\nboot x\n").expect("written");
    Local::open(&scratch.path("data")).expect("nobody holds it, whatever it says");
}

#[tokio::test]
async fn an_orderly_end_leaves_the_whole_database_in_one_file() {
    let scratch = Scratch::new();
    let data = scratch.path("data");
    let local = Local::open(&data).expect("opens");
    local
        .timers()
        .set(&"ann".parse().expect("a name"), Some(Timestamp::UNIX_EPOCH))
        .await
        .expect("set");
    assert!(data.join("teamclaw.db-wal").exists());
    drop(local);
    assert!(!data.join("teamclaw.db-wal").exists());
}

#[tokio::test]
async fn nobody_else_reads_a_secret_and_everybody_passes_through_to_their_home() {
    let scratch = Scratch::new();
    let data = scratch.path("data");
    let local = Local::open(&data).expect("opens");
    local.timers().set(&"ann".parse().expect("a name"), None).await.expect("set");
    local.keys().add("openai", events::Secret::new("sk-1")).await.expect("added");
    for name in
        ["teamclaw.db", "teamclaw.db-wal", "teamclaw.db-shm", "pool.secret", "lock", "keys.json"]
    {
        assert_eq!(mode(&data.join(name)), 0o600, "{name}");
    }
    assert_eq!(mode(&data), 0o711);
    assert_eq!((mode(&data.join("homes")), mode(&data.join("runtime"))), (0o711, 0o711));
    assert_eq!(mode(&data.join("logs")), 0o700);
}

#[tokio::test]
async fn a_directory_with_other_things_in_it_is_left_alone() {
    let scratch = Scratch::new();
    let photos = scratch.path("photos");
    fs::create_dir(&photos).expect("made");
    fs::set_permissions(&photos, fs::Permissions::from_mode(0o750)).expect("set");
    fs::write(photos.join("cat.jpg"), "").expect("written");
    let error = refused(&photos);
    assert!(error.to_string().contains("holds other things"), "{error}");
    assert_eq!(mode(&photos), 0o750);
    assert_eq!(fs::read_dir(&photos).expect("read").count(), 1);
}

#[tokio::test]
async fn tokens_are_the_same_after_a_restart_and_differ_between_directories() {
    let scratch = Scratch::new();
    let token = |name: &str| {
        let local = Local::open(&scratch.path(name)).expect("opens");
        let id = "ann".parse().expect("a name");
        local.leases().token(&id, Gen(1), Attempt(1)).expose().to_owned()
    };
    assert_eq!(token("one"), token("one"));
    assert_ne!(token("one"), token("two"));
}

#[tokio::test]
async fn a_pool_secret_that_is_none_is_refused_and_kept() {
    let scratch = Scratch::new();
    drop(Local::open(&scratch.path("data")).expect("opens"));
    let secret = scratch.path("data").join("pool.secret");
    for broken in ["", "short", &"g".repeat(64)] {
        fs::write(&secret, broken).expect("written");
        let error = refused(&scratch.path("data"));
        assert!(error.to_string().contains("pool.secret"), "{error}");
        assert_eq!(fs::read_to_string(&secret).expect("read"), broken);
    }
}

#[tokio::test]
async fn a_damaged_database_is_called_damaged() {
    let scratch = Scratch::new();
    drop(Local::open(&scratch.path("data")).expect("opens"));
    let path = scratch.path("data").join("teamclaw.db");
    fs::write(
        &path,
        "this is not a database, but it is long enough to be taken for one. ".repeat(99),
    )
    .expect("written");
    let error = refused(&scratch.path("data"));
    assert!(
        error.to_string().contains("damaged") && error.to_string().contains("backup"),
        "{error}"
    );
}

#[tokio::test]
async fn the_database_of_a_later_version_is_not_touched() {
    let scratch = Scratch::new();
    let local = Local::open(&scratch.path("data")).expect("opens");
    let later = |tx: &rusqlite::Transaction<'_>| Ok(tx.pragma_update(None, "user_version", 999)?);
    local.database().write(later).await.expect("written");
    drop(local);
    let error = refused(&scratch.path("data"));
    assert!(error.to_string().contains("a later teamclaw"), "{error}");
}

/// Appends a start to Ann's list.
async fn start(local: &Local, ann: &WorkspaceId) {
    let time = Timestamp::from_second(1_790_000_000).expect("in range");
    let stamp = Stamp { id: local.ids().event_id(time), time, cause: None };
    let event = Event::StartRequested { generation: Gen(1), cause: StartCause::Login };
    let fact = Envelope::new("/tests", Some(ann.clone()), stamp, event);
    let mut projection = Projection { workspace: events::Workspace::default(), due: None };
    projection.workspace.absorb(fact.time, &fact.event);
    local.journal().append(ann, Version(0), &[fact], &projection).await.expect("append");
}

/// As a version with other rules would have written it: which rules, and what they folded.
async fn make_old(local: &Local, rules: i64, fold: &str) {
    let fold = fold.to_owned();
    let old = move |tx: &rusqlite::Transaction<'_>| {
        let sql = "UPDATE workspaces SET rules = ?1, workspace = ?2, status = 'asleep'";
        Ok(tx.execute(sql, rusqlite::params![rules, fold])?)
    };
    assert_eq!(local.database().write(old).await.expect("written"), 1);
}

#[tokio::test]
async fn a_fold_by_other_rules_is_made_anew_when_it_is_loaded() {
    let scratch = Scratch::new();
    let local = Local::open(&scratch.path("data")).expect("opens");
    let ann: WorkspaceId = "ann".parse().expect("a name");
    start(&local, &ann).await;
    let before = local.journal().load(&ann).await.expect("load");
    // Also when somebody forgot to give the rules another number.
    let readable = serde_json::to_string(&events::Workspace::default()).expect("text");
    for (rules, fold) in [(0, &*readable), (1, "{\"old\":1}")] {
        make_old(&local, rules, fold).await;
        let after = local.journal().load(&ann).await.expect("load");
        assert_eq!(after.version, before.version);
        assert_eq!(after.workspace, before.workspace);
    }
}

#[tokio::test]
async fn folds_by_other_rules_are_made_anew_at_a_start_and_looked_at_by_the_sweeper() {
    let scratch = Scratch::new();
    let ann: WorkspaceId = "ann".parse().expect("a name");
    {
        let local = Local::open(&scratch.path("data")).expect("opens");
        start(&local, &ann).await;
        make_old(&local, 0, "{}").await;
    }
    let local = Local::open(&scratch.path("data")).expect("opens");
    let due = Query {
        status: vec![events::Status::Starting],
        due_by: Some(local.clock().now()),
        ..Query::default()
    };
    let rows = local.journal().find(&due, None, 10).await.expect("find");
    assert_eq!(rows.into_iter().map(|row| row.workspace).collect::<Vec<_>>(), [ann]);
}

#[tokio::test]
async fn a_journal_that_cannot_be_read_keeps_nobody_else_from_a_start_with_other_rules() {
    let scratch = Scratch::new();
    let [ann, bob] = ["ann", "bob"].map(|name| name.parse::<WorkspaceId>().expect("a name"));
    {
        let local = Local::open(&scratch.path("data")).expect("opens");
        start(&local, &ann).await;
        make_old(&local, 0, "{}").await;
        let later = |tx: &rusqlite::Transaction<'_>| {
            Ok(tx.execute("UPDATE events SET json = '{\"type\":\"of a later version\"}'", [])?)
        };
        assert_eq!(local.database().write(later).await.expect("written"), 1);
        start(&local, &bob).await;
    }
    let local = Local::open(&scratch.path("data")).expect("opens all the same");
    let fault = local.journal().load(&ann).await.expect_err("for a human");
    assert!(matches!(fault, ports::Fault::Nonsense { .. }), "{fault:?}");
    let loaded = local.journal().load(&bob).await.expect("load");
    assert_eq!(loaded.workspace.status(), events::Status::Starting);
    let rows = local.journal().find(&Query::default(), None, 10).await.expect("find");
    assert_eq!(rows.into_iter().map(|row| row.workspace).collect::<Vec<_>>(), [ann, bob]);
}
