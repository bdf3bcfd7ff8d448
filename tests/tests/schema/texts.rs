//! The patterns of the schema and the parsers of the types are two descriptions of one language:
//! whatever a pattern admits is read, and whatever is written fits its pattern.

use std::net::SocketAddr;

use events::{EventId, TeamId, WorkspaceId};
use jiff::{SignedDuration, Timestamp};
use jsonschema::Validator;
use proptest::prelude::*;
use proptest::string::string_regex;
use serde_json::{Value, json};

/// A definition of the schema by itself, with its formats.
fn definition(name: &str) -> (Value, Validator) {
    let schema = events::schema::document()["$defs"][name].clone();
    let options = jsonschema::options().should_validate_formats(true);
    let validator = options.build(&schema).expect("a schema");
    (schema, validator)
}

/// Texts that the definition admits.
fn admitted(name: &str) -> impl Strategy<Value = String> + use<> {
    let (schema, validator) = definition(name);
    let pattern = schema["pattern"].as_str().expect("a pattern");
    let inner = pattern.trim_start_matches('^').trim_end_matches('$');
    let texts = string_regex(inner).expect("a pattern that proptest knows");
    texts.prop_filter("dates that no month has", move |text| validator.is_valid(&json!(text)))
}

proptest! {
    #[test]
    fn whatever_the_schema_admits_as_a_text_is_read(
        time in admitted("Time"),
        length in admitted("Length"),
        address in admitted("Address"),
        workspace in admitted("WorkspaceId"),
        team in admitted("TeamId"),
        id in admitted("EventId"),
    ) {
        prop_assert!(serde_json::from_value::<Timestamp>(json!(time)).is_ok(), "{}", time);
        prop_assert!(serde_json::from_value::<SignedDuration>(json!(length)).is_ok(), "{}", length);
        prop_assert!(serde_json::from_value::<SocketAddr>(json!(address)).is_ok(), "{}", address);
        prop_assert!(serde_json::from_value::<WorkspaceId>(json!(workspace)).is_ok());
        prop_assert!(serde_json::from_value::<TeamId>(json!(team)).is_ok());
        prop_assert!(serde_json::from_value::<EventId>(json!(id)).is_ok(), "{}", id);
    }

    #[test]
    fn whatever_we_write_as_a_text_the_schema_admits(
        // From the year 1000 to the year 8999.
        nanoseconds in -30_610_224_000_000_000_000_i128..221_845_392_000_000_000_000,
        seconds in 0..i64::MAX / 1000,
        fraction in 0..1_000_000_000_i32,
        address in any::<SocketAddr>(),
    ) {
        let time = Timestamp::from_nanosecond(nanoseconds).expect("in range");
        let whole = SignedDuration::new(seconds, fraction);
        // A scope belongs to one machine; what is on the wire has none.
        let address = SocketAddr::new(address.ip(), address.port());
        prop_assert!(definition("Time").1.is_valid(&json!(time)), "{}", time);
        prop_assert!(definition("Length").1.is_valid(&json!(whole)), "{}", whole);
        prop_assert!(definition("Address").1.is_valid(&json!(address)), "{}", address);
    }
}
