//! What a killed sidecar leaves on disk: the next one counts it, once. A kill is a copy of the
//! directory: what was written by then, and nothing that the process still meant to write.

mod support;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use bytes::Bytes;
use events::Secret;
use events::usage::{Completion, Tokens, UsageRecord};
use http::{Response, StatusCode};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use serde_json::json;
use sidecar::stand_in::{Script, StandIn};
use sidecar::{BadConfig, Config, Keep, Outside, Sidecar, WhenFull};
use support::outside::Books;
use support::rig::{Rig, listener, until};

const KEYS: [&str; 2] = ["sk-pool-one", "sk-pool-two"];
const MESSAGES: &str = "/anthropic/v1/messages";
const CHAT: &str = "/openai/v1/chat/completions";
const RESPONSES: &str = "/openai/v1/responses";

/// A directory that nobody else has, gone afterwards.
struct Place(PathBuf);

impl Place {
    fn new() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("killed-{}-{count}", std::process::id());
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        // Left over from a process of the same number.
        let _absent = std::fs::remove_dir_all(&path);
        Self(path)
    }

    /// All that is written there by now.
    fn text(&self) -> String {
        let mut all = Vec::new();
        for entry in std::fs::read_dir(&self.0).expect("readable") {
            all.extend(std::fs::read(entry.expect("readable").path()).expect("readable"));
        }
        String::from_utf8_lossy(&all).into_owned()
    }

    /// What a kill would leave this moment.
    fn killed(&self) -> Self {
        let copy = Self::new();
        std::fs::create_dir_all(&copy.0).expect("a directory");
        for entry in std::fs::read_dir(&self.0).expect("readable") {
            let entry = entry.expect("readable");
            std::fs::copy(entry.path(), copy.0.join(entry.file_name())).expect("copied");
        }
        copy
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let _left = std::fs::remove_dir_all(&self.0);
    }
}

async fn rig(place: &Place, when_full: WhenFull) -> Rig {
    let stand_in = StandIn::new(KEYS.iter().copied().map(Secret::new));
    let (listener, provider) = listener().await;
    tokio::spawn(Arc::clone(&stand_in).serve(listener, std::future::pending::<()>()));
    let base = format!("http://{provider}");
    let upstreams = ["anthropic", "openai"].map(|id| (id.to_owned(), base.clone())).into();
    let keep = Keep::Directory(place.0.clone());
    let config = Config { upstreams, keep, when_full, ..Config::default() };
    Rig::with(config, provider, stand_in, &KEYS).await
}

/// What the next sidecar on this directory counts.
async fn counted_next(place: &Place) -> Vec<UsageRecord> {
    let next = rig(place, WhenFull::Refuse).await;
    next.sidecar.flush().await;
    next.books.records()
}

fn hello(stream: bool) -> String {
    json!({"model": "m", "stream": stream, "max_tokens": 100, "input": "hello there",
        "messages": [{"role": "user", "content": "hello there"}]})
    .to_string()
}

/// Reads until these words were seen, and not to the end.
async fn read_until(response: &mut Response<Incoming>, words: &str) {
    let mut seen = Vec::new();
    while !seen.windows(words.len()).any(|window| window == words.as_bytes()) {
        let frame = response.body_mut().frame().await.expect("more").expect("no error");
        seen.extend_from_slice(frame.data_ref().unwrap_or(&Bytes::new()));
    }
}

#[tokio::test]
async fn a_request_under_way_is_counted_by_the_next() {
    let place = Place::new();
    let rig = rig(&place, WhenFull::Refuse).await;
    rig.stand_in.script(Script { event_delay_ms: 50, ..Script::default() });
    let mut response = rig.open(MESSAGES, hello(true)).await;
    read_until(&mut response, "message_start").await;
    let records = counted_next(&place.killed()).await;
    assert_eq!(records.len(), 1);
    let record = &records[0];
    assert_eq!(record.completion, Completion::Aborted);
    assert_eq!((record.provider.as_str(), record.model.as_str()), ("anthropic", "m"));
    let asked = hello(true).len() as u64;
    let input = Tokens { uncached_input: asked.div_ceil(4), ..Tokens::default() };
    assert_eq!((record.tokens, record.estimated), (input, true), "nobody knows what was told");
    assert!(matches!(record.cost, events::price::Cost::Unknown { .. }), "unknown is not zero");
    let prints = KEYS.map(|key| events::token::key_print(&Secret::new(key)));
    assert!(prints.contains(&record.key));
}

#[tokio::test]
async fn a_request_whose_answer_has_not_begun_is_counted_by_the_next() {
    let place = Place::new();
    let rig = rig(&place, WhenFull::Refuse).await;
    rig.stand_in.script(Script { head_delay_ms: 60_000, ..Script::default() });
    let rig = Arc::new(rig);
    let asking = Arc::clone(&rig);
    let waiting = tokio::spawn(async move { asking.open(CHAT, hello(true)).await });
    until("it is written down", || place.text().contains("under_way")).await;
    let records = counted_next(&place.killed()).await;
    assert_eq!(records.len(), 1);
    assert_eq!((records[0].completion, records[0].model.as_str()), (Completion::Aborted, "m"));
    waiting.abort();
}

#[tokio::test]
async fn who_has_seen_the_end_of_an_answer_can_count_on_its_record() {
    for (path, stream, last) in [
        (MESSAGES, true, "message_stop"),
        (RESPONSES, true, "response.completed"),
        (CHAT, true, "[DONE]"),
        (MESSAGES, false, "output_tokens"),
        (CHAT, false, "completion_tokens"),
    ] {
        let place = Place::new();
        let rig = rig(&place, WhenFull::Refuse).await;
        rig.books.away.store(true, Ordering::Relaxed);
        rig.stand_in.script(Script { event_delay_ms: 20, ..Script::default() });
        let mut response = rig.open(path, hello(stream)).await;
        read_until(&mut response, last).await;
        let killed = place.killed();
        let billed = rig.stand_in.ledger().total();
        let records = counted_next(&killed).await;
        assert_eq!(records.len(), 1, "{path}");
        assert_eq!(records[0].completion, Completion::Complete, "{path} {stream}");
        assert_eq!(records[0].tokens, billed.tokens, "{path} {stream}");
    }
}

#[tokio::test]
async fn what_the_ledger_never_took_is_counted_by_the_next_and_what_it_has_is_not_sent_again() {
    let place = Place::new();
    let rig = rig(&place, WhenFull::Refuse).await;
    for _ in 0..5 {
        assert_eq!(rig.post(CHAT, hello(true)).await.status, StatusCode::OK);
    }
    rig.sidecar.flush().await;
    assert_eq!(rig.books.records().len(), 5);
    let before = rig.stand_in.ledger().total().tokens;
    rig.books.away.store(true, Ordering::Relaxed);
    for _ in 0..7 {
        assert_eq!(rig.post(MESSAGES, hello(false)).await.status, StatusCode::OK);
    }
    let killed = place.killed();
    let records = counted_next(&killed).await;
    assert_eq!(records.len(), 7);
    let sum = records.iter().fold(Tokens::default(), |sum, record| sum + record.tokens);
    assert_eq!(sum + before, rig.stand_in.ledger().total().tokens);
    // And the one after the next finds nothing.
    let again = killed.killed();
    assert_eq!(counted_next(&again).await, []);
}

#[tokio::test]
async fn a_disk_that_refuses_stops_new_requests_or_not_as_configured() {
    for (when_full, status) in [
        (WhenFull::Refuse, StatusCode::SERVICE_UNAVAILABLE),
        (WhenFull::CountAndGoOn, StatusCode::OK),
    ] {
        let place = Place::new();
        let rig = rig(&place, when_full).await;
        // A directory that is not there any more takes no file, whoever asks.
        let aside = Place::new();
        std::fs::rename(&place.0, &aside.0).expect("moved");
        let answer = rig.post(CHAT, hello(false)).await;
        assert_eq!(answer.status, status, "{}", answer.text());
        let expected = match when_full {
            WhenFull::Refuse => {
                let told = answer.json()["error"]["message"].to_string();
                assert!(told.contains("administrator"), "{told}");
                assert_eq!(answer.headers["x-should-retry"], "true");
                0
            }
            WhenFull::CountAndGoOn => 1,
        };
        assert_eq!(rig.stand_in.ledger().total().answered, expected);
        std::fs::rename(&aside.0, &place.0).expect("moved back");
        assert_eq!(rig.post(CHAT, hello(false)).await.status, StatusCode::OK, "by itself");
        rig.sidecar.flush().await;
        assert_eq!(rig.books.records().len() as u64, expected + 1);
    }
}

#[tokio::test]
async fn two_sidecars_never_write_to_one_directory() {
    let place = Place::new();
    let first = rig(&place, WhenFull::Refuse).await;
    let keep = Keep::Directory(place.0.clone());
    let config = Config { keep, ..Config::default() };
    let outside = Outside {
        leases: Arc::clone(&first.tokens) as _,
        keys: Arc::clone(&first.pool) as _,
        usage: Arc::new(Books::default()),
        totals: Arc::new(Books::default()),
        clock: Arc::new(support::outside::Ticks::default()),
        ids: Arc::new(support::outside::Ticks::default()),
        prices: Arc::new(events::price::PriceTable::built_in()),
        on_activity: Arc::new(|_, _| {}),
    };
    let error = Sidecar::new(&config, outside).err().expect("the directory is taken");
    assert!(
        matches!(&error, BadConfig::Unfit { .. }) && error.to_string().contains("stop"),
        "{error}"
    );
}

#[tokio::test]
async fn what_is_on_disk_is_for_one_user_and_holds_no_secret() {
    use std::os::unix::fs::PermissionsExt as _;
    let place = Place::new();
    let rig = rig(&place, WhenFull::Refuse).await;
    rig.post(MESSAGES, hello(true)).await;
    let mode = |path: &Path| std::fs::metadata(path).expect("there").permissions().mode() & 0o777;
    assert_eq!(mode(&place.0), 0o700);
    for entry in std::fs::read_dir(&place.0).expect("readable") {
        let path = entry.expect("readable").path();
        assert_eq!(mode(&path), 0o600, "{}", path.display());
    }
    let text = place.text();
    assert!(text.contains("under_way") && text.contains("ended"));
    for secret in [KEYS[0], KEYS[1], rig.ann.as_str(), "hello there"] {
        assert!(!text.contains(secret), "{secret}");
    }
}

/// Every offset is tried on the journal itself (`src/journal/tests/damage.rs`); here a whole sidecar
/// starts on what is left.
#[tokio::test]
async fn a_sidecar_starts_on_any_damage_and_counts_what_it_left() {
    let place = Place::new();
    let rig = rig(&place, WhenFull::Refuse).await;
    rig.books.away.store(true, Ordering::Relaxed);
    for _ in 0..3 {
        assert_eq!(rig.post(CHAT, hello(true)).await.status, StatusCode::OK);
    }
    rig.stand_in.script(Script { event_delay_ms: 60_000, ..Script::default() });
    let _under_way = rig.open(MESSAGES, hello(true)).await;
    let killed = place.killed();
    let whole = counted_next(&killed.killed()).await;
    assert_eq!(whole.len(), 4);
    let names =
        std::fs::read_dir(&killed.0).expect("readable").map(|entry| entry.expect("one").path());
    let mut segments: Vec<PathBuf> =
        names.filter(|path| path.extension().is_some_and(|end| end == "usage")).collect();
    let (segment, None) = (segments.remove(0), segments.pop()) else { panic!("one segment") };
    let bytes = std::fs::read(&segment).expect("readable");
    let name = segment.file_name().expect("a name");
    for at in (0..bytes.len()).step_by(97) {
        let mut flipped = bytes.clone();
        flipped[at] ^= 0x10;
        for (kind, hurt) in [("flipped", &flipped[..]), ("cut", &bytes[..at])] {
            let next = Place::new();
            std::fs::create_dir_all(&next.0).expect("a directory");
            std::fs::write(next.0.join(name), hurt).expect("written");
            let records = counted_next(&next).await;
            let least = if kind == "flipped" { whole.len() - 1 } else { 0 };
            assert!((least..=whole.len()).contains(&records.len()), "{kind} at {at}: {records:?}");
            let of = |record: &UsageRecord| (record.started, record.provider.clone());
            let known: Vec<_> = whole.iter().map(of).collect();
            assert!(records.iter().map(of).all(|one| known.contains(&one)), "{kind} at {at}");
        }
    }
}
