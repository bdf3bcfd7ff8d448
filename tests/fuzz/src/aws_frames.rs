//! The frames of an AWS event stream: the first byte says how they are cut, the second whose they are.
//! Whatever they are, the same is read of them however they are cut.

use crate::fuzzing;

/// Checks one input.
pub fn check(data: &[u8]) {
    let [step, api, bytes @ ..] = data else { return };
    let step = usize::from(*step).max(1);
    let kind = "application/vnd.amazon.eventstream";
    let read = |size| fuzzing::reading(*api, kind, bytes.chunks(size));
    assert_eq!(read(bytes.len().max(1)), read(step), "cut every {step} bytes");
}
