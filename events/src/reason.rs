//! Why something did not work, in words that a person understands, sorted so that many can be
//! found and replayed together.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The longest text kept of a reason; an agent's log line can be of any length.
pub const WORDS_LENGTH_MAX: usize = 600;

/// A reason as it is recorded, shown and searched by.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Reason {
    /// What sort of reason.
    pub class: ReasonClass,
    /// What happened, in plain words.
    #[schemars(length(max = 600))]
    pub words: String,
    /// What to do about it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 600))]
    pub hint: Option<String>,
    /// The request id that the service asked gave us, for its support.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 600))]
    pub request: Option<String>,
}

impl Reason {
    /// A reason without a hint; over-long words are cut.
    pub fn new(class: ReasonClass, words: impl AsRef<str>) -> Self {
        Self { class, words: cut(words.as_ref()), hint: None, request: None }
    }

    /// Adds what to do about it.
    #[must_use]
    pub fn with_hint(mut self, hint: impl AsRef<str>) -> Self {
        self.hint = Some(cut(hint.as_ref()));
        self
    }
}

fn cut(text: &str) -> String {
    text.chars().filter(|c| !c.is_control() || *c == '\n').take(WORDS_LENGTH_MAX).collect()
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.words)
    }
}

/// Sorts reasons; `replay --failed --reason` takes these names.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum ReasonClass {
    /// A service did not answer for too long.
    Unavailable,
    /// There was no room: ports, capacity, quota.
    Capacity,
    /// A name or an address that we need belongs to someone else.
    Taken,
    /// The agent program is missing or cannot be run.
    MissingProgram,
    /// The agent does not accept its configuration.
    BadConfig,
    /// The agent ended by itself.
    AgentExited,
    /// The agent did not become ready in time.
    NotReadyInTime,
    /// A step did not reach its goal in time.
    DeadlinePassed,
    /// A bug of ours, or a broken record.
    Internal,
    /// A provider does not take a key.
    KeyRefused,
}

impl ReasonClass {
    /// Every class, for `--help` and the tests.
    pub const ALL: [Self; 10] = [
        Self::Unavailable,
        Self::Capacity,
        Self::Taken,
        Self::MissingProgram,
        Self::BadConfig,
        Self::AgentExited,
        Self::NotReadyInTime,
        Self::DeadlinePassed,
        Self::Internal,
        Self::KeyRefused,
    ];

    /// The name on the wire and on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Unavailable => "unavailable",
            Self::Capacity => "capacity",
            Self::Taken => "taken",
            Self::MissingProgram => "missing_program",
            Self::BadConfig => "bad_config",
            Self::AgentExited => "agent_exited",
            Self::NotReadyInTime => "not_ready_in_time",
            Self::DeadlinePassed => "deadline_passed",
            Self::Internal => "internal",
            Self::KeyRefused => "key_refused",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_is_shown_by_its_words_without_what_a_terminal_would_obey() {
        let reason =
            Reason::new(ReasonClass::Internal, "one\u{1b}[31m\ntwo\0").with_hint("\u{7}three");
        assert_eq!(reason.to_string(), "one[31m\ntwo");
        assert_eq!(reason.hint.as_deref(), Some("three"));
        let long = "ä".repeat(WORDS_LENGTH_MAX + 1);
        assert_eq!(
            Reason::new(ReasonClass::Internal, long).words.chars().count(),
            WORDS_LENGTH_MAX
        );
    }

    #[test]
    fn a_class_has_the_name_that_is_on_the_wire() {
        for class in ReasonClass::ALL {
            assert_eq!(serde_json::json!(class), class.name());
        }
    }
}
