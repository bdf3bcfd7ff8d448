//! Looks at the inside of one string, as far as the input reaches. Knows no JSON around it and keeps
//! nothing.

/// What ends the part of a string that is in one input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// A quote: the string is over.
    Quote,
    /// The input's end.
    Cut,
    /// The input's end behind a backslash: the byte to come ends nothing, whatever it is.
    Escaped,
}

/// The inside of a string, if it ends in this input and nothing makes that hard to see: no backslash
/// is before the first quote. Nearly every string is such a one.
pub(super) fn plain(bytes: &[u8]) -> Option<&[u8]> {
    let inside = bytes.get(..first_quote(bytes)?)?;
    if inside.last() == Some(&b'\\') { None } else { Some(inside) }
}

/// The part of any string that is in this input; whether its first byte is escaped. Only quotes are
/// looked for, and from each back to the backslashes before it.
pub(super) fn part(bytes: &[u8], escaped: bool) -> (&[u8], End) {
    let from = usize::from(escaped);
    let Some(rest) = bytes.get(from..) else { return (bytes, End::Escaped) };
    for quote in memchr::memchr_iter(b'"', rest) {
        if !escapes(&rest[..quote]) {
            return (&bytes[..from + quote], End::Quote);
        }
    }
    (bytes, if escapes(rest) { End::Escaped } else { End::Cut })
}

/// Whether the byte behind these is escaped: after an odd number of backslashes.
fn escapes(bytes: &[u8]) -> bool {
    bytes.iter().rev().take_while(|byte| **byte == b'\\').count() % 2 == 1
}

/// How many bytes a part has, an escape counted as one byte and one by its number as four: neither
/// the backslash counts nor the letter of a number.
pub(super) fn length(part: &[u8], escaped: bool) -> usize {
    let number = |at: usize| usize::from(part.get(at) == Some(&b'u'));
    let (mut next, mut length) = (0, part.len());
    if escaped {
        length -= number(0);
        next = 1;
    }
    while let Some(offset) = part.get(next..).and_then(|rest| memchr::memchr(b'\\', rest)) {
        let behind = next + offset + 1;
        length -= 1 + number(behind);
        next = behind + 1;
    }
    length
}

/// Whether each byte stands for itself: none is a quote, a backslash or a control character.
pub(super) fn stands_for_itself(inside: &[u8]) -> bool {
    let plain = |word: &[u8; 8]| {
        let word = u64::from_le_bytes(*word);
        less(word, b' ') | equal(word, b'"') | equal(word, b'\\') == 0
    };
    match inside.last_chunk() {
        // The last word may overlap the one before it.
        Some(last) => plain(last) && inside.as_chunks().0.iter().all(plain),
        None => inside.iter().all(|byte| *byte >= b' ' && !matches!(byte, b'"' | b'\\')),
    }
}

/// Where the first quote is. Most strings are over within two words of eight bytes, and to look at
/// those takes less than to call what is fast on long ones.
fn first_quote(bytes: &[u8]) -> Option<usize> {
    for at in [0, 8] {
        let Some(word) = bytes.get(at..).and_then(<[u8]>::first_chunk) else { break };
        let quotes = equal(u64::from_le_bytes(*word), b'"');
        if quotes != 0 {
            return Some(at + quotes.trailing_zeros() as usize / 8);
        }
    }
    memchr::memchr(b'"', bytes)
}

/// A one in each byte.
const ONES: u64 = u64::from_le_bytes([1; 8]);
/// The highest bit of each byte.
const HIGHEST: u64 = ONES << 7;

/// The lowest bit that is set is the highest of the first byte that equals this one; none is set
/// when no byte does.
fn equal(word: u64, byte: u8) -> u64 {
    less(word ^ (ONES * u64::from(byte)), 1)
}

/// The lowest bit that is set is the highest of the first byte that is less than this one, which is
/// 128 at most; none is set when no byte is.
fn less(word: u64, byte: u8) -> u64 {
    word.wrapping_sub(ONES * u64::from(byte)) & !word & HIGHEST
}
