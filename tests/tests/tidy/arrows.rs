//! Dependencies point one way: `events` ← `ports` ← everyone; only roots see an adapter.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

use serde_json::Value;

use crate::sources::{none, root};

/// Who may see whom within the workspace. Absent arrows are the architecture.
const ARROWS: [(&str, &[&str]); 18] = [
    ("events", &[]),
    ("ports", &["events"]),
    ("system", &["events", "ports"]),
    ("local", &["events", "ports", "system"]),
    // The fake and the replay are for its tests.
    ("aws", &["events", "fake-aws", "ports", "replay"]),
    ("fake-aws", &[]),
    ("replay", &[]),
    ("producers", &["events", "ports"]),
    // The observer and the sweeper learn facts too, and put them on the bus as producers do.
    ("consumers", &["events", "ports", "producers"]),
    ("sidecar", &["events", "ports"]),
    // A request for a sleeping workspace is a login or a wake: facts that producers know to record.
    ("router", &["events", "ports", "producers"]),
    ("agent", &["events", "ports"]),
    // What the sweeper would do with an orphan is the sweeper's to say.
    ("admin", &["consumers", "events", "ports", "producers"]),
    // The roots: they alone see the adapters.
    (
        "lambdas",
        &[
            "admin",
            "agent",
            "aws",
            "consumers",
            "events",
            // For its tests.
            "fake-aws",
            "ports",
            "producers",
            "router",
            "sidecar",
            "system",
        ],
    ),
    ("teamclaw-router", &["aws", "events", "ports", "producers", "router", "system"]),
    ("teamclaw-sidecar", &["aws", "events", "local", "ports", "sidecar", "system"]),
    (
        "teamclaw",
        &[
            "admin",
            "agent",
            "aws",
            "consumers",
            "events",
            "local",
            "ports",
            "producers",
            "router",
            "sidecar",
        ],
    ),
    (
        "tests",
        &[
            "agent",
            "consumers",
            "events",
            "local",
            "ports",
            "producers",
            "router",
            "sidecar",
            "system",
            "teamclaw",
        ],
    ),
];

/// What the pure crate must not bring in, at any depth: time, chance, waiting, the outside.
const IMPURE: [&str; 17] = [
    "async-trait",
    "chrono",
    "fastrand",
    "futures",
    "futures-core",
    "futures-util",
    "getrandom",
    "hyper",
    "mio",
    "rand",
    "rand_core",
    "rusqlite",
    "rustix",
    "socket2",
    "time",
    "tokio",
    "tracing",
];

#[test]
fn dependencies_point_one_way() {
    let seen = arrows(&metadata());
    none("an arrow that ARCHITECTURE.md does not have", &wrong(&seen));
    let upwards = BTreeMap::from([("events".to_owned(), BTreeSet::from(["ports".to_owned()]))]);
    assert_eq!(wrong(&upwards), ["events → ports"]);
    let adapter = BTreeMap::from([("consumers".to_owned(), BTreeSet::from(["local".to_owned()]))]);
    assert_eq!(wrong(&adapter), ["consumers → local"]);
}

#[test]
fn every_crate_is_in_the_table() {
    let seen: BTreeSet<String> = arrows(&metadata()).into_keys().collect();
    let known: BTreeSet<String> = ARROWS.iter().map(|(name, _)| (*name).to_owned()).collect();
    assert_eq!(seen, known);
}

/// Asked of cargo for this crate alone: in a build of everything, features of others add up.
#[test]
fn the_pure_crate_knows_no_time_chance_waiting_or_outside() {
    let tree = cargo(&["tree", "-p", "events", "-e", "normal", "--prefix", "none", "-f", "{p}"]);
    let crates: BTreeSet<&str> =
        tree.lines().filter_map(|line| line.split_whitespace().next()).collect();
    assert!(crates.contains("serde"), "not a dependency tree: {tree}");
    let impure: Vec<String> =
        IMPURE.iter().filter(|name| crates.contains(*name)).map(|n| (*n).to_owned()).collect();
    none("events depends on", &impure);
}

#[test]
fn every_crate_takes_the_lints_of_the_workspace() {
    for name in ARROWS.map(|(name, _)| name) {
        let file = root().join(folder(name)).join("Cargo.toml");
        let text = std::fs::read_to_string(&file).expect("a manifest");
        assert!(text.contains("\n[lints]\nworkspace = true\n"), "{name}");
    }
}

/// Versions and features stand in one place, so that a dependency is compiled once.
#[test]
fn every_dependency_comes_from_the_workspace() {
    let mut own = Vec::new();
    for name in ARROWS.map(|(name, _)| name) {
        let text = std::fs::read_to_string(root().join(folder(name)).join("Cargo.toml"))
            .expect("manifest");
        let mut within = false;
        for line in text.lines() {
            if line.starts_with('[') {
                within = line.ends_with("dependencies]");
            } else if within && line.contains('=') && !line.starts_with('#') {
                let shared = line.contains("workspace = true");
                own.extend((!shared).then(|| format!("{name}: {line}")));
            }
        }
    }
    none("a version or path of its own", &own);
}

/// Where a crate lies: in the room of its name, but for those that lie within another's.
fn folder(name: &str) -> &str {
    match name {
        "teamclaw-router" => "router/main",
        "teamclaw-sidecar" => "sidecar/main",
        "fake-aws" => "aws/fake",
        "replay" => "aws/replay",
        _ => name,
    }
}

fn wrong(seen: &BTreeMap<String, BTreeSet<String>>) -> Vec<String> {
    let may = |from: &str, to: &str| {
        let allowed = ARROWS.iter().find(|(name, _)| *name == from);
        allowed.is_some_and(|(_, targets)| targets.contains(&to))
    };
    let mut found = Vec::new();
    for (from, targets) in seen {
        for to in targets.iter().filter(|to| !may(from, to)) {
            found.push(format!("{from} → {to}"));
        }
    }
    found
}

/// Crate → the crates of the workspace that it names, for its tests and build included.
fn arrows(metadata: &Value) -> BTreeMap<String, BTreeSet<String>> {
    let text = |value: &Value| value.as_str().expect("a text").to_owned();
    let packages = metadata["packages"].as_array().expect("packages");
    let names: BTreeSet<String> = packages.iter().map(|package| text(&package["name"])).collect();
    let targets = |package: &Value| {
        let all = package["dependencies"].as_array().expect("dependencies").iter();
        let own = text(&package["name"]);
        all.map(|dependency| text(&dependency["name"]))
            .filter(|name| names.contains(name) && *name != own)
            .collect()
    };
    packages.iter().map(|package| (text(&package["name"]), targets(package))).collect()
}

fn metadata() -> Value {
    let text = cargo(&["metadata", "--format-version", "1", "--no-deps"]);
    serde_json::from_str(&text).expect("cargo writes JSON")
}

/// Runs cargo without the network; what it needs was fetched to compile this test.
fn cargo(arguments: &[&str]) -> String {
    let output = Command::new(env!("CARGO"))
        .current_dir(root())
        .args(arguments)
        .args(["--offline", "--locked"])
        .output()
        .expect("cargo runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("UTF-8")
}
