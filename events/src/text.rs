//! The texts that are parsed into times, lengths and addresses, as the schema describes them.
//!
//! The types parse and write themselves; here is only what a stranger to this program must know
//! to tell a good text from a bad one. What a pattern admits, the parser reads: a test holds the
//! two together (`tests/tests/schema/`).

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};

/// A moment: RFC 3339 in UTC, to the nanosecond at the finest.
pub(crate) struct TimeText;

/// A length of time: ISO 8601 in hours, minutes and seconds, never negative.
pub(crate) struct LengthText;

/// An IP address and a port, as sockets print them.
pub(crate) struct AddressText;

impl JsonSchema for TimeText {
    fn schema_name() -> Cow<'static, str> {
        "Time".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        // Years of four digits up to 8999: the last days of 9999 are beyond what the parser holds.
        let date = "[1-8][0-9]{3}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])";
        let clock = "([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]";
        json_schema!({
            "type": "string",
            "description": "A moment in UTC: 2026-11-22T17:25:53.123Z.",
            "format": "date-time",
            "pattern": format!(r"^{date}T{clock}(\.[0-9]{{1,9}})?Z$"),
        })
    }
}

impl JsonSchema for LengthText {
    fn schema_name() -> Cow<'static, str> {
        "Length".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let seconds = r"[0-9]{1,15}(\.[0-9]{1,9})?S";
        let minutes = format!("[0-9]{{1,15}}M({seconds})?");
        let hours = format!("[0-9]{{1,15}}H([0-9]{{1,15}}M)?({seconds})?");
        json_schema!({
            "type": "string",
            "description": "A length of time: PT1H30M.",
            "pattern": format!("^PT({hours}|{minutes}|{seconds})$"),
        })
    }
}

impl JsonSchema for AddressText {
    fn schema_name() -> Cow<'static, str> {
        "Address".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let byte = "(25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])";
        let v4 = format!(r"({byte}\.){{3}}{byte}");
        let v6 = v6(&v4);
        let port = "(6553[0-5]|655[0-2][0-9]|65[0-4][0-9]{2}|6[0-4][0-9]{3}|[1-5][0-9]{4}|[1-9][0-9]{0,3}|0)";
        json_schema!({
            "type": "string",
            "description": "An IP address and a port: 127.0.0.1:8080 or [::1]:8080.",
            "pattern": format!(r"^({v4}|\[({v6})\]):{port}$"),
        })
    }
}

/// Every way to write an IPv6 address: in full, with `::` after one to seven groups or in front,
/// and the mapped form of an IPv4 address.
fn v6(v4: &str) -> String {
    let group = "[0-9a-f]{1,4}";
    let mut ways = vec![format!("({group}:){{7}}{group}"), format!("({group}:){{1,7}}:")];
    for after in 1..=6 {
        ways.push(format!("({group}:){{1,{}}}(:{group}){{{after}}}", 7 - after));
    }
    ways.push(format!(":((:{group}){{1,7}}|:)"));
    ways.push(format!("::ffff:{v4}"));
    ways.join("|")
}
