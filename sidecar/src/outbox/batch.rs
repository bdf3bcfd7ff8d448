//! How records are put into batches: by count and by bytes. Pure.

use events::price::Cost;
use events::{Envelope, Event};
use ports::BatchBounds;
use serde_json::Value;

/// What a record has besides its texts of any length: names of fields, identities, times, numbers.
const FIXED_LENGTH: usize = 1_000;
/// The longest number in JSON: 20 digits, or a float with its exponent.
const NUMBER_LENGTH_MAX: usize = 25;

/// A batch that grows.
pub(super) struct Batch {
    bounds: BatchBounds,
    records: Vec<Envelope>,
    length: usize,
}

impl Batch {
    /// One with nothing in it.
    pub(super) fn within(bounds: BatchBounds) -> Self {
        Self { bounds, records: Vec::new(), length: 0 }
    }

    /// Takes a record, if it has room; the first always.
    ///
    /// # Errors
    /// The record, for the next batch.
    pub(super) fn add(&mut self, record: Box<Envelope>) -> Result<(), Box<Envelope>> {
        let BatchBounds { records, length: most, .. } = self.bounds;
        let length = most.map_or(0, |_| length_max(&record));
        let fits = most.is_none_or(|most| self.length + length <= most);
        if !(fits && self.records.len() < records || self.records.is_empty()) {
            return Err(record);
        }
        self.length += length;
        self.records.push(*record);
        Ok(())
    }

    /// Whether it is not worth waiting for more.
    pub(super) fn is_full(&self) -> bool {
        let BatchBounds { records, length, .. } = self.bounds;
        let heavy = length.is_some_and(|length| self.length + FIXED_LENGTH > length);
        self.records.len() >= records || heavy
    }

    /// What it holds.
    pub(super) fn records(&self) -> &[Envelope] {
        &self.records
    }
}

/// These records, in batches.
pub(super) fn batches(records: Vec<Envelope>, bounds: BatchBounds) -> Vec<Batch> {
    let mut batches = vec![Batch::within(bounds)];
    for record in records {
        let last = batches.last_mut().map(|batch| batch.add(Box::new(record)));
        if let Some(Err(record)) = last {
            let mut next = Batch::within(bounds);
            // The first always fits.
            let _fits = next.add(record);
            batches.push(next);
        }
    }
    batches
}

/// How many bytes of JSON a record is at the most, and not much less: it is cheaper than writing it.
fn length_max(record: &Envelope) -> usize {
    // The sidecar reports nothing else.
    let Event::UsageRecorded(usage) = &record.event else { return usize::MAX };
    let why = match &usage.cost {
        Cost::Unknown { why } => why.as_str(),
        Cost::Known { table, .. } => table.as_str(),
    };
    let texts = [record.source.as_str(), &usage.provider, &usage.model, &usage.key.0, why];
    let names = [usage.team.as_str(), record.subject.as_ref().map_or("", |id| id.as_str())];
    let texts: usize = texts.into_iter().chain(names).map(text_length).sum();
    FIXED_LENGTH + texts + usage.raw.as_ref().map_or(0, value_length_max)
}

/// A text in JSON, its quotes included.
fn text_length(text: &str) -> usize {
    let escaped = |byte: u8| match byte {
        b'"' | b'\\' => 2,
        0x00..=0x1f => 6,
        _ => 1,
    };
    2 + text.bytes().map(escaped).sum::<usize>()
}

fn value_length_max(value: &Value) -> usize {
    match value {
        Value::Null | Value::Bool(_) => 5,
        Value::Number(_) => NUMBER_LENGTH_MAX,
        Value::String(text) => text_length(text),
        Value::Array(values) => 2 + values.iter().map(|v| 1 + value_length_max(v)).sum::<usize>(),
        Value::Object(fields) => {
            let field =
                |(name, value): (&String, &Value)| text_length(name) + 2 + value_length_max(value);
            2 + fields.iter().map(field).sum::<usize>()
        }
    }
}

#[cfg(test)]
mod tests {
    use events::usage::{Completion, Tokens, UsageRecord};
    use events::{EventId, Gen, KeyPrint, Stamp};
    use jiff::Timestamp;
    use proptest::prelude::*;

    use super::*;

    const BOUNDS: BatchBounds = BatchBounds::MESSAGE;
    /// Its bytes.
    const LENGTH: usize = 60_000;

    fn record(model: &str, tokens: u64, raw: Option<Value>) -> Envelope {
        let at = Timestamp::from_nanosecond(1_800_000_000_123_456_789).expect("a time");
        let all = Tokens {
            uncached_input: tokens,
            cache_read: tokens,
            cache_write5m: tokens,
            cache_write1h: tokens,
            output: tokens,
            reasoning: tokens,
        };
        let usage = UsageRecord {
            generation: Gen(tokens),
            team: "red".parse().expect("a name"),
            provider: "anthropic".to_owned(),
            model: model.to_owned(),
            key: KeyPrint("0123456789ab".to_owned()),
            started: at,
            duration_ms: tokens,
            status: 200,
            completion: Completion::Complete,
            tokens: all,
            estimated: false,
            cost: Cost::Known { pico_dollars: tokens, table: "2026-11-01".to_owned() },
            raw,
        };
        let id =
            EventId(uuid::Builder::from_unix_timestamp_millis(tokens >> 20, &[7; 10]).into_uuid());
        let stamp = Stamp { id, time: at, cause: None };
        let subject = Some("ann".parse().expect("a name"));
        Envelope::new("/sidecar", subject, stamp, Event::UsageRecorded(usage))
    }

    fn json(record: &Envelope) -> usize {
        serde_json::to_string(record).expect("JSON").len()
    }

    fn value() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<u64>().prop_map(Value::from),
            any::<f64>().prop_map(Value::from),
            ".{0,20}".prop_map(Value::from),
        ];
        leaf.prop_recursive(3, 30, 5, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
                prop::collection::btree_map(".{0,12}", inner, 0..5)
                    .prop_map(|fields| Value::Object(fields.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn a_record_is_never_longer_than_it_is_taken_for(
            model in ".{0,200}", tokens in any::<u64>(), raw in prop::option::of(value()),
        ) {
            let record = record(&model, tokens, raw);
            prop_assert!(json(&record) <= length_max(&record), "{}", json(&record));
        }

        #[test]
        fn batches_keep_their_bounds_and_lose_and_reorder_nothing(
            lengths in prop::collection::vec(0usize..9000, 0..200),
        ) {
            let records: Vec<Envelope> = lengths
                .iter()
                .enumerate()
                .map(|(n, length)| record(&n.to_string(), 1, Some("x".repeat(*length).into())))
                .collect();
            let batches = batches(records.clone(), BOUNDS);
            for batch in &batches {
                prop_assert!(batch.records().len() <= BOUNDS.records);
                prop_assert!(batch.records().iter().map(json).sum::<usize>() <= LENGTH);
            }
            let all: Vec<Envelope> =
                batches.iter().flat_map(|batch| batch.records()).cloned().collect();
            prop_assert_eq!(all, records);
        }
    }

    #[test]
    fn a_usual_record_is_not_taken_for_much_longer_than_it_is() {
        let raw = serde_json::json!({"input_tokens": 12, "output_tokens": 345,
            "cache_read_input_tokens": 0, "service_tier": "standard"});
        let record = record("claude-haiku-4-5", 12_345, Some(raw));
        assert!(length_max(&record) < json(&record) + 700, "{}", json(&record));
    }

    #[test]
    fn a_record_that_is_longer_than_a_batch_goes_alone() {
        let long = || record("m", 1, Some("x".repeat(LENGTH).into()));
        let short = || record("m", 1, None);
        let batches = batches(vec![short(), long(), short(), short()], BOUNDS);
        let lengths: Vec<usize> = batches.iter().map(|batch| batch.records().len()).collect();
        assert_eq!(lengths, [1, 1, 2]);
    }
}
