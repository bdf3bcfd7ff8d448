//! The ledger is away for ten minutes and for four hours, in simulated time, under steady requests:
//! afterwards each request that was answered is counted, once, and meanwhile memory and disk are
//! bounded. What must give way when the bound is hit is the configuration's choice.

mod support;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use bytes::Bytes;
use events::Secret;
use events::usage::Tokens;
use http::{Request, StatusCode};
use http_body_util::Full;
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use sidecar::stand_in::StandIn;
use sidecar::{Config, Keep, WhenFull};
use support::rig::{Rig, listener, whole};
use tokio::time::{Instant, sleep_until, timeout};

const KEY: &str = "sk-pool-one";
const CHAT: &str = "/openai/v1/chat/completions";
const ASKED: &str = r#"{"model":"m","messages":[{"role":"user","content":"hello there"}]}"#;
/// How many records may wait in memory.
const BACKLOG_MAX: u64 = 4096;
/// What a request may take on disk: its begin, its end, and that it is settled.
const BYTES_MAX: u64 = 4096;

/// A directory that nobody else has, gone afterwards.
struct Place(PathBuf);

impl Place {
    fn new(name: &str) -> Self {
        let name = format!("outage-{}-{name}", std::process::id());
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        // Left over from a process of the same number.
        let _absent = std::fs::remove_dir_all(&path);
        Self(path)
    }

    fn length(&self) -> u64 {
        let entries = std::fs::read_dir(&self.0).expect("readable");
        entries.map(|entry| entry.expect("one").metadata().expect("a file").len()).sum()
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let _left = std::fs::remove_dir_all(&self.0);
    }
}

async fn rig(keep: Keep, when_full: WhenFull) -> Rig {
    let stand_in = StandIn::new([Secret::new(KEY)]);
    let (listener, provider) = listener().await;
    tokio::spawn(Arc::clone(&stand_in).serve(listener, std::future::pending::<()>()));
    let upstreams = [("openai".to_owned(), format!("http://{provider}"))].into();
    let config = Config { upstreams, keep, when_full, ..Config::default() };
    Rig::with(config, provider, stand_in, &[KEY]).await
}

/// So many requests, evenly over this time; gives how many were answered, and refused.
async fn steadily(rig: &Rig, requests: u32, within: Duration) -> (u64, u64) {
    let (begun, pause) = (Instant::now(), within / requests);
    let (mut answered, mut refused) = (0, 0);
    // One client for all: thousands of connections would be most of the work.
    let client: Client<_, Full<Bytes>> = Client::builder(TokioExecutor::new()).build_http();
    for n in 0..requests {
        sleep_until(begun + pause * n).await;
        let request = Request::post(format!("http://{}{CHAT}", rig.address))
            .header("x-api-key", &rig.ann)
            .body(Full::new(Bytes::from_static(ASKED.as_bytes())))
            .expect("a request");
        let answer = whole(client.request(request).await.expect("an answer")).await;
        match answer.status {
            StatusCode::OK => answered += 1,
            status => {
                assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE, "{}", answer.text());
                assert_eq!(answer.headers["x-should-retry"], "true");
                refused += 1;
            }
        }
    }
    sleep_until(begun + within).await;
    (answered, refused)
}

/// The ledger is back: within its longest pause and a little, all of it is there, once.
async fn settled(rig: &Rig, answered: u64) {
    rig.books.away.store(false, Ordering::Relaxed);
    timeout(Duration::from_secs(60), rig.sidecar.flush()).await.expect("it is handed over");
    let records = rig.books.records();
    let billed = rig.stand_in.ledger().total();
    assert_eq!((records.len() as u64, billed.answered), (answered, answered));
    let counted = records.iter().fold(Tokens::default(), |sum, record| sum + record.tokens);
    assert_eq!(counted, billed.tokens, "to the token");
}

#[tokio::test(start_paused = true)]
async fn after_ten_minutes_without_a_ledger_all_is_counted_once() {
    let place = Place::new("ten-minutes");
    let rig = rig(Keep::Directory(place.0.clone()), WhenFull::Refuse).await;
    rig.books.away.store(true, Ordering::Relaxed);
    let (answered, refused) = steadily(&rig, 600, Duration::from_secs(600)).await;
    assert_eq!((answered, refused), (600, 0));
    assert_eq!(rig.books.records().len(), 0);
    let calls = rig.books.calls.load(Ordering::Relaxed);
    assert!(calls <= 10 + 600 / 5, "the ledger is asked every five seconds, not {calls} times");
    assert!(place.length() <= 600 * BYTES_MAX, "{} bytes", place.length());
    settled(&rig, 600).await;
}

#[tokio::test(start_paused = true)]
async fn after_four_hours_without_a_ledger_what_memory_had_no_room_for_comes_from_the_disk() {
    let place = Place::new("four-hours");
    let rig = rig(Keep::Directory(place.0.clone()), WhenFull::Refuse).await;
    rig.books.away.store(true, Ordering::Relaxed);
    let requests = 5000;
    let (answered, refused) = steadily(&rig, requests, Duration::from_secs(4 * 3600)).await;
    assert_eq!((answered, refused), (u64::from(requests), 0));
    assert!(answered > BACKLOG_MAX, "more than memory has room for");
    assert!(place.length() <= answered * BYTES_MAX, "{} bytes", place.length());
    settled(&rig, answered).await;
    // What is settled goes from the disk with the next requests.
    let (again, _) = steadily(&rig, 20, Duration::from_secs(20)).await;
    settled(&rig, answered + again).await;
    support::rig::until("the disk is free again", || place.length() < 8 << 20).await;
}

#[tokio::test(start_paused = true)]
async fn without_a_disk_the_bound_refuses_or_lets_go_as_configured() {
    for when_full in [WhenFull::Refuse, WhenFull::CountAndGoOn] {
        let rig = rig(Keep::Memory, when_full).await;
        rig.books.away.store(true, Ordering::Relaxed);
        let requests = u32::try_from(BACKLOG_MAX).expect("small") + 300;
        let (answered, refused) = steadily(&rig, requests, Duration::from_secs(4 * 3600)).await;
        assert_eq!(answered + refused, u64::from(requests));
        assert!(answered >= BACKLOG_MAX, "memory's room is used: {answered}");
        if when_full == WhenFull::Refuse {
            assert!(refused >= 200, "{refused} refused");
            settled(&rig, answered).await;
            assert_eq!(rig.post(CHAT, ASKED).await.status, StatusCode::OK, "there is room again");
            continue;
        }
        assert_eq!(refused, 0);
        rig.books.away.store(false, Ordering::Relaxed);
        timeout(Duration::from_secs(60), rig.sidecar.flush()).await.expect("handed over");
        let records = rig.books.records().len() as u64;
        assert_eq!(rig.stand_in.ledger().total().answered, answered);
        let kept = BACKLOG_MAX..=BACKLOG_MAX + 100;
        assert!(kept.contains(&records), "as far as memory goes, and each once: {records}");
    }
}
