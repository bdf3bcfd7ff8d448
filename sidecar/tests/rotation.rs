//! Rotations under load: keys of the pool are replaced again and again while 200 requests are under
//! way, and none of them fails.

mod support;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use events::Secret;
use events::price::PriceTable;
use http::{Request, Response, StatusCode};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use sidecar::{Config, Outside, Sidecar};
use support::gate::{Gate, Manners};
use support::outside::{Books, Pool, Ticks, Tokens};
use support::rig::{listener, whole};
use tokio::task::JoinSet;

/// How many rounds there are, and in each of them rotations and requests.
const ROUNDS: usize = 300;
const ROTATIONS: usize = 2;
const REQUESTS: usize = 4;
/// How many requests are under way at once.
const UNDER_WAY: usize = 200;
/// How many keys the pool has.
const KEYS: usize = 3;
/// Enough that none has too many requests under way.
const PEOPLE: [&str; 8] = ["ann", "bob", "cem", "dan", "eva", "fay", "gus", "hal"];

/// In which order a key is replaced.
#[derive(Clone, Copy)]
enum Order {
    /// The pool has the new key before the provider forgets the old one, as a rotation does it.
    PoolFirst,
    /// For a moment the pool has a key that the provider has forgotten.
    ProviderFirst,
}

/// A company at work.
struct Crowd {
    sidecar: Arc<Sidecar>,
    address: SocketAddr,
    gate: Arc<Gate>,
    pool: Arc<Pool>,
    books: Arc<Books>,
    tokens: Vec<String>,
    client: Client<HttpConnector, Full<Bytes>>,
    rotations: usize,
}

fn key(n: usize) -> String {
    format!("sk-{n}")
}

impl Crowd {
    async fn new(keys_believed: Duration) -> Self {
        let gate = Gate::holding().await;
        let keys: Vec<String> = (0..KEYS).map(key).collect();
        for key in &keys {
            gate.set(key, Manners::good());
        }
        let pool = Arc::new(Pool(Mutex::new(keys.into_iter().map(Secret::new).collect())));
        let tokens = Arc::new(Tokens::default());
        let (books, ticks) = (Arc::new(Books::default()), Arc::new(Ticks::default()));
        let outside = Outside {
            leases: Arc::clone(&tokens) as _,
            keys: Arc::clone(&pool) as _,
            usage: Arc::clone(&books) as _,
            totals: Arc::clone(&books) as _,
            clock: Arc::clone(&ticks) as _,
            ids: ticks,
            prices: Arc::new(PriceTable::built_in()),
            on_activity: Arc::new(|_, _| {}),
        };
        let base = format!("http://{}", gate.address);
        let upstreams = BTreeMap::from([("anthropic".to_owned(), base)]);
        let config = Config { upstreams, keys_believed, ..Config::default() };
        let sidecar = Sidecar::new(&config, outside).expect("a good configuration");
        let (listener, address) = listener().await;
        tokio::spawn(sidecar::serve(listener, Arc::clone(&sidecar), std::future::pending::<()>()));
        let tokens = PEOPLE.iter().map(|name| tokens.give(name)).collect();
        let mut tcp = HttpConnector::new();
        tcp.set_nodelay(true);
        let client = Client::builder(TokioExecutor::new()).build(tcp);
        Self { sidecar, address, gate, pool, books, tokens, client, rotations: 0 }
    }

    /// Begins the nth request.
    fn ask(&self, n: usize) -> impl Future<Output = Response<Incoming>> + use<> {
        let request = Request::post(format!("http://{}/anthropic/v1/messages", self.address))
            .header("x-api-key", &self.tokens[n % PEOPLE.len()])
            .body(Full::from(r#"{"model":"claude-haiku-4-5"}"#))
            .expect("a request");
        let answer = self.client.request(request);
        async move { answer.await.expect("an answer") }
    }

    /// So many requests arrive with keys of which one is replaced before the provider looks at it,
    /// and another while they are tried again. Gives the heads of their answers.
    async fn round(&mut self, requests: usize, order: Order) -> Vec<Response<Incoming>> {
        self.gate.shut(true);
        let asked = self.gate.asked().len();
        let mut heads = JoinSet::new();
        for n in 0..requests {
            heads.spawn(self.ask(asked + n));
        }
        self.gate.until_asked(asked + requests).await;
        self.rotate(order).await;
        self.gate.shut(false);
        for _ in 1..ROTATIONS {
            self.rotate(order).await;
        }
        let heads = heads.join_all().await;
        assert!(heads.iter().all(|head| head.status() == StatusCode::OK), "{heads:?}");
        heads
    }

    /// Replaces the oldest key.
    async fn rotate(&mut self, order: Order) {
        let (old, new) = (key(self.rotations), key(self.rotations + KEYS));
        let place = self.rotations % KEYS;
        self.rotations += 1;
        self.gate.set(&new, Manners::good());
        let write = || self.pool.0.lock().expect("no panic")[place] = Secret::new(new.as_str());
        match order {
            Order::PoolFirst => {
                write();
                tokio::task::yield_now().await;
                self.gate.revoke(&old);
            }
            Order::ProviderFirst => {
                self.gate.revoke(&old);
                tokio::task::yield_now().await;
                write();
            }
        }
    }
}

async fn rotated(keys_believed: Duration, order: Order) {
    let mut crowd = Crowd::new(keys_believed).await;
    let mut readers = JoinSet::new();
    for round in 1..=ROUNDS {
        for response in crowd.round(REQUESTS, order).await {
            readers.spawn(whole(response));
        }
        if round * REQUESTS > UNDER_WAY - REQUESTS {
            crowd.gate.let_go(REQUESTS);
        }
    }
    crowd.gate.let_go(UNDER_WAY - REQUESTS);
    let answered = readers.join_all().await.len();
    assert_eq!((answered, crowd.rotations), (ROUNDS * REQUESTS, ROUNDS * ROTATIONS));
    // And all at once.
    let mut readers = JoinSet::new();
    for response in crowd.round(UNDER_WAY, order).await {
        readers.spawn(whole(response));
    }
    crowd.gate.let_go(UNDER_WAY);
    let answered = answered + readers.join_all().await.len();
    crowd.sidecar.flush().await;
    let counted = crowd.books.envelopes.lock().expect("no panic").len();
    assert_eq!(counted, answered);
    assert!(crowd.gate.asked().len() > answered, "no request met a key that was just replaced");
}

/// One after the other, for each holds hundreds of connections.
#[tokio::test]
async fn six_hundred_rotations_cost_no_request() {
    rotated(Duration::ZERO, Order::PoolFirst).await;
    rotated(Duration::ZERO, Order::ProviderFirst).await;
    rotated(Duration::from_secs(60), Order::PoolFirst).await;
}
