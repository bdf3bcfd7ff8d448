//! The real program as the sidecar of a task on AWS: a local Secrets Manager and SQS, a broker and a
//! provider of a few lines.

#[path = "../../../aws/tests/rig/mod.rs"]
mod rig;
mod support;

use std::collections::BTreeSet;
use std::num::NonZeroU64;
use std::sync::atomic::{AtomicU16, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use aws::Environment;
use aws::broker::Traded;
use aws::broker::wire::HOLDER_HEADER;
use aws::keys::SecretsKeys;
use aws::usage_queue::accept;
use aws_sdk_secretsmanager::Client as Secrets;
use aws_sdk_sqs::Client as Queues;
use events::token::{agent_key, key_print};
use events::{Attempt, Envelope, EventId, Gen, Limits, Secret};
use ports::{Keys, Lease};
use support::{Running, Scratch, ask, post, provider};
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;
use tokio::time::sleep;

const TOKEN: &str = "tc_0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
const KEY: &str = "sk-ant-pool-1";
const ROTATED: &str = "sk-ant-pool-2";
const GOOD: u16 = 200;
const AWAY: u16 = 503;
const REVOKED: u16 = 401;
const TAKEN: u16 = 409;
/// How often is looked whether something has come about, and how many times at the most.
const LOOK_EVERY: Duration = Duration::from_millis(100);
const LOOKS_MAX: usize = 600;

/// Everything around one sidecar.
struct World {
    scratch: Scratch,
    environment: Environment,
    keys: SecretsKeys,
    queues: Queues,
    /// What the broker answers with.
    broker: Arc<AtomicU16>,
    /// What the lease may be used for.
    limits: Arc<Mutex<Limits>>,
    /// Under which names the broker was asked.
    holders: Arc<Mutex<Vec<String>>>,
    broker_url: String,
    /// Which keys the provider was shown.
    shown: Arc<Mutex<Vec<String>>>,
    provider_url: String,
}

impl World {
    /// A pool with one key, and no queue yet.
    async fn new(name: &str) -> Self {
        Self::with_credentials_until(name, "2100-01-01T00:00:00Z").await
    }

    /// The same, where the broker's credentials end then.
    async fn with_credentials_until(name: &str, expires: &'static str) -> Self {
        let (config, environment) = (rig::ministack().config().await, rig::environment());
        let secrets = Secrets::new(&config);
        aws::keys::create(&secrets, &environment).await.expect("the secret is made");
        let keys = SecretsKeys::new(secrets, &environment);
        keys.add("anthropic", Secret::new(KEY)).await.expect("added");
        let scratch = Scratch::new(&format!("on-aws-{name}"));
        scratch.put("sidecar.toml", "keys_believed = \"1s\"\n");
        let broker = Arc::new(AtomicU16::new(GOOD));
        let shown = Arc::new(Mutex::new(Vec::new()));
        let limits = Arc::new(Mutex::new(Limits::default()));
        let (status, seen) = (Arc::clone(&broker), Arc::clone(&shown));
        let allowed = Arc::clone(&limits);
        let holders = Arc::new(Mutex::new(Vec::new()));
        let named = Arc::clone(&holders);
        let broker_url = provider(move |stream, request| {
            let limits = allowed.lock().expect("nobody panics here").clone();
            let holder = header(&request, HOLDER_HEADER).expect("a name");
            named.lock().expect("nobody panics here").push(holder);
            trade(stream, request, status.load(Ordering::SeqCst), limits, expires)
        })
        .await;
        let provider_url = provider(move |stream, request| {
            let key = header(&request, "x-api-key").expect("a key");
            seen.lock().expect("nobody panics here").push(key);
            let body = r#"{"type":"message","model":"claude-haiku-4-5","content":[],"usage":{"input_tokens":3,"output_tokens":5}}"#;
            answer(stream, GOOD, body.to_owned())
        })
        .await;
        let queues = Queues::new(&config);
        Self {
            scratch,
            environment,
            keys,
            queues,
            broker,
            limits,
            holders,
            broker_url,
            shown,
            provider_url,
        }
    }

    async fn create_queue(&self) {
        aws::queue::create_usage(&self.queues, &self.environment).await.expect("the queue is made");
    }

    fn start(&self) -> Running {
        let upstream = format!("anthropic={}", self.provider_url);
        let arguments = ["--aws", "--listen", "127.0.0.1:0", "--config", "sidecar.toml"];
        let arguments = [&arguments[..], &["--upstream", &upstream]].concat();
        let (name, aws) = (self.environment.to_string(), rig::ministack().url());
        let variables = [
            ("TEAMCLAW_LEASE_TOKEN", TOKEN),
            ("TEAMCLAW_BROKER_URL", &self.broker_url),
            ("TEAMCLAW_ENV", &name),
            ("TEAMCLAW_SIDECAR_JOURNAL", "journal"),
            ("AWS_REGION", "eu-central-1"),
            ("AWS_ENDPOINT_URL", &aws),
        ];
        Running::start(&self.scratch.0, &arguments, &variables)
    }

    /// What is in the queue until there are so many records, each as its receiver accepts it.
    async fn usage(&self, records: usize) -> Vec<Envelope> {
        let url = self.queues.get_queue_url().queue_name(self.environment.usage_queue()).send();
        let url = url.await.expect("there").queue_url.expect("a URL");
        let mut all = Vec::new();
        for _ in 0..LOOKS_MAX {
            let call = self.queues.receive_message().queue_url(&url).max_number_of_messages(10);
            let got = call.wait_time_seconds(1).send().await.expect("received");
            for message in got.messages() {
                let body = message.body().expect("a body");
                all.extend(accept(body, "AROACKCEVSQ6C2EXAMPLE:ann").expect("a good batch"));
            }
            if all.len() >= records {
                return all;
            }
        }
        panic!("{} of {records} records came", all.len());
    }

    fn last_key(&self) -> Option<String> {
        self.shown.lock().expect("nobody panics here").last().cloned()
    }
}

fn header(request: &str, name: &str) -> Option<String> {
    let mut lines = request.lines().filter_map(|line| line.split_once(": "));
    lines.find(|(found, _)| found.eq_ignore_ascii_case(name)).map(|(_, value)| value.to_owned())
}

async fn answer(mut stream: TcpStream, status: u16, body: String) {
    let length = body.len();
    let head = format!(
        "HTTP/1.1 {status} x\r\ncontent-type: application/json\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n"
    );
    let _gone = stream.write_all(format!("{head}{body}").as_bytes()).await;
}

/// The broker.
async fn trade(stream: TcpStream, request: String, status: u16, limits: Limits, expires: &str) {
    let known = header(&request, "authorization") == Some(format!("Bearer {TOKEN}"));
    let status = if known { status } else { REVOKED };
    if status != GOOD {
        return answer(stream, status, "{}".to_owned()).await;
    }
    if request.starts_with("GET /lease/used?since=") {
        let used = r#"{"name":"ann","requests":7,"aborted":0,"input":9,"cacheRead":0,"cacheWrite":0,"output":9,"picoDollars":0,"unpriced":0}"#;
        return answer(stream, GOOD, used.to_owned()).await;
    }
    assert!(request.starts_with("POST /lease HTTP/1.1\r\n"), "{request}");
    let lease = Lease {
        workspace: "ann".parse().expect("a name"),
        generation: Gen(1),
        attempt: Attempt(1),
        team: "red".parse().expect("a name"),
        limits,
    };
    let traded = Traded {
        lease,
        access_key: "ASIATEST".to_owned(),
        secret_key: Secret::new("s"),
        session: Secret::new("t"),
        expires: expires.parse().expect("a time"),
    };
    answer(stream, GOOD, traded.body().expect("a body").expose().to_owned()).await;
}

/// The status of a model call with this token.
async fn call(running: &Running, token: &str) -> u16 {
    let body = r#"{"model":"claude-haiku-4-5","max_tokens":9,"messages":[{"role":"user","content":"hi"}]}"#;
    let request = post("/anthropic/v1/messages", &format!("x-api-key: {token}\r\n"), body);
    let got = String::from_utf8(ask(&running.address, &request).await).expect("text");
    let status = got.split(' ').nth(1).and_then(|status| status.parse().ok());
    status.unwrap_or_else(|| panic!("no answer: {got}"))
}

fn agents() -> String {
    agent_key(&Secret::new(TOKEN)).expose().to_owned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_request_gets_a_pooled_key_its_usage_is_queued_and_a_rotated_key_is_used() {
    let world = World::new("journey").await;
    world.create_queue().await;
    let running = world.start();
    assert_eq!(call(&running, &agents()).await, 200);
    assert_eq!(world.last_key().as_deref(), Some(KEY));
    assert_eq!(call(&running, "tc_another").await, 401);
    let usage = world.usage(1).await;
    assert_eq!(usage.len(), 1, "who was turned away used nothing");
    world.keys.add("anthropic", Secret::new(ROTATED)).await.expect("added");
    let old = key_print(&Secret::new(KEY));
    assert!(world.keys.remove("anthropic", &old).await.expect("removed"));
    let mut calls = 0;
    while world.last_key().as_deref() != Some(ROTATED) {
        assert_eq!(call(&running, &agents()).await, 200, "a rotation disturbs nobody");
        calls += 1;
        assert!(calls < LOOKS_MAX, "the rotated key is not used");
        sleep(LOOK_EVERY).await;
    }
    let [output, errors] = running.end("-TERM");
    let said = String::from_utf8_lossy(&[output, errors].concat()).into_owned();
    for secret in [TOKEN, KEY, ROTATED, &agents()] {
        assert!(!said.contains(secret), "{said}");
    }
    // What it was told to end with is in the queue too.
    assert_eq!(world.usage(calls).await.len(), calls);
}

/// Nothing takes the usage; the sidecar is killed; and when it begins anew, the broker is away.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn while_queue_and_broker_are_away_no_usage_is_lost() {
    let world = World::new("outage").await;
    let running = world.start();
    for _ in 0..3 {
        assert_eq!(call(&running, &agents()).await, 200);
    }
    running.end("-KILL");
    world.broker.store(AWAY, Ordering::SeqCst);
    let running = world.start();
    assert_eq!(call(&running, &agents()).await, 503, "not turned away for good");
    world.create_queue().await;
    world.broker.store(GOOD, Ordering::SeqCst);
    let usage = world.usage(3).await;
    let different: BTreeSet<EventId> = usage.iter().map(|envelope| envelope.id).collect();
    assert_eq!(different.len(), 3);
    assert_eq!(call(&running, &agents()).await, 200);
    running.end("-TERM");
}

/// These credentials are traded again at once, so that the broker's word is heard soon.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lease_that_is_revoked_serves_nobody_any_more() {
    let world = World::with_credentials_until("revoked", "2020-01-01T00:00:00Z").await;
    world.create_queue().await;
    let running = world.start();
    assert_eq!(call(&running, &agents()).await, 200);
    world.broker.store(REVOKED, Ordering::SeqCst);
    let mut looks = 0;
    while call(&running, &agents()).await != 401 {
        looks += 1;
        assert!(looks < LOOKS_MAX, "it still serves");
        sleep(LOOK_EVERY).await;
    }
    assert_eq!(call(&running, TOKEN).await, 401);
    running.end("-TERM");
}

/// And with it its task, which is seen.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_sidecar_that_finds_its_lease_taken_or_revoked_ends() {
    let world = World::new("taken").await;
    for (status, words) in [(TAKEN, "somebody else holds"), (REVOKED, "not good")] {
        world.broker.store(status, Ordering::SeqCst);
        let (code, said) = world.start().ended();
        assert_eq!(code, Some(2), "{said}");
        assert!(said.contains(words) && !said.contains(TOKEN), "{said}");
    }
    assert_eq!(world.last_key(), None);
}

/// The first answer is lost; whoever asks again is the same.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_sidecar_names_itself_the_same_each_time_and_no_two_alike() {
    let world = World::with_credentials_until("names", "2020-01-01T00:00:00Z").await;
    let names = |from: usize| world.holders.lock().expect("nobody panics here")[from..].to_vec();
    let mut heard = 0;
    let mut different = BTreeSet::new();
    for _ in 0..2 {
        world.broker.store(AWAY, Ordering::SeqCst);
        let running = world.start();
        for (status, times) in [(AWAY, 2), (GOOD, 1)] {
            world.broker.store(status, Ordering::SeqCst);
            let (asked, mut looks) = (names(0).len(), 0);
            while names(0).len() < asked + times {
                looks += 1;
                assert!(looks < LOOKS_MAX, "it does not ask again");
                sleep(LOOK_EVERY).await;
            }
        }
        running.end("-KILL");
        let told: BTreeSet<String> = names(heard).into_iter().collect();
        assert_eq!(told.len(), 1, "{told:?}");
        different.extend(told);
        heard = names(0).len();
    }
    assert_eq!(different.len(), 2);
    assert!(different.iter().all(|name| name.len() == 64 && !TOKEN.contains(name)));
}

/// The ledger had 18 tokens of today before this sidecar began, by the broker's word.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_limit_counts_what_was_used_before_the_sidecar_began() {
    let world = World::new("limits").await;
    world.create_queue().await;
    for (most, status) in [(1_000, 200), (18, 402)] {
        let limits = Limits { tokens_per_day: NonZeroU64::new(most), ..Limits::default() };
        *world.limits.lock().expect("nobody panics here") = limits;
        let running = world.start();
        assert_eq!(call(&running, &agents()).await, status, "of {most}");
        running.end("-KILL");
    }
}

/// These credentials are over as soon as they come, by this machine's clock.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lease_is_traded_again_and_its_limits_are_then_those_of_the_day() {
    let world = World::with_credentials_until("renewal", "2020-01-01T00:00:00Z").await;
    world.create_queue().await;
    let running = world.start();
    assert_eq!(call(&running, &agents()).await, 200);
    let limits = Limits { tokens_per_day: NonZeroU64::new(18), ..Limits::default() };
    *world.limits.lock().expect("nobody panics here") = limits;
    let mut looks = 0;
    let status = loop {
        let status = call(&running, &agents()).await;
        if status != 200 {
            break status;
        }
        looks += 1;
        assert!(looks < LOOKS_MAX, "the lease is as it was");
        sleep(LOOK_EVERY).await;
    };
    assert_eq!(status, 402);
    running.end("-KILL");
}
