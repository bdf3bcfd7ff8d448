//! A segment of the usage journal, or what is left of one. What is read can be written and read again,
//! and an entry that is written behind any rubbish is found.

use crate::fuzzing;

/// An entry that is as good as any.
const GOOD: &str = r#"{"settled":["01890a5d-ac96-774b-bcce-b302099a8057"]}"#;

/// Checks one input.
pub fn check(data: &[u8]) {
    let (entries, damaged) = fuzzing::journal(data);
    let framed = |entry: &String| fuzzing::journal_entry(entry).expect("it was read");
    let again: Vec<u8> = entries.iter().flat_map(framed).collect();
    assert_eq!(fuzzing::journal(&again), (entries.clone(), 0));
    let good = fuzzing::journal_entry(GOOD).expect("a good entry");
    let mut behind = data.to_vec();
    behind.extend_from_slice(&good);
    let (seen, odd) = fuzzing::journal(&behind);
    assert_eq!(seen.last().map(String::as_str), Some(GOOD));
    assert_eq!(seen.len(), entries.len() + 1);
    assert!(odd <= damaged, "{odd} places are damaged, not {damaged}");
    let mut before = good;
    before.extend_from_slice(data);
    assert_eq!(fuzzing::journal(&before).0.first().map(String::as_str), Some(GOOD));
}
