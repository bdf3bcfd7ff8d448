//! The disk fills up while people log in and chat: they are told what is wrong and what to do about
//! it, nothing that was acknowledged is lost, and with room everything goes on by itself.
//!
//! The disk is a small file system in memory, which only root can make.

use std::fs::{self, File};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use tokio::time::Instant;

use crate::chance::Chance;
use crate::engine::{Engine, PROGRAM, is_root, scratch, small_agent};
use crate::life::Agent;
use crate::weather::Storm;

/// How much room there is besides a copy of the command, which lies there where agents cannot reach
/// the original: enough for a database and some conversations.
const ROOM: u64 = 64 << 20;
/// How long it storms before and after.
const STORM: Duration = Duration::from_secs(3);
/// How often the room that somebody else made is taken away again.
const FILL_EVERY: Duration = Duration::from_millis(20);
/// How long the disk stays full at the least, so that every kind of write meets it.
const FULL_FOR: Duration = Duration::from_secs(10);
/// How many people are to be told in words before there is room again.
const TOLD_MIN: usize = 5;
/// How long that may take.
const TOLD_WITHIN: Duration = Duration::from_secs(90);
/// What they are told.
const WORDS: &str = "free some space";

/// A small disk, gone when it is dropped.
struct Disk(PathBuf);

impl Disk {
    fn mount(at: PathBuf) -> Self {
        fs::create_dir_all(&at).expect("made");
        let bytes = ROOM + fs::metadata(PROGRAM).expect("the command").len();
        let size = format!("size={bytes},mode=711");
        let mut mount = Command::new("mount");
        let mounted = mount.args(["-t", "tmpfs", "-o", &size, "teamclaw-storm"]).arg(&at).status();
        assert!(mounted.expect("mount is there").success(), "a small disk");
        Self(at)
    }

    fn ballast(&self) -> PathBuf {
        self.0.join("ballast")
    }

    /// Takes all the room there is.
    fn fill(&self) {
        let options = File::options().create(true).append(true).open(self.ballast());
        let Ok(mut ballast) = options else { return };
        let mut length = 1 << 20;
        while length > 0 {
            // The last pages are taken in ever smaller pieces.
            if ballast.write_all(&vec![0; length]).is_err() {
                length /= 2;
            }
        }
    }

    fn make_room(&self) {
        fs::remove_file(self.ballast()).expect("removed");
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        // Lazily, because what a failed test left running may still use it.
        drop(Command::new("umount").arg("--lazy").arg(&self.0).status());
        drop(fs::remove_dir(&self.0));
    }
}

async fn engine(data: &Path) -> Engine {
    let agent = small_agent(data);
    let command = format!("--agent=exec {agent} demo-agent");
    let files = format!("--agent-files={agent}");
    Engine::start_on(data.to_owned(), &[&command, &files]).await
}

#[tokio::test(flavor = "multi_thread")]
#[expect(clippy::print_stdout, reason = "what was tried and what came of it, for who runs it")]
async fn a_full_disk_is_told_in_words_loses_nothing_and_is_forgotten_once_there_is_room() {
    if !is_root() {
        println!("NOT TRIED: A FULL DISK. Only root can make a small file system; run it as root.");
        return;
    }
    let data = scratch("full");
    let disk = Disk::mount(data.clone());
    let chance = Chance::draw("full");
    let mut storm = Storm::begin(engine(&data).await, Agent::Small, &["ann", "bob", "cem"], chance);
    tokio::time::sleep(STORM).await;

    let began = Instant::now();
    while began.elapsed() < FULL_FOR || storm.books.told(WORDS) < TOLD_MIN {
        disk.fill();
        let said = storm.books.unwell();
        assert!(began.elapsed() < TOLD_WITHIN, "nobody is told {WORDS:?}, but {said:?}");
        tokio::time::sleep(FILL_EVERY).await;
    }
    let told = storm.books.told(WORDS);
    // On a full disk it may not come up again, but then it says what to do.
    storm.engine.kill_and_begin_again();
    let came_up = storm.engine.is_up_within(TOLD_WITHIN).await;
    if !came_up {
        let log = storm.engine.log();
        let last = log.rsplit("error:").next().unwrap_or_default();
        assert!(["space", "room"].iter().any(|word| last.contains(word)), "no way out: {last}");
    }
    disk.make_room();
    if !came_up {
        storm.engine.begin_again();
        storm.engine.until_up().await;
    }
    tokio::time::sleep(STORM).await;
    let (_engine, outcome) = storm.calm().await;
    println!(
        "a disk full for {FULL_FOR:?}, {told} times told so, up again on it: {came_up}; {} starts, \
         {} chats, 0 doubled, 0 lost, 0 orphans; {:?}",
        outcome.starts, outcome.chats, outcome.usage
    );
    // A request under way when the engine was killed may have been written down and not sent.
    assert!(outcome.usage.is_exact(3), "{:?}", outcome.usage);
}
