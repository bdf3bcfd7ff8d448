//! What the papers at the root name is there.

use crate::sources::{Source, all, example, none, root};

/// The papers whose paths are held to.
const PAPERS: [&str; 3] = ["ARCHITECTURE.md", "CONTRIBUTING.md", "README.md"];

#[test]
fn every_path_that_the_papers_name_is_there() {
    let sources = all();
    let papers: Vec<&Source> =
        sources.iter().filter(|source| PAPERS.contains(&source.path.as_str())).collect();
    none("named, but not there", &papers.into_iter().flat_map(missing).collect::<Vec<_>>());
    let paper = example("ARCHITECTURE.md", "see `events/src/lib.rs` and `events/src/gone.rs`");
    assert_eq!(missing(&paper), ["ARCHITECTURE.md: events/src/gone.rs"]);
}

fn missing(paper: &Source) -> Vec<String> {
    let quoted = paper.text.split('`').skip(1).step_by(2);
    let crates = ["events/", "ports/", "local/", "producers/", "consumers/", "sidecar/", "router/"];
    let others = ["agent/", "teamclaw/", "tests/", "scripts/", ".ci/"];
    quoted
        .filter(|text| crates.iter().chain(&others).any(|folder| text.starts_with(folder)))
        .filter(|path| !path.contains([' ', '{', '*', '\n']) && !root().join(path).exists())
        .map(|path| format!("{}: {path}", paper.path))
        .collect()
}

#[test]
fn the_map_has_every_crate() {
    let text = std::fs::read_to_string(root().join("ARCHITECTURE.md")).expect("ARCHITECTURE.md");
    let manifest = std::fs::read_to_string(root().join("Cargo.toml")).expect("Cargo.toml");
    let members = manifest.split("members = [").nth(1).and_then(|rest| rest.split(']').next());
    let members: Vec<&str> = members.expect("members").split('"').skip(1).step_by(2).collect();
    assert!(members.len() > 5, "{members:?}");
    for member in members {
        assert!(text.contains(&format!("| `{member}/` |")), "{member} is not in the code map");
    }
}

/// Rust brings a fast linker along (rust-lld, since 1.90): another one that a configuration asks
/// for would be one more thing that a fresh machine lacks.
#[test]
fn a_fresh_machine_builds_with_the_linker_that_rust_brings_along() {
    let config = root().join(".cargo/config.toml");
    let text = std::fs::read_to_string(config).unwrap_or_default();
    assert!(!text.contains("linker") && !text.contains("link-arg"), "{text}");
}
