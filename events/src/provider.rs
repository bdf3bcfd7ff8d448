//! The name of a provider, and what a message or a timer is about. Each is parsed once, at the
//! edge.

use std::fmt;
use std::str::FromStr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::ids::WorkspaceId;

/// The longest id of a provider, as the usage event has it.
pub const PROVIDER_LENGTH_MAX: usize = 64;
/// What stands before a provider's id where a workspace's name might stand. No name holds a colon.
const POOL: &str = "pool:";

/// Names one provider, and with it the keys that the pool has for it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ProviderId(String);

/// A string that cannot be a provider's id. It is not shown: it may be a key in the wrong place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("a provider's id is 1 to 64 of a-z, 0-9, -, _ and ., and does not begin with a dot")]
pub struct BadProvider;

impl ProviderId {
    /// The checked text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for ProviderId {
    type Err = BadProvider;

    fn from_str(text: &str) -> Result<Self, BadProvider> {
        let inner = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b"-_.".contains(&b);
        let good = (1..=PROVIDER_LENGTH_MAX).contains(&text.len()) && text.bytes().all(inner);
        if good && !text.starts_with('.') { Ok(Self(text.to_owned())) } else { Err(BadProvider) }
    }
}

impl TryFrom<String> for ProviderId {
    type Error = BadProvider;

    fn try_from(text: String) -> Result<Self, BadProvider> {
        text.parse()
    }
}

impl From<ProviderId> for String {
    fn from(provider: ProviderId) -> Self {
        provider.0
    }
}

impl fmt::Display for ProviderId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl JsonSchema for ProviderId {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "ProviderId".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "type": "string",
            "pattern": "^[a-z0-9_-][a-z0-9._-]{0,63}$",
        })
    }
}

/// What a message or a timer is about: one list of facts, with rules of its own.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Subject {
    /// One person's workspace.
    Workspace(WorkspaceId),
    /// The keys of one provider, and their rotations.
    Pool(ProviderId),
}

impl From<WorkspaceId> for Subject {
    fn from(id: WorkspaceId) -> Self {
        Self::Workspace(id)
    }
}

impl From<&WorkspaceId> for Subject {
    fn from(id: &WorkspaceId) -> Self {
        Self::Workspace(id.clone())
    }
}

impl From<&ProviderId> for Subject {
    fn from(provider: &ProviderId) -> Self {
        Self::Pool(provider.clone())
    }
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Workspace(id) => write!(f, "{id}"),
            Self::Pool(provider) => write!(f, "{POOL}{provider}"),
        }
    }
}

impl FromStr for Subject {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.strip_prefix(POOL) {
            Some(provider) => provider.parse().map(Self::Pool).map_err(|bad| bad.to_string()),
            None => text.parse().map(Self::Workspace).map_err(|bad| bad.to_string()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_provider_is_what_a_path_may_hold_and_a_bad_one_is_not_shown() {
        for good in ["anthropic", "openai-codex", "a.b_c", "0", &"p".repeat(64)] {
            assert!(good.parse::<ProviderId>().is_ok(), "{good}");
        }
        for bad in ["", "Upper", "a/b", "..", "a b", "sk-SECRET", &"p".repeat(65)] {
            let error = bad.parse::<ProviderId>().expect_err("no id").to_string();
            assert!(!error.contains("SECRET"), "{error}");
        }
    }

    #[test]
    fn a_subject_is_read_as_it_was_written_and_no_person_is_taken_for_a_pool() {
        let pool = Subject::Pool("anthropic".parse().expect("an id"));
        let ann = Subject::Workspace("ann".parse().expect("a name"));
        for subject in [&pool, &ann] {
            assert_eq!(subject.to_string().parse().as_ref(), Ok(subject));
        }
        assert_eq!((pool.to_string(), ann.to_string()), ("pool:anthropic".into(), "ann".into()));
        assert!("pool:anthropic".parse::<WorkspaceId>().is_err());
    }
}
