//! What the stand-in would bill: by key and model.

use std::collections::BTreeMap;

use events::KeyPrint;
use events::usage::Tokens;
use serde::{Deserialize, Serialize};

/// Everything that was answered.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ledger {
    /// Key fingerprint → model → what was billed.
    pub keys: BTreeMap<KeyPrint, BTreeMap<String, Billed>>,
    /// Requests with a key that it does not know.
    pub strangers: u64,
    /// Requests for an answer that is billed, whatever became of them.
    #[serde(default)]
    pub begun: u64,
}

/// One line of the ledger.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Billed {
    /// Answers that were told to their end.
    pub answered: u64,
    /// Requests that were refused by the script.
    pub refused: u64,
    /// What the answers used.
    pub tokens: Tokens,
}

impl Ledger {
    /// Everything added up.
    pub fn total(&self) -> Billed {
        let mut sum = Billed::default();
        for billed in self.keys.values().flat_map(BTreeMap::values) {
            sum.answered += billed.answered;
            sum.refused += billed.refused;
            sum.tokens = sum.tokens + billed.tokens;
        }
        sum
    }

    pub(super) fn answered(&mut self, key: &KeyPrint, model: &str, tokens: Tokens) {
        let line = self.line(key, model);
        line.answered += 1;
        line.tokens = line.tokens + tokens;
    }

    pub(super) fn refused(&mut self, key: &KeyPrint, model: &str) {
        self.line(key, model).refused += 1;
    }

    fn line(&mut self, key: &KeyPrint, model: &str) -> &mut Billed {
        self.keys.entry(key.clone()).or_default().entry(model.to_owned()).or_default()
    }
}
