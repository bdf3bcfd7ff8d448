//! What holds a secret cannot be shown: no `Debug`, no `Display`, no `Serialize`, so that no log
//! line, error or metric can hold one by accident.

use std::collections::BTreeSet;

use crate::sources::{Source, all, example, none};

/// Does not compile when the type has the trait: `item` is then found twice.
macro_rules! lacks {
    ($type:ty: $($trait:path),+) => {$(
        const _: fn() = || {
            trait FoundTwice<A> {
                fn item() {}
            }
            struct HasTheTrait;
            impl<T: ?Sized> FoundTwice<()> for T {}
            impl<T: ?Sized + $trait> FoundTwice<HasTheTrait> for T {}
            let _ = <$type as FoundTwice<_>>::item;
        };
    )+};
}

lacks!(events::Secret: std::fmt::Debug, std::fmt::Display, serde::Serialize);
lacks!(ports::PoolKey: std::fmt::Debug, std::fmt::Display, serde::Serialize);
lacks!(ports::TaskSpec: std::fmt::Debug, std::fmt::Display, serde::Serialize);
lacks!(ports::Reach: std::fmt::Debug, std::fmt::Display, serde::Serialize);
lacks!(ports::Session: std::fmt::Debug, std::fmt::Display, serde::Serialize);

/// The traits that show.
const SHOWING: [&str; 3] = ["Debug", "Display", "Serialize"];

/// Deriving does not compile where a field is a secret; writing the trait by hand does.
#[test]
fn nothing_that_holds_a_secret_is_shown_by_hand() {
    none("shows what holds a secret", &shown(&all()));
    let bad = "struct Door {\n    key: Secret,\n}\nimpl fmt::Debug for Door {\n";
    assert_eq!(shown(&[example("a.rs", bad)]), ["a.rs: impl fmt::Debug for Door {"]);
    let good = "struct Door {\n    number: u8,\n}\nimpl fmt::Debug for Door {\n";
    assert_eq!(shown(&[example("a.rs", good)]).len(), 0);
}

fn shown(sources: &[Source]) -> Vec<String> {
    let mut found = Vec::new();
    for source in sources.iter().filter(|source| source.is_rust()) {
        let holders = holders(&source.text);
        for line in source.text.lines().filter(|line| line.starts_with("impl")) {
            let Some((before, after)) = line.split_once(" for ") else { continue };
            let name = after.split(|c: char| !c.is_alphanumeric()).next().unwrap_or_default();
            let shows = SHOWING.iter().any(|showing| before.ends_with(showing));
            if shows && (holders.contains(name) || name == "Secret") {
                found.push(format!("{}: {line}", source.path));
            }
        }
    }
    found
}

/// The structs and enums of a file with a secret in a field.
fn holders(text: &str) -> BTreeSet<&str> {
    let mut holders = BTreeSet::new();
    let mut current = None;
    for line in text.lines() {
        let item = line.trim_start_matches("pub ").trim_start_matches("pub(crate) ");
        if let Some(rest) = item.strip_prefix("struct ").or_else(|| item.strip_prefix("enum ")) {
            current = rest.split(|c: char| !c.is_alphanumeric()).next();
        }
        let secret = line.split(|c: char| !c.is_alphanumeric()).any(|word| word == "Secret");
        if let (Some(name), true) = (current, secret) {
            holders.insert(name);
        }
        if line.starts_with('}') || line.ends_with(");") {
            current = None;
        }
    }
    holders
}
