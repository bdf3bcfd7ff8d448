//! What `functions.json` allows, held against what was needed.

use std::collections::BTreeSet;

use serde_json::Value;

use super::calls::Calls;
use super::needs::Need;

/// Functions, what they may do, and to what.
pub(crate) struct Allowed(BTreeSet<(String, Need)>);

impl Allowed {
    /// What the named functions may do where a router leads to agents.
    pub(crate) fn to(names: &[&str]) -> Self {
        let text = include_str!("../../functions.json");
        let all: Value = serde_json::from_str(text).expect("functions.json is JSON");
        let mut allowed = BTreeSet::new();
        for function in list(&all["functions"]) {
            let name = function["name"].as_str().expect("a name");
            let allows = list(&function["allows"]).iter().filter(|_| names.contains(&name));
            for allow in allows.filter(|allow| allow["when"] != "alb") {
                let on = allow["on"].as_str().expect("on what");
                for action in list(&allow["actions"]) {
                    let action = action.as_str().expect("an action").to_owned();
                    allowed.insert((name.to_owned(), (action, on.to_owned())));
                }
            }
        }
        Self(allowed)
    }

    /// Lines of `listed` that no function may do.
    pub(crate) fn unknown<'a>(&self, listed: &[&'a str]) -> Vec<&'a str> {
        let known: BTreeSet<String> =
            self.0.iter().map(|(name, (action, on))| line(name, action, on)).collect();
        listed.iter().copied().filter(|it| !known.contains(*it)).collect()
    }

    /// What was needed and is not allowed, a line each; what is allowed and was not needed.
    pub(crate) fn held_against(mut self, calls: &Calls) -> (Vec<String>, Vec<String>) {
        let calls = calls.lock().expect("unpoisoned");
        let all = self.0.clone();
        let mut missing = Vec::new();
        for (name, (action, on)) in &*calls {
            let by = all.iter().filter(|(who, (what, whole))| {
                who == name && what == action && (whole == on || is_index_of(on, whole))
            });
            let by: Vec<_> = by.collect();
            if by.is_empty() {
                missing.push(line(name, action, on));
            }
            for used in by {
                self.0.remove(used);
            }
        }
        let unused = self.0.iter().map(|(name, (action, on))| line(name, action, on)).collect();
        (missing, unused)
    }
}

/// `index/journal` stands for each of its indexes.
fn is_index_of(on: &str, whole: &str) -> bool {
    whole.starts_with("index/") && on.strip_prefix(whole).is_some_and(|rest| rest.starts_with('/'))
}

fn line(name: &str, action: &str, on: &str) -> String {
    format!("{name} {action} {on}")
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}
