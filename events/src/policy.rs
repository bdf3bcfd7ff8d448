//! What an administrator decides for everybody. Data, not constants: it comes from the
//! configuration and is an argument of the rules.

use jiff::SignedDuration;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Map, Value};

/// The bounds within which people and workspaces move.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Policy {
    /// How long a workspace may be left alone when its person has set nothing.
    pub idle_default: SignedDuration,
    /// The shortest time-out that a person may set.
    pub idle_min: SignedDuration,
    /// The longest time-out that a person may set.
    pub idle_max: SignedDuration,
    /// How long before an idle stop the person is told.
    pub notice: SignedDuration,
    /// How long one snooze puts an idle stop off at the most.
    pub snooze_max: SignedDuration,
    /// How long before scheduled work its workspace is woken.
    pub wake_lead: SignedDuration,
    /// Scheduled work that is due sooner than this keeps a workspace awake.
    pub wake_near: SignedDuration,
    /// How long after a busy answer the agent is asked again.
    pub busy_again: SignedDuration,
    /// How long an agent may take from its start until it listens, and then until it is ready.
    /// OpenClaw needs about 16 s on two cores; a machine that starts twenty at once needs ten
    /// times that.
    pub ready_within: SignedDuration,
    /// How long a stop that is not for idleness waits for the agent to finish its turn.
    pub quiesce_max: SignedDuration,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            idle_default: SignedDuration::from_mins(30),
            idle_min: SignedDuration::from_mins(5),
            idle_max: SignedDuration::from_hours(24),
            notice: SignedDuration::from_mins(2),
            snooze_max: SignedDuration::from_hours(8),
            wake_lead: SignedDuration::from_mins(2),
            wake_near: SignedDuration::from_mins(10),
            busy_again: SignedDuration::from_secs(60),
            ready_within: SignedDuration::from_secs(180),
            quiesce_max: SignedDuration::from_secs(30),
        }
    }
}

impl Policy {
    /// A policy as an administrator writes it: what is left out is as everywhere, and a field that nobody
    /// knows is an error, for it is somebody's wish that nobody heeds.
    ///
    /// # Errors
    /// A field is unknown, or its value is none.
    pub fn given<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let given = Map::<String, Value>::deserialize(deserializer)?;
        let mut whole = serde_json::to_value(Self::default()).map_err(D::Error::custom)?;
        for (name, value) in given {
            let Some(field) = whole.get_mut(&name) else {
                return Err(D::Error::custom(format!("\"{name}\" is no field of the policy")));
            };
            *field = value;
        }
        serde_json::from_value(whole).map_err(D::Error::custom)
    }

    /// The time-out in force for somebody who asked for `wish`.
    pub fn idle_timeout(&self, wish: Option<SignedDuration>) -> SignedDuration {
        wish.unwrap_or(self.idle_default).max(self.idle_min).min(self.idle_max)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_an_administrator_leaves_out_is_as_everywhere_and_what_nobody_knows_is_refused() {
        let given = |text: &str| Policy::given(serde_json::from_str::<Value>(text).expect("JSON"));
        assert_eq!(given("{}").expect("nothing"), Policy::default());
        let idle_default = SignedDuration::from_mins(10);
        let one = given(r#"{"idle_default":"PT10M"}"#).expect("one field of many");
        assert_eq!(one, Policy { idle_default, ..Policy::default() });
        for bad in [r#"{"idle":"PT1M"}"#, r#"{"idle_default":"soon"}"#, "[]", "null"] {
            assert!(given(bad).is_err(), "{bad}");
        }
    }
}
