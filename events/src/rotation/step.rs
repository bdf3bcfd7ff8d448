//! The steps of a rotation, and what is fixed about each: its order, its deadline and whether it
//! is taken back.

use jiff::SignedDuration;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A step of a rotation, declared in the order they run.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum KeyStep {
    /// The provider takes each new key.
    TryKeys,
    /// The new keys are in the pool, beside the old ones.
    WriteVersion,
    /// Every sidecar knows the new keys.
    AwaitRefresh,
    /// The old keys have left the pool.
    RetireOld,
    /// No sidecar uses the old keys any more.
    AwaitRetired,
    /// What lay beside the pool is forgotten.
    ForgetStaged,
}

/// Every step, in running order; taken back in the reverse.
pub const KEY_STEPS: [KeyStep; 6] = [
    KeyStep::TryKeys,
    KeyStep::WriteVersion,
    KeyStep::AwaitRefresh,
    KeyStep::RetireOld,
    KeyStep::AwaitRetired,
    KeyStep::ForgetStaged,
];

/// How long a provider that does not answer is asked again: longer than most of their outages that
/// an operator would wait for, and no rotation hangs for a day.
const TRIAL_DEADLINE: SignedDuration = SignedDuration::from_mins(15);
/// How long the pool's store is asked again.
const STORE_DEADLINE: SignedDuration = SignedDuration::from_mins(5);

impl KeyStep {
    /// The name on the wire, on the command line and on the screen.
    pub fn name(self) -> &'static str {
        match self {
            Self::TryKeys => "try_keys",
            Self::WriteVersion => "write_version",
            Self::AwaitRefresh => "await_refresh",
            Self::RetireOld => "retire_old",
            Self::AwaitRetired => "await_retired",
            Self::ForgetStaged => "forget_staged",
        }
    }

    /// Whether a refusal takes it back.
    pub fn is_undone(self) -> bool {
        match self {
            Self::WriteVersion | Self::RetireOld => true,
            Self::TryKeys | Self::AwaitRefresh | Self::AwaitRetired | Self::ForgetStaged => false,
        }
    }

    /// Whether it only lets the time pass after which no sidecar goes by an older pool.
    pub fn only_waits(self) -> bool {
        matches!(self, Self::AwaitRefresh | Self::AwaitRetired)
    }

    /// From when on a failure of it is the last, counted from the step before. Time alone refuses
    /// nothing: past its deadline a step is tried once more.
    pub fn deadline(self) -> SignedDuration {
        match self {
            Self::TryKeys => TRIAL_DEADLINE,
            Self::WriteVersion
            | Self::AwaitRefresh
            | Self::RetireOld
            | Self::AwaitRetired
            | Self::ForgetStaged => STORE_DEADLINE,
        }
    }
}

impl std::str::FromStr for KeyStep {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let known = || KEY_STEPS.map(Self::name).join(", ");
        let found = KEY_STEPS.into_iter().find(|step| step.name() == text);
        found.ok_or_else(|| {
            format!("\"{text}\" is not a step of a rotation; the steps are {}", known())
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_has_the_name_that_is_on_the_wire() {
        for step in KEY_STEPS {
            assert_eq!(serde_json::json!(step), step.name());
            assert_eq!(step.name().parse(), Ok(step));
        }
        assert!("try".parse::<KeyStep>().expect_err("no step").contains("try_keys"));
    }
}
