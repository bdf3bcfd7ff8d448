//! A whole sidecar when usage cannot be written down: on a disk that refuses, and at the bound on
//! what waits for the ledger. What becomes of requests is a setting; what is counted is never less
//! than what was answered; and the operator sees it.

use std::future::Future as _;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Waker};
use std::time::Duration;

use events::price::PriceTable;
use events::token::token_hash;
use events::{KeyPrint, Secret};
use ports::{Fault, KeyInfo, Keys, PoolKey, async_trait};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use super::super::fake::Fake;
use super::super::{BOUNDS, Bounds, Journal};
use super::outside::{Books, Ticks, Tokens};
use super::{SMALL, handed_over};
use crate::config::{Config, WhenFull};
use crate::providers::Api;
use crate::proxy::{Outside, Sidecar};
use crate::stand_in::StandIn;
use crate::tally::Tally;

const KEY: &str = "sk-pool-one";
const OPERATOR: &str = "op_0123456789abcdef0123456789abcdef";

/// A pool that can be away.
#[derive(Default)]
struct Pool(AtomicBool);

#[async_trait]
impl Keys for Pool {
    async fn of(&self, _: &str) -> Result<Vec<PoolKey>, Fault> {
        self.list().await.map(|_| vec![PoolKey::new(Secret::new(KEY))])
    }

    async fn list(&self) -> Result<Vec<KeyInfo>, Fault> {
        let away = self.0.load(Ordering::Relaxed);
        if away { Err(Fault::unavailable("the pool", "away")) } else { Ok(Vec::new()) }
    }

    async fn add(&self, _: &str, key: Secret) -> Result<(KeyPrint, bool), Fault> {
        Ok((events::token::key_print(&key), true))
    }

    async fn remove(&self, _: &str, _: &KeyPrint) -> Result<bool, Fault> {
        Ok(false)
    }
}

struct World {
    address: SocketAddr,
    operator: SocketAddr,
    sidecar: Arc<Sidecar>,
    books: Arc<Books>,
    pool: Arc<Pool>,
    fake: Fake,
    token: String,
}

async fn listener() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    (listener, address)
}

impl World {
    async fn new(when_full: WhenFull, bounds: Bounds) -> Self {
        let (provider, base) = listener().await;
        tokio::spawn(
            StandIn::new([Secret::new(KEY)]).serve(provider, std::future::pending::<()>()),
        );
        let upstreams = [("anthropic".to_owned(), format!("http://{base}"))].into();
        let config = Config { upstreams, when_full, ..Config::default() };
        let (fake, tokens, ticks) =
            (Fake::default(), Tokens::default(), Arc::new(Ticks::default()));
        let (token, books, pool) = (tokens.give("ann"), Arc::new(Books::default()), Arc::default());
        let outside = Outside {
            leases: Arc::new(tokens),
            keys: Arc::clone(&pool) as _,
            usage: Arc::clone(&books) as _,
            totals: Arc::clone(&books) as _,
            clock: Arc::clone(&ticks) as _,
            ids: ticks,
            prices: Arc::new(PriceTable::built_in()),
            on_activity: Arc::new(|_, _| {}),
        };
        let journal = Journal::on(Box::new(fake.clone()), bounds).expect("opens");
        let sidecar = Sidecar::keeping(journal, &config, outside).expect("a good configuration");
        let ((door, address), (port, operator)) = (listener().await, listener().await);
        let never = std::future::pending::<()>;
        tokio::spawn(crate::serve(door, Arc::clone(&sidecar), never()));
        let its = Arc::clone(&sidecar);
        tokio::spawn(async move {
            crate::serve_operator(port, its, Some(&token_hash(OPERATOR)), never()).await;
        });
        Self { address, operator, sidecar, books, pool, fake, token }
    }

    /// A request to the model; gives the status.
    async fn asks(&self) -> u16 {
        let body = r#"{"model":"claude-haiku-4-5","max_tokens":9,"messages":[{"role":"user","content":"hi"}]}"#;
        let head = format!(
            "POST /anthropic/v1/messages HTTP/1.1\r\nhost: {}\r\nx-api-key: {}\r\n\
             content-type: application/json\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
            self.address,
            self.token,
            body.len()
        );
        said(self.address, &head).await.0
    }

    /// What the operator's port answers.
    async fn told(&self, path: &str) -> (u16, String) {
        let head = format!(
            "GET {path} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {OPERATOR}\r\n\
             connection: close\r\n\r\n"
        );
        said(self.operator, &head).await
    }

    async fn metric(&self, line: &str) -> u64 {
        let (_, text) = self.told("/metrics").await;
        let value = text.lines().find_map(|all| all.strip_prefix(line));
        let value = value.unwrap_or_else(|| panic!("no {line} in {text}"));
        value.trim().parse().expect("a whole number")
    }
}

async fn said(address: SocketAddr, request: &str) -> (u16, String) {
    let mut stream = TcpStream::connect(address).await.expect("a connection");
    stream.write_all(request.as_bytes()).await.expect("written");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.expect("an answer");
    let status = answer.split(' ').nth(1).and_then(|status| status.parse().ok());
    let body = answer.split_once("\r\n\r\n").map(|(_, body)| body.to_owned());
    (status.expect("a status"), body.unwrap_or_default())
}

const UNKEPT: &str = r#"teamclaw_sidecar_usage_records_total{outcome="unkept"} "#;
const SENT: &str = r#"teamclaw_sidecar_usage_records_total{outcome="sent"} "#;
const REFUSED: &str = r#"teamclaw_sidecar_refusals_total{code="unavailable"} "#;

#[tokio::test(flavor = "multi_thread")]
async fn on_a_disk_that_refuses_requests_are_refused_until_it_takes_again() {
    let world = World::new(WhenFull::Refuse, BOUNDS).await;
    assert_eq!(world.asks().await, 200);
    assert_eq!(world.told("/ready").await.0, 200);
    world.fake.platter().room = Some(0);
    assert_eq!(world.asks().await, 503);
    let (status, words) = world.told("/ready").await;
    assert_eq!(status, 503);
    let why = "usage: is not kept, and requests are refused: the disk of the usage journal refuses";
    assert!(words.starts_with("not ready\n") && words.contains(why), "{words}");
    assert_eq!(world.metric(REFUSED).await, 1);
    assert_eq!(world.metric(UNKEPT).await, 0, "what is refused needs no record");
    world.fake.platter().room = None;
    assert_eq!(world.told("/ready").await.0, 200, "nobody had to ask for a model to find out");
    assert_eq!(world.asks().await, 200);
    world.sidecar.flush().await;
    assert_eq!(world.books.records().len(), 2);
    assert_eq!(world.metric(SENT).await, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn on_a_disk_that_refuses_requests_go_on_if_that_is_wanted_and_are_counted_from_memory() {
    let world = World::new(WhenFull::CountAndGoOn, BOUNDS).await;
    world.fake.platter().room = Some(0);
    for _ in 0..3 {
        assert_eq!(world.asks().await, 200);
    }
    let (status, words) = world.told("/ready").await;
    assert_eq!(status, 200, "it serves, so it is ready");
    assert!(words.contains("usage: is not kept, and requests go on: the disk"), "{words}");
    assert_eq!(world.metric(UNKEPT).await, 3);
    world.sidecar.flush().await;
    assert_eq!(world.books.records().len(), 3, "the process lives, so nothing is lost");
    world.fake.platter().room = None;
    assert_eq!(world.asks().await, 200);
    assert_eq!(world.metric(UNKEPT).await, 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn at_the_bound_requests_are_refused_until_the_ledger_is_back() {
    let world = World::new(WhenFull::Refuse, SMALL).await;
    world.books.away.store(true, Ordering::Relaxed);
    let mut answered = 0;
    while world.asks().await == 200 {
        answered += 1;
        assert!(answered < 100, "there is a bound");
    }
    assert!(answered > 2, "{answered}");
    let (status, words) = world.told("/ready").await;
    assert!(status == 503 && words.contains("requests are refused: the usage journal is full"));
    assert!(world.metric("teamclaw_sidecar_usage_journal_bytes ").await > 3_000);
    assert_eq!(world.metric("teamclaw_sidecar_usage_waiting_records ").await, answered);
    world.books.away.store(false, Ordering::Relaxed);
    world.sidecar.flush().await;
    assert_eq!(world.books.records().len() as u64, answered, "what was answered is counted");
    // The thread that removes what is done with is on its way.
    for _ in 0..500 {
        if world.told("/ready").await.0 == 200 {
            assert_eq!(world.asks().await, 200);
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("never ready again");
}

#[tokio::test(flavor = "multi_thread")]
async fn at_the_bound_requests_go_on_if_that_is_wanted_and_each_is_counted_once() {
    const MANY: u64 = 60;
    let world = World::new(WhenFull::CountAndGoOn, SMALL).await;
    world.books.away.store(true, Ordering::Relaxed);
    for _ in 0..MANY {
        assert_eq!(world.asks().await, 200);
    }
    assert!(world.metric(UNKEPT).await > 0, "the bound was hit");
    assert_eq!(world.metric("teamclaw_sidecar_usage_waiting_records ").await, MANY);
    world.books.away.store(false, Ordering::Relaxed);
    world.sidecar.flush().await;
    assert_eq!(world.books.records().len() as u64, MANY);
    assert_eq!(world.metric("teamclaw_sidecar_usage_waiting_records ").await, 0);
    assert_eq!(world.metric(SENT).await, MANY);
}

#[tokio::test]
async fn a_client_that_is_gone_before_its_request_is_written_down_is_not_counted() {
    let world = World::new(WhenFull::Refuse, BOUNDS).await;
    let sidecar = &world.sidecar;
    let lease = sidecar.door.find(&world.token).await.expect("found").expect("a lease");
    let provider = sidecar.upstreams.providers.find("anthropic").expect("in the table");
    let place = sidecar.outbox.reserve().expect("room");
    let (books, provider) = (Arc::clone(&sidecar.books), Arc::clone(provider));
    let mut tally = Tally::new(books, place, lease, provider, Api::AnthropicMessages);
    // It waits for others to write with only when there are any.
    let _two = [sidecar.metrics.requests.open(), sidecar.metrics.requests.open()];
    {
        let key = events::token::key_print(&Secret::new(KEY));
        let mut uses = pin!(tally.uses(&key));
        let first = uses.as_mut().poll(&mut Context::from_waker(Waker::noop()));
        assert!(first.is_pending(), "it waits for others to write with");
    }
    drop(tally);
    sidecar.flush().await;
    assert_eq!(world.books.records().len(), 0);
    let found = handed_over(world.fake.platter().files.clone());
    assert_eq!(found.len(), 0, "and the next start counts nothing");
}

#[tokio::test(flavor = "multi_thread")]
async fn it_is_not_ready_while_no_key_was_ever_read_and_one_that_was_read_is_enough() {
    let world = World::new(WhenFull::Refuse, BOUNDS).await;
    world.pool.0.store(true, Ordering::Relaxed);
    let (status, words) = world.told("/ready").await;
    assert_eq!(status, 503);
    assert!(words.contains("\nkeys: the pool is unavailable: away\n"), "{words}");
    world.pool.0.store(false, Ordering::Relaxed);
    assert_eq!(world.told("/ready").await.0, 200);
}
