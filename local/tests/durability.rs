//! What is acknowledged stays, whatever happens to the program or the file's end; what is not is
//! there whole or not at all.

#[path = "../src/scratch.rs"]
mod scratch;

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use events::{Envelope, Event, Stamp, Version, Workspace, WorkspaceId};
use local::{Database, Error, Local};
use ports::{Fault, Journal, Kind, Loaded, Projection, Suspect};
use proptest::prelude::*;
use scratch::Scratch;

/// How many events the test of copies writes: enough to be caught in the middle, few enough that
/// SQLite does not start its log anew, so that a copy of database and log is one state.
const EVENTS: u64 = 80;
/// From this length on SQLite moves the log's pages into the database: 1,000 pages of 4 KiB with a
/// header each.
const LOG_MOVED_BYTES: u64 = 1_000 * (4_096 + 24);

fn ann() -> WorkspaceId {
    "ann".parse().expect("a name")
}

/// Appends settings of the next `count` revisions one by one, and notes how many were acknowledged.
async fn write(local: &Local, id: &WorkspaceId, count: u64, acknowledged: &AtomicU64) {
    let journal = local.journal();
    let Loaded { version, mut workspace } = journal.load(id).await.expect("load");
    for n in version.0 + 1..=version.0 + count {
        let now = local.clock().now();
        let stamp = Stamp { id: local.ids().event_id(now), time: now, cause: None };
        let event = Event::SettingsChanged { revision: n, idle_timeout: None };
        let fact = Envelope::new("/tests", Some(id.clone()), stamp, event);
        workspace.absorb(fact.time, &fact.event);
        let projection = Projection { workspace: workspace.clone(), due: None };
        journal.append(id, Version(n - 1), &[fact], &projection).await.expect("append");
        acknowledged.store(n, Ordering::SeqCst);
    }
}

/// How many events a workspace has, after making sure that they are a whole beginning of what was
/// written and that the projection is theirs.
async fn whole(journal: &dyn Journal, id: &WorkspaceId) -> u64 {
    let history = journal.history(id, Version(0), usize::MAX).await.expect("history");
    let mut workspace = Workspace::default();
    for (n, (version, fact)) in (1..).zip(&history) {
        assert_eq!(*version, Version(n));
        assert!(matches!(fact.event, Event::SettingsChanged { revision, .. } if revision == n));
        workspace.absorb(fact.time, &fact.event);
    }
    let loaded = journal.load(id).await.expect("load");
    assert_eq!((loaded.version.0, loaded.workspace), (history.len() as u64, workspace));
    loaded.version.0
}

async fn integrity(local: &Local) {
    let check = |connection: &rusqlite::Connection| {
        Ok(connection.query_row("PRAGMA integrity_check", [], |row| row.get::<_, String>(0))?)
    };
    assert_eq!(local.database().read(check).await.expect("checked"), "ok");
}

/// A copy of database and log in a directory of its own, the log changed by `change`.
fn copy(from: &Path, scratch: &Scratch, name: &str, change: impl FnOnce(&mut Vec<u8>)) -> PathBuf {
    let to = scratch.path(name);
    fs::create_dir(&to).expect("a fresh directory");
    fs::copy(from.join("teamclaw.db"), to.join("teamclaw.db")).expect("copied");
    let mut log = fs::read(from.join("teamclaw.db-wal")).expect("read");
    change(&mut log);
    fs::write(to.join("teamclaw.db-wal"), log).expect("written");
    to
}

async fn count_in(copy: &Path) -> u64 {
    let local = Local::open(copy).expect("opens");
    integrity(&local).await;
    whole(&*local.journal(), &ann()).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_copy_made_while_it_writes_holds_all_that_was_acknowledged_before() {
    let scratch = Scratch::new();
    let directory = scratch.path("data");
    let local = Arc::new(Local::open(&directory).expect("opens"));
    let acknowledged = Arc::new(AtomicU64::new(0));
    let (go_on, wait) = tokio::sync::oneshot::channel();
    let writing = tokio::spawn({
        let (local, acknowledged) = (Arc::clone(&local), Arc::clone(&acknowledged));
        async move {
            write(&local, &ann(), EVENTS / 2, &acknowledged).await;
            wait.await.expect("the first copy is made");
            write(&local, &ann(), EVENTS / 2, &acknowledged).await;
        }
    });
    let (mut copies, mut go_on) = (0, Some(go_on));
    while !writing.is_finished() {
        let before = acknowledged.load(Ordering::SeqCst);
        let copy = copy(&directory, &scratch, &format!("copy{copies}"), |_| {});
        let found = count_in(&copy).await;
        assert!(found >= before, "{before} were acknowledged, {found} are in the copy");
        copies += 1;
        // Only now, so that one copy at least is of the middle, however slow this machine is.
        if let Some(go_on) = go_on.take_if(|_| found > 0) {
            go_on.send(()).expect("it waits");
        }
    }
    writing.await.expect("written");
    let log = fs::metadata(directory.join("teamclaw.db-wal")).expect("a log").len();
    assert!(log < LOG_MOVED_BYTES, "write less, or the copies are of two states: {log}");
    assert!(go_on.is_none(), "no copy was made in the middle of the work");
}

#[tokio::test]
async fn a_log_that_is_cut_anywhere_gives_a_whole_beginning() {
    let scratch = Scratch::new();
    let directory = scratch.path("data");
    let local = Local::open(&directory).expect("opens");
    write(&local, &ann(), 20, &AtomicU64::new(0)).await;
    let length = fs::metadata(directory.join("teamclaw.db-wal")).expect("a log").len();
    let length = usize::try_from(length).expect("small");
    let mut last = 0;
    for n in 0..=40 {
        // Odd numbers, so that the cuts fall into pages and between them.
        let cut = length * n / 40 / 2 * 2 + usize::from(n < 40 && n > 0);
        let copy = copy(&directory, &scratch, &format!("cut{n}"), |log| log.truncate(cut));
        let found = count_in(&copy).await;
        assert!(found >= last, "a longer log holds no less");
        last = found;
    }
    assert_eq!(last, 20);
}

#[tokio::test]
async fn a_log_in_which_a_bit_is_wrong_gives_a_whole_beginning() {
    let scratch = Scratch::new();
    let directory = scratch.path("data");
    let local = Local::open(&directory).expect("opens");
    write(&local, &ann(), 20, &AtomicU64::new(0)).await;
    let mut least = 20;
    for n in 1..30 {
        let flip = |log: &mut Vec<u8>| {
            let at = log.len() * n / 30;
            log[at] ^= 1 << (n % 8);
        };
        let copy = copy(&directory, &scratch, &format!("flip{n}"), flip);
        least = least.min(count_in(&copy).await);
    }
    assert!(least < 20, "no flip hit anything");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_a_reopening_all_that_was_acknowledged_is_there() {
    let scratch = Scratch::new();
    let people: Vec<(WorkspaceId, Arc<AtomicU64>)> = (0..8)
        .map(|n| (format!("p{n}").parse().expect("a name"), Arc::new(AtomicU64::new(0))))
        .collect();
    {
        let local = Arc::new(Local::open(&scratch.path("data")).expect("opens"));
        let tasks: Vec<_> = people
            .iter()
            .map(|(id, acknowledged)| {
                let (local, id) = (Arc::clone(&local), id.clone());
                let acknowledged = Arc::clone(acknowledged);
                tokio::spawn(async move { write(&local, &id, 10_000, &acknowledged).await })
            })
            .collect();
        let enough = || people.iter().all(|(_, n)| n.load(Ordering::SeqCst) >= 20);
        while !enough() {
            tokio::task::yield_now().await;
        }
        // In the middle of whatever each of them is doing.
        for task in tasks {
            task.abort();
            assert!(task.await.expect_err("it was far from done").is_cancelled());
        }
    }
    let local = Local::open(&scratch.path("data")).expect("opens");
    integrity(&local).await;
    for (id, acknowledged) in &people {
        let (found, before) =
            (whole(&*local.journal(), id).await, acknowledged.load(Ordering::SeqCst));
        assert!(found == before || found == before + 1, "{before} acknowledged, {found} found");
    }
}

/// What a job does after it has written its rows.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Then {
    Succeed,
    Fail,
    Panic,
    /// Breaks the table's rule.
    Break,
}

fn then() -> impl Strategy<Value = Then> {
    prop_oneof![
        4 => Just(Then::Succeed),
        1 => Just(Then::Fail),
        1 => Just(Then::Panic),
        1 => Just(Then::Break),
    ]
}

fn job(tx: &rusqlite::Transaction<'_>, n: usize, rows: u8, then: Then) -> Result<usize, Error> {
    let sql = "INSERT INTO rows (job, row) VALUES (?1, ?2)";
    for row in 0..rows {
        tx.execute(sql, rusqlite::params![i64::try_from(n).expect("small"), row])?;
    }
    match then {
        Then::Succeed => Ok(n),
        Then::Fail => Err(Fault::Conflict.into()),
        Then::Panic => panic!("a job that panics, on purpose"),
        Then::Break => {
            tx.execute("INSERT INTO rows (job, row) VALUES (-1, 0)", [])?;
            tx.execute("INSERT INTO rows (job, row) VALUES (-1, 0)", [])?;
            Ok(n)
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn of_jobs_that_are_committed_together_each_is_kept_or_undone_alone(
        jobs in proptest::collection::vec((0..4_u8, then()), 1..120)
    ) {
        let scratch = Scratch::new();
        let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
        let kept = runtime.block_on(async {
            let database = Database::open(&scratch.path("db")).expect("opens");
            let table = "CREATE TABLE rows (job INTEGER, row INTEGER, UNIQUE (job, row))";
            database.write(|tx| Ok(tx.execute_batch(table)?)).await.expect("made");
            let asked = jobs.iter().copied().enumerate().map(|(n, (rows, then))| {
                database.write(move |tx| job(tx, n, rows, then))
            });
            // All are asked before the first is answered, so that they share commits.
            let answers = futures_util::future::join_all(asked).await;
            for (n, (answer, (_, then))) in answers.iter().zip(&jobs).enumerate() {
                assert_eq!(answer.as_ref().ok(), (*then == Then::Succeed).then_some(&n));
            }
            drop(database);
            let database = Database::open(&scratch.path("db")).expect("opens again");
            let look = |connection: &rusqlite::Connection| {
                let mut rows = connection.prepare("SELECT job, count(*) FROM rows GROUP BY job")?;
                let rows = rows.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
                Ok(rows.collect::<Result<Vec<(i64, u8)>, _>>()?)
            };
            database.read(look).await.expect("read")
        });
        let expected: Vec<(i64, u8)> = (0..).zip(&jobs)
            .filter(|(_, (rows, then))| *then == Then::Succeed && *rows > 0)
            .map(|(n, (rows, _))| (n, *rows))
            .collect();
        prop_assert_eq!(kept, expected);
    }
}

#[tokio::test]
async fn a_full_disk_is_said_plainly_and_when_there_is_room_again_it_goes_on() {
    let scratch = Scratch::new();
    let database = Database::open(&scratch.path("db")).expect("opens");
    let fill = |pages: i64| {
        move |tx: &rusqlite::Transaction<'_>| {
            tx.pragma_update(None, "max_page_count", pages)?;
            tx.execute_batch("CREATE TABLE big (blob)")?;
            for _ in 0..100 {
                tx.execute("INSERT INTO big VALUES (zeroblob(100000))", [])?;
            }
            Ok(())
        }
    };
    let small = |tx: &rusqlite::Transaction<'_>| {
        Ok(tx.execute("INSERT INTO timers (workspace, at) VALUES ('ann', 1)", [])?)
    };
    let (before, full) = tokio::join!(database.write(small), database.write(fill(100)));
    let fault = full.expect_err("there is no room");
    assert!(
        fault.reason().words.contains("the disk that holds the data directory is full"),
        "{fault}"
    );
    let there = |connection: &rusqlite::Connection| {
        let sql = "SELECT count(*) FROM timers";
        Ok(connection.query_row(sql, [], |row| row.get::<_, i64>(0))?)
    };
    // Committed or told that it was not; never the one while the other was said.
    assert_eq!(database.read(there).await.expect("read"), i64::from(before.is_ok()));
    database.write(fill(1_000_000)).await.expect("there is room again");
}

#[tokio::test]
async fn what_is_suspected_is_known_after_a_restart() {
    let scratch = Scratch::new();
    let open = || Local::open(&scratch.path("data")).expect("opens");
    let (kind, missing, workspace) = (Kind::Lease, false, ann());
    let (generation, attempt) = (events::Gen(3), events::Attempt(1));
    let found = [Suspect { kind, missing, workspace, generation, attempt }];
    let first = open();
    let now = first.clock().now();
    first.suspects().compare(now, &found).await.expect("compared");
    drop(first);
    let second = open();
    let later = now + std::time::Duration::from_secs(59);
    let suspected = second.suspects().compare(later, &found).await.expect("compared");
    assert_eq!(suspected, [(found[0].clone(), now)]);
}
