//! What one request to a provider used: disjoint buckets of tokens, so that each is priced once.

use std::ops::Add;

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::ids::{Gen, KeyPrint, TeamId};
use crate::price::Cost;
use crate::text::TimeText;

/// Tokens in buckets that do not overlap. Providers differ in what their sums include; the
/// sidecar's readers undo that, so that here `uncached_input + cache_read + cache_write_* ` is the
/// whole input and `output` is the whole output, reasoning included.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "camelCase", default)]
pub struct Tokens {
    /// Input that no cache served or stored.
    pub uncached_input: u64,
    /// Input that a prompt cache served.
    pub cache_read: u64,
    /// Input written to a cache that lives five minutes.
    pub cache_write5m: u64,
    /// Input written to a cache that lives an hour.
    pub cache_write1h: u64,
    /// Output, reasoning included.
    pub output: u64,
    /// How much of the output was reasoning; already counted in `output`.
    pub reasoning: u64,
}

impl Tokens {
    /// The whole input.
    pub fn input(&self) -> u64 {
        self.uncached_input
            .saturating_add(self.cache_read)
            .saturating_add(self.cache_write5m)
            .saturating_add(self.cache_write1h)
    }
}

impl Add for Tokens {
    type Output = Self;

    /// Bucket by bucket.
    fn add(self, other: Self) -> Self {
        Self {
            uncached_input: self.uncached_input.saturating_add(other.uncached_input),
            cache_read: self.cache_read.saturating_add(other.cache_read),
            cache_write5m: self.cache_write5m.saturating_add(other.cache_write5m),
            cache_write1h: self.cache_write1h.saturating_add(other.cache_write1h),
            output: self.output.saturating_add(other.output),
            reasoning: self.reasoning.saturating_add(other.reasoning),
        }
    }
}

/// How the request ended.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Completion {
    /// The provider's last word on usage was seen.
    Complete,
    /// The stream ended before it; the buckets hold what was seen.
    Aborted,
    /// The provider answered with an error; nothing was used as far as it says.
    Failed,
}

impl Completion {
    /// Its word in JSON, for who writes many.
    pub fn word(self) -> &'static str {
        match self {
            Self::Complete => "complete",
            Self::Aborted => "aborted",
            Self::Failed => "failed",
        }
    }
}

/// One request to a provider. Its envelope's id is what it is counted once by.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct UsageRecord {
    /// While which generation.
    pub generation: Gen,
    /// The team whose budget it is, at the time of the request.
    pub team: TeamId,
    /// The provider's id: `anthropic`.
    #[schemars(length(min = 1, max = 64))]
    pub provider: String,
    /// The model as the provider named it in its answer, else as it was asked for.
    #[schemars(length(max = 200))]
    pub model: String,
    /// The pooled key that was used, by its fingerprint.
    pub key: KeyPrint,
    /// When the request came.
    #[schemars(with = "TimeText")]
    pub started: Timestamp,
    /// How long until the end of the answer, in milliseconds.
    pub duration_ms: u64,
    /// The HTTP status of the answer.
    pub status: u16,
    /// How it ended.
    pub completion: Completion,
    /// The buckets.
    pub tokens: Tokens,
    /// Whether any of them is an estimate from the size of the texts, because the provider did not
    /// get to tell it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub estimated: bool,
    /// What it cost, or why nobody can say.
    pub cost: Cost,
    /// The provider's own usage object as it was, for audits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<serde_json::Map<String, serde_json::Value>>")]
    pub raw: Option<serde_json::Value>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_are_added_bucket_by_bucket_and_never_wrap() {
        let some = Tokens {
            uncached_input: 1,
            cache_read: 2,
            cache_write5m: 3,
            cache_write1h: 4,
            output: 5,
            reasoning: 6,
        };
        let twice = some + some;
        assert_eq!(twice.input(), 20);
        assert_eq!((twice.output, twice.reasoning), (10, 12));
        let most = Tokens { output: u64::MAX, ..some };
        assert_eq!((most + some).output, u64::MAX);
    }
}
