//! Server-sent events: the first byte says how they are cut, the second whose they are. However they are
//! cut, the same is read of them; and what is taken out is at most the chunk that tells usage.

use crate::fuzzing;

/// Checks one input.
pub fn check(data: &[u8]) {
    let [step, api, text @ ..] = data else { return };
    let step = usize::from(*step).max(1);
    let whole = fuzzing::events(std::iter::once(text));
    assert_eq!(whole, fuzzing::events(text.chunks(step)), "cut every {step} bytes");
    let read = |size| fuzzing::reading(*api, "text/event-stream", text.chunks(size));
    assert_eq!(read(text.len().max(1)), read(step), "cut every {step} bytes");
    // Lines that end with a carriage return alone are looked at as they come.
    if text.contains(&b'\r') {
        return;
    }
    let left = fuzzing::without_usage(std::iter::once(text));
    assert_eq!(left, fuzzing::without_usage(text.chunks(step)), "cut every {step} bytes");
    let kept = fuzzing::events(std::iter::once(&left[..]));
    let mut all = whole.into_iter();
    for event in &kept {
        let skipped = all.by_ref().take_while(|one| one != event);
        for one in skipped {
            let words = String::from_utf8_lossy(&one).into_owned();
            assert!(words.contains("\"usage\"") && words.contains("choices"), "lost: {words}");
        }
    }
}
