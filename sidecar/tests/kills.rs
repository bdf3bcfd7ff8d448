//! A sidecar in a process of its own, killed (-9) again and again in the midst of requests, before
//! one provider and one ledger that live on. In the end each request that the provider billed is
//! counted once, and to the token whenever its client saw the end.
//!
//! `cargo test -p sidecar --test kills -- --kills 10000 --seed 1` kills it so many times.

mod support;

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, ExitCode, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use events::price::PriceTable;
use events::usage::{Completion, Tokens, UsageRecord};
use events::{Envelope, Event, EventId, Secret};
use http::Request;
use http_body_util::{BodyExt, Full};
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use jiff::Timestamp;
use ports::{Clock, Fault, Ids, UsageSink, async_trait};
use serde_json::json;
use sidecar::stand_in::{Billed, Script, StandIn};
use sidecar::{Config, Keep, Outside, Sidecar};
use support::outside::{Books, Pool, Tokens as Leases};
use support::rig::listener;

const KEY: &str = "sk-pool-one";
/// How many kills when nobody says.
const KILLS: u64 = 40;
/// How many clients ask at once.
const CLIENTS: u64 = 6;
/// The longest that one sidecar lives, in milliseconds.
const LIFE_MS_MAX: u64 = 120;

/// A line of a file for each record, so that the ledger outlives the sidecar as a database does.
struct Lines(Mutex<std::fs::File>);

#[async_trait]
impl UsageSink for Lines {
    async fn count(&self, batch: &[Envelope]) -> Result<(), Fault> {
        // Ends the line that a kill may have cut in the midst of an earlier batch.
        let mut lines = String::from("\n");
        for record in batch {
            lines += &serde_json::to_string(record).expect("JSON");
            lines.push('\n');
        }
        // The ledger takes its time, so that kills fall within.
        tokio::time::sleep(Duration::from_millis(5)).await;
        self.0.lock().expect("no panic").write_all(lines.as_bytes()).expect("written");
        Ok(())
    }
}

/// Identities that no two runs share: each has a number of its own.
struct Numbered(u64, AtomicU64);

impl Clock for Numbered {
    fn now(&self) -> Timestamp {
        Timestamp::from_second(1_800_000_000).expect("a time")
    }
}

impl Ids for Numbered {
    fn event_id(&self, at: Timestamp) -> EventId {
        let mut bytes = [0; 10];
        bytes[..4].copy_from_slice(&u32::try_from(self.0).expect("small").to_be_bytes());
        bytes[4..].copy_from_slice(&self.1.fetch_add(1, Ordering::Relaxed).to_be_bytes()[2..]);
        let ms = u64::try_from(at.as_millisecond()).expect("after 1970");
        EventId(uuid::Builder::from_unix_timestamp_millis(ms, &bytes).into_uuid())
    }

    fn token(&self) -> Secret {
        Secret::new("0")
    }

    fn below(&self, _: u64) -> u64 {
        0
    }
}

/// The process that is killed: serves until its input ends, and says where.
async fn serve(run: u64, provider: &str, place: &Path) {
    let leases = Arc::new(Leases::default());
    leases.give("ann");
    let mut options = std::fs::OpenOptions::new();
    let ledger = options.create(true).append(true).open(place.join("ledger")).expect("a file");
    let outside = Outside {
        leases,
        keys: Arc::new(Pool(Mutex::new(vec![Secret::new(KEY)]))),
        usage: Arc::new(Lines(Mutex::new(ledger))),
        totals: Arc::new(Books::default()),
        clock: Arc::new(Numbered(run, AtomicU64::new(0))),
        ids: Arc::new(Numbered(run, AtomicU64::new(0))),
        prices: Arc::new(PriceTable::built_in()),
        on_activity: Arc::new(|_, _| {}),
    };
    let upstreams =
        ["anthropic", "openai"].map(|id| (id.to_owned(), format!("http://{provider}"))).into();
    let keep = Keep::Directory(place.join("usage"));
    let config = Config { upstreams, keep, ..Config::default() };
    let sidecar = Sidecar::new(&config, outside).expect("a good configuration");
    let (listener, address) = listener().await;
    let mut out = std::io::stdout();
    writeln!(out, "{address}").expect("told");
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    std::thread::spawn(move || {
        let _ended = std::io::stdin().read_line(&mut String::new());
        drop(stop);
    });
    sidecar::serve(listener, sidecar, stopped).await;
}

/// One life of the sidecar. Its input ends when `stdin` is dropped.
struct Life {
    child: Child,
    stdin: ChildStdin,
    address: SocketAddr,
}

impl Life {
    fn begin(run: u64, provider: SocketAddr, place: &Path) -> Self {
        let program = std::env::current_exe().expect("this program");
        let mut child = Command::new(program)
            .args(["serve", &run.to_string(), &provider.to_string()])
            .arg(place)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("started");
        let mut line = String::new();
        let stdout = child.stdout.take().expect("piped");
        BufReader::new(stdout).read_line(&mut line).expect("said");
        let address = line.trim().parse().expect("an address");
        Self { stdin: child.stdin.take().expect("piped"), child, address }
    }
}

/// Asks once under a model's name of its own; whether the whole answer came.
async fn ask(address: SocketAddr, n: u64) -> bool {
    let path = ["anthropic/v1/messages", "openai/v1/chat/completions", "openai/v1/responses"];
    let path = path[usize::try_from(n % 3).expect("small")];
    let body = json!({"model": format!("m{n}"), "stream": !n.is_multiple_of(4), "max_tokens": 100,
        "messages": [{"role": "user", "content": "hello there"}], "input": "hello there"});
    let client: Client<_, Full<Bytes>> = Client::builder(TokioExecutor::new()).build_http();
    let request = Request::post(format!("http://{address}/{path}"))
        .header("x-api-key", "tc_ann")
        .header("anthropic-version", "2023-06-01")
        .header("content-type", "application/json")
        .body(Full::new(Bytes::from(body.to_string())))
        .expect("a request");
    let Ok(answer) = client.request(request).await else { return false };
    let good = answer.status().is_success();
    let Ok(body) = answer.into_body().collect().await else { return false };
    assert!(good, "{:?}", body.to_bytes());
    true
}

/// What was counted, by the model's name.
fn counted(place: &Path) -> BTreeMap<String, Vec<UsageRecord>> {
    let text = std::fs::read_to_string(place.join("ledger")).expect("a ledger");
    let mut by_id = BTreeMap::new();
    // The line that a kill cut is the ledger's own loss: it was not acknowledged.
    for envelope in text.lines().filter_map(|line| serde_json::from_str::<Envelope>(line).ok()) {
        by_id.entry(envelope.id).or_insert(envelope);
    }
    let mut by_model: BTreeMap<String, Vec<UsageRecord>> = BTreeMap::new();
    for envelope in by_id.into_values() {
        let Event::UsageRecorded(record) = envelope.event else { panic!("not usage") };
        by_model.entry(record.model.clone()).or_default().push(record);
    }
    by_model
}

/// Fails when anything is lost or doubled; else says what there was.
fn compare(seen: &[u64], billed: &BTreeMap<String, Billed>, place: &Path) -> String {
    let counted = counted(place);
    for (model, records) in &counted {
        assert_eq!(records.len(), 1, "{model} is counted more than once: {records:?}");
    }
    for (model, line) in billed.iter().filter(|(_, line)| line.answered > 0) {
        let record = &counted.get(model).unwrap_or_else(|| panic!("{model} is not counted"))[0];
        if record.completion == Completion::Complete {
            assert_eq!(record.tokens, line.tokens, "{model}");
        }
    }
    for n in seen {
        let record = &counted.get(&format!("m{n}")).unwrap_or_else(|| panic!("m{n} is lost"))[0];
        assert_eq!(record.completion, Completion::Complete, "the client of m{n} saw its end");
    }
    let records: Vec<&UsageRecord> = counted.values().flatten().collect();
    let of = |completion| records.iter().filter(|r| r.completion == completion).count();
    let answered: u64 = billed.values().map(|line| line.answered).sum();
    let tokens = |sum: Tokens, record: &&UsageRecord| sum + record.tokens;
    let output = records.iter().fold(Tokens::default(), tokens).output;
    assert!(of(Completion::Aborted) > 0, "no kill fell within a request: the test tests nothing");
    format!(
        "{} counted ({} complete, {} aborted, {output} tokens out), {answered} billed, {} seen to \
         the end, 0 lost, 0 doubled",
        records.len(),
        of(Completion::Complete),
        of(Completion::Aborted),
        seen.len(),
    )
}

/// A small generator (xorshift64), so that a seed tells when kills fall.
fn next(state: &mut u64) -> u64 {
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    *state
}

async fn storm(kills: u64, seed: u64) {
    let place = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("kills-{seed}"));
    // Left over from another run.
    let _absent = std::fs::remove_dir_all(&place);
    std::fs::create_dir_all(&place).expect("a directory");
    let stand_in = StandIn::new([Secret::new(KEY)]);
    stand_in.script(Script { event_delay_ms: 2, ..Script::default() });
    let (listener, provider) = listener().await;
    tokio::spawn(Arc::clone(&stand_in).serve(listener, std::future::pending::<()>()));
    let numbers = Arc::new(AtomicU64::new(0));
    let (mut seen, mut dice) = (Vec::new(), seed.max(1));
    for run in 0..=kills {
        let mut life = Life::begin(run, provider, &place);
        let mut clients = tokio::task::JoinSet::new();
        for _ in 0..CLIENTS {
            let (numbers, address) = (Arc::clone(&numbers), life.address);
            clients.spawn(async move {
                let mut seen = Vec::new();
                loop {
                    let n = numbers.fetch_add(1, Ordering::Relaxed);
                    if !ask(address, n).await {
                        return seen;
                    }
                    seen.push(n);
                }
            });
        }
        tokio::time::sleep(Duration::from_millis(next(&mut dice) % LIFE_MS_MAX)).await;
        if run < kills {
            life.child.kill().expect("killed");
        } else {
            // The last one ends in good order: what is left is handed over before.
            drop(life.stdin);
        }
        seen.extend(clients.join_all().await.into_iter().flatten());
        let ended = tokio::task::spawn_blocking(move || life.child.wait()).await.expect("no panic");
        assert_eq!(ended.expect("ended").success(), run == kills);
    }
    let ledger = stand_in.ledger();
    let billed = ledger.keys.values().next().cloned().unwrap_or_default();
    let found = compare(&seen, &billed, &place);
    let mut out = std::io::stdout();
    writeln!(out, "{kills} kills (seed {seed}): {found}").expect("told");
    // Evidence stays when something above failed.
    let _left = std::fs::remove_dir_all(&place);
}

#[tokio::main]
async fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let [verb, run, provider, place] = arguments.as_slice()
        && verb == "serve"
    {
        serve(run.parse().expect("a number"), provider, Path::new(place)).await;
        return ExitCode::SUCCESS;
    }
    let told = |name: &str| {
        let place = arguments.iter().position(|argument| argument == name)?;
        arguments.get(place + 1)?.parse::<u64>().ok()
    };
    let kills = told("--kills").unwrap_or(KILLS);
    let seed = told("--seed").unwrap_or_else(|| u64::from(std::process::id()));
    storm(kills, seed).await;
    ExitCode::SUCCESS
}
