//! What a start of an agent and its stop cost, and each use that is written down between them, as they
//! were counted (`lambdas/journey.json`); a test of the functions holds a journey of theirs against it.

use serde::Deserialize;

/// What was counted.
const COUNTED: &str = include_str!("../../../lambdas/journey.json");

/// One start and its stop.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Journey {
    /// Facts on record, from the login to the end of the stop.
    pub(super) facts: f64,
    /// Messages that the queues' functions handle.
    pub(super) messages: f64,
    /// DynamoDB's write request units of all of it, with the place of each fact in the feed.
    pub(super) write_units: f64,
    /// Its read request units.
    pub(super) read_units: f64,
    /// Write request units of one use that is written down, its timer and its place in the feed included.
    pub(super) use_write_units: f64,
    /// Its read request units.
    pub(super) use_read_units: f64,
}

/// Reads what was counted; a broken list counts for nothing, which a test rules out.
pub(super) fn journey() -> Journey {
    serde_json::from_str(COUNTED).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use events::step::STEPS;

    use super::*;

    #[test]
    fn a_journey_has_a_fact_and_a_message_for_each_of_its_steps_at_least() {
        let Journey { facts, messages, write_units, read_units, use_write_units, use_read_units } =
            journey();
        let steps = f64::from(u32::try_from(STEPS.len()).expect("few"));
        assert!(facts > steps && messages >= steps, "{facts} {messages}");
        // A fact is written with the fold and a mark, in a transaction.
        assert!(write_units >= facts * 6.0, "{write_units}");
        assert!(read_units >= messages, "{read_units}");
        assert!(use_write_units >= 6.0 && use_read_units >= 1.0, "{use_write_units}");
    }
}
