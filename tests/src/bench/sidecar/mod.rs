//! What our sidecar costs between a client and a provider, beside nothing in between and beside
//! nginx, haproxy and envoy: in turns within each round, so that an hour's weather is everybody's.
//!
//! A subject has one core, provider and clients have the other. Ours checks a token, chooses a key,
//! reads the usage and writes it to a journal on disk meanwhile; the others only put a key in, and one of
//! them is the least that a proxy over its HTTP library can be.

mod bare;
mod configs;
mod load;
mod provider;
mod subjects;
mod wire;

use std::path::Path;
use std::process::Command;

use load::{Kind, Load, first_bytes};
use subjects::{Before, Name, Subject};

use super::args::SidecarArgs;
use super::report::{Report, ms, number};
use super::samples::{Samples, middle};
use super::scratch::Scratch;
use super::{Failure, progress, shipped};

pub(super) use bare::serve as serve_bare;

/// The core of provider and clients.
const OUR_CORE: &str = "1";
/// Streams at once when memory is looked at.
const STREAMS: usize = 512;

/// Clients ask as soon as they have an answer, before a provider without TLS.
const fn load(name: &'static str, kind: Kind, clients: usize) -> Load {
    Load { name, kind, clients, rate: None, secure: false }
}

/// What is put on the subjects. The rates are a third of what one core of the slowest takes.
const LOADS: [Load; 13] = [
    load("2 KB, 1 client", Kind::Json(2_000), 1),
    load("2 KB, 32 clients", Kind::Json(2_000), 32),
    load("2 KB, 256 clients", Kind::Json(2_000), 256),
    Load { rate: Some(2_000), ..load("2 KB, 2,000/s", Kind::Json(2_000), 32) },
    Load { secure: true, ..load("2 KB, 32 clients, TLS", Kind::Json(2_000), 32) },
    load("200 KB, 1 client", Kind::Json(200_000), 1),
    load("200 KB, 32 clients", Kind::Json(200_000), 32),
    load("200 KB, 256 clients", Kind::Json(200_000), 256),
    load("stream, 1 client", Kind::Stream, 1),
    load("stream, 32 clients", Kind::Stream, 32),
    load("stream, 256 clients", Kind::Stream, 256),
    Load { rate: Some(300), ..load("stream, 300/s", Kind::Stream, 32) },
    Load { secure: true, ..load("stream, 32 clients, TLS", Kind::Stream, 32) },
];
/// Those by which the goals are judged.
const ALONE: &str = "2 KB, 1 client";
const SMALL: &str = "2 KB, 32 clients";
const LARGE: &str = "200 KB, 32 clients";
const STREAMED: &str = "stream, 32 clients";

/// One subject's rounds under one load.
struct Row {
    name: Name,
    load: &'static str,
    rounds: Vec<Samples>,
    /// CPU seconds for ten thousand requests, of each round.
    cpu: Vec<f64>,
}

/// Measures everything, with the provider and the clients on the caller's thread.
///
/// # Errors
/// A peer that is not there, with what to type; a subject that does not answer.
pub(super) async fn measure(args: &SidecarArgs, report: &mut Report) -> Result<(), Failure> {
    let program = shipped().await?;
    pin()?;
    let provider = provider::start().await?;
    let scratch = Scratch::new(&args.data)?;
    let names: Vec<Name> = Name::ALL.into_iter().filter(|name| args.wants(name.text())).collect();
    let mut rows = Vec::new();
    let plain = Before { address: provider.plain, secure: false };
    let secure = Before { address: provider.secure, secure: true };
    for load in LOADS.into_iter().filter(|load| args.loads(load.name)) {
        let before = if load.secure { secure } else { plain };
        let of_load =
            one_load(args, load, &names, |name| start(name, before, scratch.path(), &program));
        rows.extend(of_load.await?);
    }
    speeds(&rows, report);
    if args.load.is_some() {
        return Ok(());
    }
    waits(args, &names, report, |name| start(name, plain, scratch.path(), &program)).await?;
    Ok(())
}

fn start(name: Name, provider: Before, scratch: &Path, program: &Path) -> Result<Subject, Failure> {
    Subject::start(name, provider, &scratch.join(name.text()), program)
}

/// Every subject in turn, round by round.
async fn one_load(
    args: &SidecarArgs,
    load: Load,
    names: &[Name],
    start: impl Fn(Name) -> Result<Subject, Failure>,
) -> Result<Vec<Row>, Failure> {
    let row =
        |name: &Name| Row { name: *name, load: load.name, rounds: Vec::new(), cpu: Vec::new() };
    // Our clients speak no TLS themselves.
    let names = names.iter().filter(|name| !load.secure || name.speaks_tls());
    let mut rows: Vec<Row> = names.map(row).collect();
    for round in 1..=args.rounds() {
        progress(&format!("{}, round {round}", load.name));
        for row in &mut rows {
            let subject = start(row.name)?;
            // The first requests open connections and warm caches.
            load::put(&subject, load, args.warm_up()).await?;
            let before = subject.cpu()?;
            let samples = load::put(&subject, load, args.round()).await?;
            let spent = subject.cpu()? - before;
            row.cpu.push(spent.as_secs_f64() / samples.count() as f64 * 1e4);
            row.rounds.push(samples);
        }
    }
    Ok(rows)
}

/// The tables and goals of what was asked in loops.
fn speeds(rows: &[Row], report: &mut Report) {
    let mut lines = Vec::new();
    for row in rows {
        let middle = row.middle();
        let us = |percent| number(ms(middle.percentile(percent)) * 1e3);
        lines.push(vec![
            row.load.to_owned(),
            row.name.text().to_owned(),
            number(middle.rate()),
            us(50),
            us(99),
            format!("{:.2}", median(&row.cpu)),
        ]);
    }
    let head = ["load", "between", "requests/s", "p50 us", "p99 us", "CPU s per 10,000"];
    report.table("Between a client and a provider", &head, lines);
    let find = |name, load: &str| rows.iter().find(|row| row.name == name && row.load == load);
    let added = |name, percent: usize| {
        let all = find(name, ALONE)?.middle().percentile(percent);
        Some(ms(all) - ms(find(Name::Direct, ALONE)?.middle().percentile(percent)))
    };
    let mut judge = |what: &str, ours: Option<f64>, theirs: Option<f64>, most: f64| {
        if let (Some(ours), Some(theirs)) = (ours, theirs) {
            report.at_most(what, ours / theirs, most, "times");
        }
    };
    judge("added p50 beside nginx's", added(Name::Sidecar, 50), added(Name::Nginx, 50), 0.9);
    judge("added p99 beside nginx's", added(Name::Sidecar, 99), added(Name::Nginx, 99), 1.1);
    let cpu = |name, load| find(name, load).map(|row| median(&row.cpu));
    for (what, load, peer, most) in [
        ("CPU at 2 KB beside nginx's", SMALL, Name::Nginx, 0.95),
        ("CPU at 200 KB beside envoy's", LARGE, Name::Envoy, 0.75),
        ("CPU of streams beside nginx's", STREAMED, Name::Nginx, 0.95),
    ] {
        judge(what, cpu(Name::Sidecar, load), cpu(peer, load), most);
    }
}

/// Starts, first bytes of slow streams, and memory.
async fn waits(
    args: &SidecarArgs,
    names: &[Name],
    report: &mut Report,
    start: impl Fn(Name) -> Result<Subject, Failure>,
) -> Result<(), Failure> {
    let (mut lines, mut firsts) = (Vec::new(), Vec::new());
    for name in names {
        progress(&format!("slow streams: {}", name.text()));
        let (mut rounds, mut started, mut idle, mut busy) = (Vec::new(), Vec::new(), 0.0, 0.0);
        for _ in 0..args.rounds() {
            let subject = start(*name)?;
            started.push(ms(subject.started));
            idle = megabytes(&subject)?;
            first_bytes(&subject, 1).await?;
            rounds.push(first_bytes(&subject, 64).await?);
            let (watched, streams) =
                tokio::join!(watch(&subject), first_bytes(&subject, args.sized(STREAMS, 8)));
            streams?;
            busy = watched?;
        }
        let first = ms(middle(rounds).percentile(50));
        firsts.push((*name, first));
        let rest = [first, median(&started), idle, busy].map(|value| format!("{value:.2}"));
        lines.push([vec![name.text().to_owned()], rest.to_vec()].concat());
        if *name == Name::Sidecar {
            report.at_most("first connection after exec", median(&started), 50.0, "ms");
            report.at_most("memory at rest", idle, 12.0, "MiB");
            report.at_most("memory with 512 streams", busy, 64.0, "MiB");
        }
    }
    let head =
        ["between", "first byte of 64 streams, p50 ms", "start ms", "idle MiB", "512 streams MiB"];
    report.table("Slow streams", &head, lines);
    let of = |wanted| firsts.iter().find(|(name, _)| *name == wanted).map(|(_, first)| *first);
    if let (Some(ours), Some(theirs)) = (of(Name::Sidecar), of(Name::Nginx)) {
        report.at_most("first byte of a slow stream beside nginx's", ours / theirs, 1.0, "times");
    }
    Ok(())
}

/// The memory of a subject while all streams run.
async fn watch(subject: &Subject) -> Result<f64, Failure> {
    tokio::time::sleep(provider::SLOW_FIRST * 8).await;
    megabytes(subject)
}

fn megabytes(subject: &Subject) -> Result<f64, Failure> {
    Ok(subject.memory()?.map_or(0.0, |memory| memory.rss as f64 / f64::from(1 << 20)))
}

impl Row {
    /// The round with the middle rate.
    fn middle(&self) -> &Samples {
        let mut order: Vec<&Samples> = self.rounds.iter().collect();
        order.sort_by(|a, b| a.rate().total_cmp(&b.rate()));
        order[order.len() / 2]
    }
}

fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted.get(sorted.len() / 2).copied().unwrap_or_default()
}

/// Keeps every thread of ours off the subjects' core.
fn pin() -> Result<(), Failure> {
    let own = std::process::id().to_string();
    let pinned = Command::new("taskset").args(["-acp", OUR_CORE, &own]).output();
    match pinned {
        Ok(output) if output.status.success() => Ok(()),
        _ => Err("taskset (util-linux) cannot bind us to core 1; two cores are needed".into()),
    }
}
