//! Rounds over a pool in memory, with a token endpoint of a few lines.

use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, Ordering};

use events::pool::Pool;
use events::token::key_print;
use events::{KeyPrint, Secret};
use jiff::Timestamp;
use ports::{KeyInfo, async_trait};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

use super::*;

const NOW: i64 = 1_800_000_000;
const ID: &str = "anthropic-token";
const GOOD: (u16, &str) = (200, r#"{"access_token":"t2","refresh_token":"r2","expires_in":28800}"#);
const REFUSAL: (u16, &str) = (400, r#"{"error":"invalid_grant"}"#);
const TIME: Duration = Duration::from_secs(100);

struct Fixed;

impl Clock for Fixed {
    fn now(&self) -> Timestamp {
        Timestamp::from_second(NOW).expect("a time")
    }
}

/// A pool whose next so many writes fail.
struct Store {
    pool: Mutex<Pool>,
    bad_writes: AtomicU32,
}

impl Store {
    /// One token that ends so many seconds from now.
    fn ending(seconds: i64) -> Arc<Self> {
        let text = json!({"providers": {
            ID: {"authType": "oauthToken", "accessToken": "t1", "refreshToken": "r1",
                "expiresAt": NOW + seconds},
            "openai": {"authType": "apiKey", "keys": ["sk-1"]},
        }});
        let pool = Mutex::new(Pool::parse(&text.to_string()).expect("a pool"));
        Arc::new(Self { pool, bad_writes: AtomicU32::new(0) })
    }

    fn token(&self) -> Value {
        let text = self.pool.lock().expect("no panic").text().expect("JSON");
        let pool: Value = serde_json::from_str(&text).expect("JSON");
        assert_eq!(pool["providers"]["openai"]["keys"], json!(["sk-1"]), "and no other");
        pool["providers"][ID]["accessToken"].clone()
    }
}

#[async_trait]
impl Keys for Store {
    async fn of(&self, provider: &str) -> Result<Vec<PoolKey>, Fault> {
        Ok(self.pool.lock().expect("no panic").of(provider))
    }

    async fn list(&self) -> Result<Vec<KeyInfo>, Fault> {
        Ok(self.pool.lock().expect("no panic").list())
    }

    async fn add(&self, provider: &str, key: Secret) -> Result<(KeyPrint, bool), Fault> {
        Ok(self.pool.lock().expect("no panic").add(provider, &key)?)
    }

    async fn remove(&self, provider: &str, key: &KeyPrint) -> Result<bool, Fault> {
        Ok(self.pool.lock().expect("no panic").remove(provider, key)?)
    }

    async fn renew(&self, provider: &str, spent: &KeyPrint, to: &Renewed) -> Result<bool, Fault> {
        let bad = |left: u32| left.checked_sub(1);
        if self.bad_writes.fetch_update(Ordering::SeqCst, Ordering::SeqCst, bad).is_ok() {
            return Err(Fault::unavailable("the store", "no answer"));
        }
        Ok(self.pool.lock().expect("no panic").renew(provider, spent, to))
    }
}

/// Answers every question like this, and counts them.
async fn endpoint((status, body): (u16, &'static str)) -> (String, Arc<AtomicU32>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let url = format!("http://{}/v1/oauth/token", listener.local_addr().expect("an address"));
    let asked = Arc::new(AtomicU32::new(0));
    let counted = Arc::clone(&asked);
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut got = Vec::new();
            while !got.ends_with(b"}") {
                assert!(stream.read_buf(&mut got).await.expect("read") > 0, "a whole question");
            }
            counted.fetch_add(1, Ordering::SeqCst);
            let length = body.len();
            let answer = format!(
                "HTTP/1.1 {status} X\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}"
            );
            stream.write_all(answer.as_bytes()).await.expect("written");
        }
    });
    (url, asked)
}

fn renewer(store: &Arc<Store>, url: &str) -> Renewer {
    let token_endpoints = [(ID.to_owned(), url.to_owned())].into();
    let config = Config { token_endpoints, ..Config::default() };
    let store: Arc<dyn Keys> = Arc::clone(store) as _;
    Renewer::new(&config, store, Arc::new(Fixed)).expect("a renewer")
}

fn counted(renewed: u32, refused: u32, failed: u32) -> Renewals {
    Renewals { renewed, refused, failed }
}

#[tokio::test]
async fn what_ends_within_four_rounds_is_renewed_once_and_nothing_else() {
    for (ends, due) in [(21 * 60, false), (20 * 60, true), (1, true), (-3_600, true)] {
        let ((url, asked), store) = (endpoint(GOOD).await, Store::ending(ends));
        let renewer = renewer(&store, &url);
        let first = renewer.round(Instant::now() + TIME).await.expect("a round");
        assert_eq!(first, counted(u32::from(due), 0, 0), "{ends}");
        let again = renewer.round(Instant::now() + TIME).await.expect("a round");
        assert_eq!(again, counted(0, 0, 0), "{ends}");
        assert_eq!(asked.load(Ordering::SeqCst), u32::from(due), "{ends}");
        assert_eq!(store.token(), if due { "t2" } else { "t1" });
    }
}

#[tokio::test]
async fn a_key_whose_renewal_is_refused_stays() {
    let ((url, asked), store) = (endpoint(REFUSAL).await, Store::ending(60));
    let round = renewer(&store, &url).round(Instant::now() + TIME).await.expect("a round");
    assert_eq!((round, asked.load(Ordering::SeqCst)), (counted(0, 1, 0), 1));
    assert_eq!(store.token(), "t1");
}

#[tokio::test]
async fn an_endpoint_that_is_not_there_costs_nothing() {
    let store = Store::ending(60);
    let renewer = renewer(&store, "http://127.0.0.1:1/v1/oauth/token");
    let round = renewer.round(Instant::now() + TIME).await.expect("a round");
    assert_eq!((round, store.token()), (counted(0, 0, 1), json!("t1")));
}

/// The time is real: a paused clock would run while the endpoint is waited for.
#[tokio::test]
async fn what_could_not_be_written_is_written_again_and_not_asked_for_again() {
    let ((url, asked), store) = (endpoint(GOOD).await, Store::ending(60));
    store.bad_writes.store(1, Ordering::SeqCst);
    let renewer = renewer(&store, &url);
    let round = renewer.round(Instant::now() + TIME).await.expect("a round");
    assert_eq!((round, store.token()), (counted(1, 0, 0), json!("t2")));
    assert_eq!(asked.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn what_a_round_could_not_write_the_next_one_does() {
    let ((url, asked), store) = (endpoint(GOOD).await, Store::ending(60));
    store.bad_writes.store(1, Ordering::SeqCst);
    let renewer = renewer(&store, &url);
    // Enough to begin, and not enough to try again.
    let key = store.of(ID).await.expect("keys").remove(0);
    let place = (ID.to_owned(), key_print(&Secret::new("r1")));
    let endpoint = renewer.0.endpoints[ID].clone();
    let outcome = renewer.renew(&place, &key, &endpoint, Instant::now()).await;
    assert_eq!((outcome, store.token()), (Outcome::Trouble, json!("t1")));
    let round = renewer.round(Instant::now() + TIME).await.expect("a round");
    assert_eq!((round, store.token()), (counted(1, 0, 0), json!("t2")));
    assert_eq!(asked.load(Ordering::SeqCst), 1, "its refresh token works but once");
}

#[tokio::test]
async fn no_renewal_is_begun_that_could_not_be_finished() {
    let ((url, asked), store) = (endpoint(GOOD).await, Store::ending(60));
    let until = Instant::now() + Duration::from_secs(20);
    let round = renewer(&store, &url).round(until).await.expect("a round");
    assert_eq!((round, asked.load(Ordering::SeqCst)), (counted(0, 0, 1), 0));
}
