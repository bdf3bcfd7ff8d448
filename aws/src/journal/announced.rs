//! What is announced of an item of the journal: its facts as JSON, whatever they lie packed in. Pure.

use ports::Fault;
use serde_json::{Value, json};

use super::packed::unpacked;
use crate::rows::nonsense;

/// The announcement of one record of the table's stream (amazondynamodb/latest/APIReference,
/// "API_streams_Record"): which list, which place in it, and the JSON array of its facts as text.
///
/// # Errors
/// [`Fault::Nonsense`] for a record that holds no facts.
pub fn announced(record: &Value) -> Result<Value, Fault> {
    let image = &record["dynamodb"]["NewImage"];
    let text = |name: &str| {
        let value = image[name]["S"].as_str();
        value.ok_or_else(|| nonsense(format!("a record of the stream has no {name}")))
    };
    let (list, place, facts) = (text("pk")?, text("sk")?, unpacked(text("envelopes")?)?);
    Ok(json!({ "list": list, "place": place, "envelopes": facts }))
}

#[cfg(test)]
mod tests {
    use super::super::packed::packed;
    use super::*;

    fn record(envelopes: &str) -> Value {
        json!({ "eventName": "INSERT", "dynamodb": { "NewImage": {
            "pk": { "S": "U#ann" }, "sk": { "S": "B#1" }, "envelopes": { "S": envelopes },
        } } })
    }

    #[test]
    fn facts_are_announced_as_json_however_they_lie_in_the_table() {
        let facts = format!("[{}{{}}]", r#"{"id":"the same again and again"},"#.repeat(50));
        let packed = packed(&facts).expect("packed");
        assert!(packed.len() < facts.len());
        for text in [&facts, &packed] {
            let told = announced(&record(text)).expect("announced");
            assert_eq!(told, json!({ "list": "U#ann", "place": "B#1", "envelopes": facts }));
        }
    }

    #[test]
    fn what_holds_no_facts_is_not_announced() {
        let damaged = record("deflate:!");
        for odd in
            [json!({}), json!({ "dynamodb": { "NewImage": { "pk": { "S": "P" } } } }), damaged]
        {
            assert!(matches!(announced(&odd), Err(Fault::Nonsense { .. })), "{odd}");
        }
    }
}
