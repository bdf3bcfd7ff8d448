//! Reads an AWS event stream as it passes
//! (smithy.io/2.0/aws/amazon-eventstream.html): frames with headers, a payload and two checksums.
//! What is damaged ends the reading, because nothing after it can be trusted to be a frame.

use flate2::Crc;

/// The longest frame that is read; Bedrock's are under 100 KiB. A longer one is passed over.
const FRAME_LENGTH_MAX: usize = 2 * 1024 * 1024;
/// Lengths and their checksum.
const PRELUDE_LENGTH: usize = 12;
/// The checksum at the end.
const CHECKSUM_LENGTH: usize = 4;

/// One frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Frame<'a> {
    /// `event`, `exception` or `error`.
    pub(super) message_type: &'a str,
    /// `contentBlockDelta`, say; empty when it is no event.
    pub(super) event_type: &'a str,
    pub(super) payload: &'a [u8],
}

/// The place in the stream.
#[derive(Debug, Default)]
pub(super) struct Frames {
    held: Vec<u8>,
    /// So many bytes of a frame that is too long are still to come.
    skip: usize,
    /// Something was no frame.
    broken: bool,
}

impl Frames {
    /// Takes the next bytes and gives each frame in them, in order.
    pub(super) fn feed(&mut self, bytes: &[u8], mut give: impl FnMut(Frame<'_>)) {
        let skipped = self.skip.min(bytes.len());
        self.skip -= skipped;
        if self.broken {
            return;
        }
        self.held.extend_from_slice(&bytes[skipped..]);
        let mut from = 0;
        while let Some(length) = self.next(from) {
            let whole = &self.held[from..];
            if length > FRAME_LENGTH_MAX {
                self.skip = length.saturating_sub(whole.len());
                from = self.held.len().min(from + length);
                continue;
            }
            let Some(whole) = whole.get(..length) else { break };
            match frame(whole) {
                Some(frame) => give(frame),
                None => self.broken = true,
            }
            from += length;
        }
        self.held.drain(..from);
    }

    /// The length of the frame that begins at `from`; `None` when that cannot be said.
    fn next(&mut self, from: usize) -> Option<usize> {
        if self.broken {
            return None;
        }
        let prelude = self.held.get(from..from + PRELUDE_LENGTH)?;
        let length = number(prelude, 0)?;
        let headers = number(prelude, 4)?;
        let good = checksum(&prelude[..8]) == number(prelude, 8)?
            && headers.checked_add(PRELUDE_LENGTH + CHECKSUM_LENGTH).is_some_and(|n| n <= length);
        self.broken = !good;
        good.then_some(length)
    }
}

fn number(bytes: &[u8], at: usize) -> Option<usize> {
    let four = bytes.get(at..at + 4)?.try_into().ok()?;
    usize::try_from(u32::from_be_bytes(four)).ok()
}

fn checksum(bytes: &[u8]) -> usize {
    let mut crc = Crc::new();
    crc.update(bytes);
    crc.sum() as usize
}

/// A whole frame; `None` when it is damaged.
fn frame(whole: &[u8]) -> Option<Frame<'_>> {
    let end = whole.len().checked_sub(CHECKSUM_LENGTH)?;
    if checksum(&whole[..end]) != number(whole, end)? {
        return None;
    }
    let payload = PRELUDE_LENGTH + number(whole, 4)?;
    let mut headers = whole.get(PRELUDE_LENGTH..payload)?;
    let mut frame = Frame { message_type: "", event_type: "", payload: whole.get(payload..end)? };
    while !headers.is_empty() {
        let (name, value, rest) = header(headers)?;
        match name {
            b":message-type" => frame.message_type = std::str::from_utf8(value).ok()?,
            b":event-type" => frame.event_type = std::str::from_utf8(value).ok()?,
            _ => {}
        }
        headers = rest;
    }
    Some(frame)
}

/// The first header: its name, its value, and what follows.
fn header(bytes: &[u8]) -> Option<(&[u8], &[u8], &[u8])> {
    let (&length, rest) = bytes.split_first()?;
    let (name, rest) = rest.split_at_checked(usize::from(length))?;
    let (&kind, rest) = rest.split_first()?;
    let (length, rest) = match kind {
        // True and false are kinds without a value.
        0 | 1 => (0, rest),
        2 => (1, rest),
        3 => (2, rest),
        4 => (4, rest),
        // A long number and a time.
        5 | 8 => (8, rest),
        // Bytes and text say their length.
        6 | 7 => {
            let (length, rest) = rest.split_at_checked(2)?;
            (usize::from(u16::from_be_bytes(length.try_into().ok()?)), rest)
        }
        // A UUID.
        9 => (16, rest),
        _ => return None,
    };
    let (value, rest) = rest.split_at_checked(length)?;
    Some((name, value, rest))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::golden_tests::case::frame_bytes;
    use super::*;

    fn read(bytes: &[u8], step: usize) -> Vec<(String, Vec<u8>)> {
        let (mut frames, mut all) = (Frames::default(), Vec::new());
        for part in bytes.chunks(step) {
            frames.feed(part, |f| all.push((f.event_type.to_owned(), f.payload.to_vec())));
        }
        all
    }

    fn two() -> Vec<u8> {
        let mut bytes = frame_bytes("messageStart", b"{\"role\":\"assistant\"}");
        bytes.extend(frame_bytes("metadata", b"{}"));
        bytes
    }

    #[test]
    fn frames_are_read_however_they_are_cut() {
        for step in 1..=two().len() {
            let names: Vec<String> = read(&two(), step).into_iter().map(|(name, _)| name).collect();
            assert_eq!(names, ["messageStart", "metadata"], "cut every {step} bytes");
        }
    }

    #[test]
    fn no_damaged_frame_is_believed() {
        let first = frame_bytes("messageStart", b"{\"role\":\"assistant\"}").len();
        for at in 0..two().len() {
            let mut bytes = two();
            bytes[at] ^= 1;
            let before = usize::from(at >= first);
            assert_eq!(read(&bytes, 7).len(), before, "the byte at {at} is flipped");
        }
    }

    #[test]
    fn a_frame_too_long_is_passed_over_and_never_held() {
        let mut bytes = frame_bytes("chunk", &vec![b'x'; 3 * 1024 * 1024]);
        bytes.extend(frame_bytes("metadata", b"{}"));
        let (mut frames, mut names) = (Frames::default(), Vec::new());
        for part in bytes.chunks(10_000) {
            frames.feed(part, |frame| names.push(frame.event_type.to_owned()));
            assert!(frames.held.len() <= FRAME_LENGTH_MAX);
        }
        assert_eq!(names, ["metadata"]);
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(parts in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..40), 0..20)) {
            let mut frames = Frames::default();
            for part in parts {
                frames.feed(&part, |_| {});
            }
        }
    }
}
