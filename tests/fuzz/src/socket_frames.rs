//! The frames of a WebSocket: the first byte says how they are cut, the second whose they are. Whatever
//! they are, the same messages are read of them however they are cut, and none is longer than what came.

use crate::fuzzing;

/// Checks one input.
pub fn check(data: &[u8]) {
    let [step, side, bytes @ ..] = data else { return };
    let step = usize::from(*step).max(1);
    let read = |size| fuzzing::messages(side % 2 == 0, bytes.chunks(size));
    let (messages, end) = read(bytes.len().max(1));
    assert_eq!((&messages, &end), (&read(step).0, &read(step).1), "cut every {step} bytes");
    assert!(messages.iter().map(Vec::len).sum::<usize>() <= bytes.len());
}
