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

/// In each round requests arrive with keys of which one is replaced before the provider looks at
/// it, and another while they are tried again.
async fn rotated(keys_believed: Duration, order: Order) {
    let mut crowd = Crowd::new(keys_believed).await;
    let mut readers = JoinSet::new();
    for round in 0..ROUNDS {
        crowd.gate.shut(true);
        let asked = crowd.gate.asked().len();
        let mut heads = JoinSet::new();
        for n in 0..REQUESTS {
            heads.spawn(crowd.ask(round * REQUESTS + n));
        }
        crowd.gate.until_asked(asked + REQUESTS).await;
        crowd.rotate(order).await;
        crowd.gate.shut(false);
        for _ in 1..ROTATIONS {
            crowd.rotate(order).await;
        }
        for response in heads.join_all().await {
            assert_eq!(response.status(), StatusCode::OK, "round {round}");
            readers.spawn(whole(response));
        }
        if (round + 1) * REQUESTS > UNDER_WAY - REQUESTS {
            crowd.gate.let_go(REQUESTS);
        }
    }
    let under_way = UNDER_WAY - REQUESTS;
    crowd.gate.let_go(under_way);
    assert_eq!(readers.join_all().await.len(), ROUNDS * REQUESTS);
    crowd.sidecar.flush().await;
    let counted = crowd.books.envelopes.lock().expect("no panic").len();
    assert_eq!(counted, ROUNDS * REQUESTS);
    let refused = crowd.gate.asked().len() - ROUNDS * REQUESTS;
    assert!(refused > 0, "no request met a key that was just replaced");
    assert_eq!(crowd.rotations, ROUNDS * ROTATIONS);
}

/// One after the other, for each holds hundreds of connections.
#[tokio::test]
async fn six_hundred_rotations_cost_no_request() {
    rotated(Duration::ZERO, Order::PoolFirst).await;
    rotated(Duration::ZERO, Order::ProviderFirst).await;
    rotated(Duration::from_secs(60), Order::PoolFirst).await;
}
