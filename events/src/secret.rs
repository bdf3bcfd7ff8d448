//! Text that must not be seen: provider keys, tokens, passes.
//!
//! There is no `Debug`, `Display` or `Serialize`, so that no log line, error or metric can hold
//! one by accident; the memory is wiped when it is dropped.

use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

/// A secret string.
#[derive(Clone)]
pub struct Secret(Zeroizing<String>);

impl Secret {
    /// Takes the text in.
    pub fn new(text: impl Into<String>) -> Self {
        Self(Zeroizing::new(text.into()))
    }

    /// The text itself, for the one place that must send it. Never for a log.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// Compares without telling by its duration where the difference is.
    pub fn matches(&self, other: &str) -> bool {
        self.0.as_bytes().ct_eq(other.as_bytes()).into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_matches_itself_alone() {
        let secret = Secret::new("tc_1");
        assert!(secret.matches("tc_1"));
        for other in ["", "tc_", "tc_2", "tc_11", "TC_1"] {
            assert!(!secret.matches(other), "{other}");
        }
    }
}
