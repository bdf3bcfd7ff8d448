//! JSON of any kind: the first byte says how it is cut, the second whose it is. The walk finds the same
//! however it is cut, and comes to the end of every object that a parser takes.

use serde_json::{Map, Value};

use crate::fuzzing;

/// Checks one input.
pub fn check(data: &[u8]) {
    let [step, api, text @ ..] = data else { return };
    let step = usize::from(*step).max(1);
    let (whole, closed) = fuzzing::walk(std::iter::once(text));
    assert_eq!((whole, closed), fuzzing::walk(text.chunks(step)), "cut every {step} bytes");
    if serde_json::from_slice::<Map<String, Value>>(text).is_ok() {
        assert!(closed, "an object without an end");
    }
    let read = |size| fuzzing::reading(*api, "application/json", text.chunks(size));
    assert_eq!(read(text.len().max(1)), read(step), "cut every {step} bytes");
}
