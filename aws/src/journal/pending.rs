//! An item with facts that have no place yet in the one order over all of them: an append, an event
//! of no list, a batch of usage.

use aws_sdk_dynamodb::types::AttributeValue;
use aws_sdk_dynamodb::types::builders::PutBuilder;
use events::Envelope;

use super::keys::{self, Key};
use crate::rows::{nonsense, text, time};
use ports::Fault;

/// The most that the facts of one item may be, in bytes of JSON. An item has 400 KB at the most
/// (docs.aws.amazon.com/amazondynamodb/latest/developerguide/Constraints.html); an entry of
/// EventBridge, which announces it with each quote escaped, has 256 KB.
pub(crate) const FACTS_BYTES_MAX: usize = 200_000;

/// Puts an item with facts, once by its key, which the sequencer will find. Others add attributes of
/// their own; those set here are its key and
///
/// - `envelopes`: the facts as one JSON array;
/// - `types`: the set of their types, by which rules of EventBridge choose;
/// - `pending` and `since`: where in the index of what is pending. They go when it has its place.
///
/// # Errors
/// [`Fault::Nonsense`] for no facts at all, and for more than fit.
pub(crate) fn pending(table: &str, key: &Key, facts: &[Envelope]) -> Result<PutBuilder, Fault> {
    let Some(first) = facts.first() else {
        return Err(nonsense(format!("no facts for {} {}", key.pk, key.sk)));
    };
    let json = serde_json::to_string(facts).map_err(|error| nonsense(error.to_string()))?;
    if json.len() > FACTS_BYTES_MAX {
        let (length, Key { pk, sk }) = (json.len(), key);
        return Err(nonsense(format!("{length} bytes of facts for {pk} {sk} are too many")));
    }
    let mut types: Vec<String> = facts.iter().map(|fact| fact.event.name().to_owned()).collect();
    types.sort_unstable();
    types.dedup();
    Ok(PutBuilder::default()
        .table_name(table)
        .item("pk", text(&key.pk))
        .item("sk", text(&key.sk))
        .item("envelopes", text(json))
        .item("types", AttributeValue::Ss(types))
        .item("pending", text(keys::part("pending", keys::shard(&key.pk))))
        .item("since", text(time(first.time)))
        .condition_expression("attribute_not_exists(pk)"))
}
