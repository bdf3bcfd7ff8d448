//! Which models: `anthropic/*`, `*/gpt-5*`, `openai/gpt-4.1`.
//!
//! A pattern names what the client asks for. Providers know one model by several names (dated ones,
//! aliases, `models/...`), so a list of what is allowed is a wall, and a list of what is denied
//! holds as far as its patterns reach: `google/*gemini-3-pro*` reaches further than
//! `google/gemini-3-pro`. What the provider says that it answered with is in the ledger.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use thiserror::Error;

/// The longest pattern in bytes: a provider's id, a slash, and the longest model that is recorded.
const LENGTH_MAX: usize = 240;

/// A text that is no pattern.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error(
    "\"{0}\" is not a pattern of models: write provider/model in at most {LENGTH_MAX} printable \
     characters, with * for any part, such as anthropic/* or */gpt-5*"
)]
pub struct BadPattern(String);

/// `provider/model`, in which `*` stands for any characters, slashes included. Great and small
/// letters are the same.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ModelPattern(String);

impl ModelPattern {
    /// Whether it names this model of this provider.
    pub fn matches(&self, provider: &str, model: &str) -> bool {
        let name = format!("{provider}/{model}").to_ascii_lowercase();
        matches(self.0.to_ascii_lowercase().as_bytes(), name.as_bytes())
    }
}

/// Takes as little as possible for each star and comes back to the last one: what an earlier star
/// took never has to be taken back, so the time is bounded by the product of both lengths.
fn matches(pattern: &[u8], name: &[u8]) -> bool {
    let (mut p, mut n) = (0, 0);
    let mut star = None;
    while n < name.len() {
        match pattern.get(p) {
            Some(b'*') => {
                star = Some((p, n));
                p += 1;
            }
            Some(byte) if *byte == name[n] => (p, n) = (p + 1, n + 1),
            _ => {
                let Some((at, taken)) = star else { return false };
                star = Some((at, taken + 1));
                (p, n) = (at + 1, taken + 1);
            }
        }
    }
    pattern[p..].iter().all(|byte| *byte == b'*')
}

impl FromStr for ModelPattern {
    type Err = BadPattern;

    fn from_str(text: &str) -> Result<Self, BadPattern> {
        let parts = text.split_once('/');
        let whole =
            parts.is_some_and(|(provider, model)| !provider.is_empty() && !model.is_empty());
        let good = whole && text.len() <= LENGTH_MAX && text.bytes().all(|b| b.is_ascii_graphic());
        // The offending text is shown cut, so that a megabyte of it does not end up in a log.
        let shown = || text.chars().take(60).filter(|c| !c.is_control()).collect();
        if good { Ok(Self(text.to_owned())) } else { Err(BadPattern(shown())) }
    }
}

impl TryFrom<String> for ModelPattern {
    type Error = BadPattern;

    fn try_from(text: String) -> Result<Self, BadPattern> {
        text.parse()
    }
}

impl From<ModelPattern> for String {
    fn from(pattern: ModelPattern) -> Self {
        pattern.0
    }
}

impl fmt::Display for ModelPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
