//! What requests to DynamoDB cost, as it says itself when it is asked to
//! (docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_TransactWriteItems.html,
//! `ReturnConsumedCapacity`): with its indexes, and twice for what is in a transaction.

use std::ops::AddAssign;

use serde_json::{Value, json};

/// Request units.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Units {
    /// Of reads, 4 KB each; half of one for a read that may be old.
    pub(crate) reads: f64,
    /// Of writes, 1 KB each.
    pub(crate) writes: f64,
}

impl AddAssign for Units {
    fn add_assign(&mut self, other: Self) {
        self.reads += other.reads;
        self.writes += other.writes;
    }
}

/// The call of DynamoDB that a request is, by its header `x-amz-target`.
pub(crate) fn call(target: Option<&str>) -> Option<&str> {
    target?.strip_prefix("DynamoDB_20120810.")
}

/// The same request, which also asks what it costs.
pub(crate) fn asking(body: &[u8]) -> Vec<u8> {
    let Ok(mut request) = serde_json::from_slice::<Value>(body) else { return body.to_vec() };
    request["ReturnConsumedCapacity"] = json!("TOTAL");
    request.to_string().into_bytes()
}

/// What the answer to a call says.
pub(crate) fn told(call: &str, answer: &[u8]) -> Units {
    let answer: Value = serde_json::from_slice(answer).unwrap_or_default();
    let told = &answer["ConsumedCapacity"];
    // A call of several tables has a list of them.
    let consumed = told.as_array().cloned().unwrap_or_else(|| vec![told.clone()]);
    let units = consumed.iter().filter_map(|table| table["CapacityUnits"].as_f64()).sum();
    match call {
        "GetItem" | "BatchGetItem" | "Query" => Units { reads: units, ..Units::default() },
        _ => Units { writes: units, ..Units::default() },
    }
}
