//! Facts that are alike, such as a message of usage, as text of a tenth of their length. DynamoDB
//! bills a write by its length, and a pending item is written three times until it has its place in
//! the feed.
//!
//! Plain JSON is left as it is: whoever reads facts reads either.

use std::borrow::Cow;
use std::io::{Read, Write};

use aws_smithy_types::base64;
use flate2::Compression;
use flate2::read::DeflateDecoder;
use flate2::write::DeflateEncoder;
use ports::Fault;

use super::pending::FACTS_BYTES_MAX;
use crate::rows::nonsense;

/// What stands before what is packed, which no JSON begins with: deflate (RFC 1951) in base64.
const MARK: &str = "deflate:";

/// The text of facts, packed where that makes it shorter.
pub(crate) fn packed(json: &str) -> Result<String, Fault> {
    let mut encoder = DeflateEncoder::new(Vec::new(), Compression::default());
    let bytes = encoder.write_all(json.as_bytes()).and_then(|()| encoder.finish());
    let bytes = bytes.map_err(|error| nonsense(error.to_string()))?;
    let text = format!("{MARK}{}", base64::encode(bytes));
    Ok(if text.len() < json.len() { text } else { json.to_owned() })
}

/// The JSON that a text stands for.
///
/// # Errors
/// [`Fault::Nonsense`] for what is damaged, and for more than an item of facts may hold.
pub(crate) fn unpacked(text: &str) -> Result<Cow<'_, str>, Fault> {
    let Some(packed) = text.strip_prefix(MARK) else { return Ok(Cow::Borrowed(text)) };
    let bytes =
        base64::decode(packed).map_err(|error| nonsense(format!("packed facts: {error}")))?;
    let most = u64::try_from(FACTS_BYTES_MAX).unwrap_or(u64::MAX);
    let mut json = String::new();
    let mut decoder = DeflateDecoder::new(bytes.as_slice()).take(most.saturating_add(1));
    let read = decoder.read_to_string(&mut json);
    read.map_err(|error| nonsense(format!("packed facts: {error}")))?;
    if json.len() > FACTS_BYTES_MAX {
        return Err(nonsense("packed facts that are longer than any item's".to_owned()));
    }
    Ok(Cow::Owned(json))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn what_was_packed_comes_out_as_it_was(json in r#"\[("[a-zé]{0,9}",?){0,200}\]"#) {
            let packed = packed(&json).expect("packed");
            prop_assert!(packed.len() <= json.len());
            prop_assert_eq!(unpacked(&packed).expect("unpacked"), json);
        }
    }

    #[test]
    fn plain_json_stays_as_it_is() {
        assert_eq!(packed("[1]").expect("packed"), "[1]");
        assert_eq!(unpacked("[1]").expect("plain"), "[1]");
    }

    #[test]
    fn the_longest_facts_fit_and_a_bomb_is_refused() {
        let long = |length| packed(&" ".repeat(length)).expect("packed");
        assert_eq!(unpacked(&long(FACTS_BYTES_MAX)).expect("facts").len(), FACTS_BYTES_MAX);
        assert!(unpacked(&long(FACTS_BYTES_MAX + 1)).is_err());
        assert!(unpacked(&long(5_000_000)).is_err());
    }

    #[test]
    fn what_is_damaged_is_a_fault_and_not_fewer_facts() {
        let good = packed(&"[1,2,3]".repeat(100)).expect("packed");
        let (cut, other) = (&good[..good.len() - 8], good.replace(':', ":!"));
        assert!(unpacked(cut).is_err() && unpacked(&other).is_err());
    }
}
