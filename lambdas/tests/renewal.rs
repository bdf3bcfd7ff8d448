//! The real program renews the pool's OAuth tokens: the pool in a local AWS, and a token endpoint of a
//! few lines, during whose answer somebody else edits the pool.

#[path = "../../aws/tests/rig/mod.rs"]
mod rig;

mod local;

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use aws::Environment;
use aws::keys::SecretsKeys;
use events::Secret;
use events::token::key_print;
use jiff::{SignedDuration, Timestamp};
use local::Endpoints;
use local::calls::{self, Calls};
use ports::Keys;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

const ID: &str = "anthropic-token";
const GOOD: (u16, &str) = (200, r#"{"access_token":"t2","refresh_token":"r2","expires_in":28800}"#);
const REFUSAL: (u16, &str) = (400, r#"{"error":"invalid_grant","error_description":"r1"}"#);

/// A pool with a token that ends in ten minutes, the function, and who answers it.
struct World {
    environment: Environment,
    keys: Arc<SecretsKeys>,
    asked: Arc<AtomicU32>,
    calls: Calls,
}

async fn world(answer: (u16, &'static str)) -> World {
    let server = rig::ministack();
    let (config, environment) = (server.config().await, rig::environment());
    let secrets = aws_sdk_secretsmanager::Client::new(&config);
    #[expect(
        clippy::disallowed_methods,
        reason = "the program that is tested has the wall's clock"
    )]
    let ends = Timestamp::now() + SignedDuration::from_mins(10);
    let pool = json!({"providers": {ID: {"authType": "oauthToken", "accessToken": "t1",
        "refreshToken": "r1", "expiresAt": ends.as_millisecond()}}});
    let made = secrets.create_secret().name(environment.pool_secret());
    made.secret_string(pool.to_string()).send().await.expect("a pool");
    let keys = Arc::new(SecretsKeys::new(secrets, &environment));
    let asked = Arc::new(AtomicU32::new(0));
    let place = endpoint(answer, Arc::clone(&keys), Arc::clone(&asked)).await;
    let (calls, prefix) = (Calls::default(), environment.named(""));
    let local = calls::in_front_of(server.url(), prefix, &calls).await;
    let endpoints = Endpoints { local, fake: server.url() };
    let settings = json!({ "defaultTeam": "all", "tokenEndpoints": { ID: place } });
    let deploy = || local::deploy(server, &environment, "renewal", (&settings, &endpoints));
    tokio::task::block_in_place(deploy);
    World { environment, keys, asked, calls }
}

/// Adds a key to the pool while it is asked, and then answers.
async fn endpoint(
    (status, body): (u16, &'static str),
    keys: Arc<SecretsKeys>,
    asked: Arc<AtomicU32>,
) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let url = format!("http://{}/v1/oauth/token", listener.local_addr().expect("an address"));
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut got = Vec::new();
            while !got.ends_with(b"}") {
                assert!(stream.read_buf(&mut got).await.expect("read") > 0, "a whole question");
            }
            let added = keys.add("openai", Secret::new("sk-added-meanwhile-0123456789"));
            added.await.expect("somebody else's edit");
            asked.fetch_add(1, Ordering::SeqCst);
            let length = body.len();
            let answer = format!(
                "HTTP/1.1 {status} X\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}"
            );
            stream.write_all(answer.as_bytes()).await.expect("written");
        }
    });
    url
}

impl World {
    fn run(&self) -> Value {
        let invoke = || local::invoke(rig::ministack(), &self.environment, "renewal", &json!({}));
        tokio::task::block_in_place(invoke)
    }

    async fn token(&self) -> String {
        let keys = self.keys.of(ID).await.expect("keys");
        let [key] = keys.as_slice() else { panic!("there are {} keys", keys.len()) };
        assert_eq!(key.print, key_print(&Secret::new("t1")), "it is still the same key");
        key.secret.expose().to_owned()
    }

    async fn added(&self) -> usize {
        self.keys.of("openai").await.expect("keys").len()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_ends_soon_is_renewed_once_and_an_edit_at_the_same_time_is_not_lost() {
    let world = world(GOOD).await;
    assert_eq!(world.run(), Value::Null);
    assert_eq!((world.token().await.as_str(), world.added().await), ("t2", 1));
    assert_eq!(world.run(), Value::Null);
    assert_eq!((world.token().await.as_str(), world.added().await), ("t2", 1));
    assert_eq!(world.asked.load(Ordering::SeqCst), 1);
    let (missing, unused) = local::own::of_one("renewal", &world.environment, &world.calls);
    assert_eq!((missing, unused), (Vec::<String>::new(), Vec::<String>::new()));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_whose_renewal_is_refused_stays_in_the_pool() {
    let world = world(REFUSAL).await;
    assert_eq!(world.run(), Value::Null, "the log and the numbers say it");
    assert_eq!((world.token().await.as_str(), world.added().await), ("t1", 1));
    assert_eq!(world.asked.load(Ordering::SeqCst), 1);
}
