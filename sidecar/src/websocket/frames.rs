//! Reads WebSocket frames as they pass (RFC 6455, section 5): the text of each message, and where it
//! ends. Changes and delays nothing, and keeps nothing but its place. Extensions are never agreed
//! on, so a text is as it was sent.

use thiserror::Error;

/// Header bytes of a frame at the most: two, eight of length, four of mask.
const HEADER_LENGTH_MAX: usize = 14;
/// The longest payload of a control frame.
const CONTROL_LENGTH_MAX: u64 = 125;

/// A piece of the stream that matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Piece<'a> {
    /// The next bytes of this message's text.
    Text(&'a [u8]),
    /// The text message is over.
    End,
    /// This side will send nothing more.
    Close,
}

/// What comes is no WebSocket, so nothing in it can be metered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub(super) enum Odd {
    /// A reserved bit or an operation that nobody agreed on.
    #[error("a frame with an extension that was not agreed on")]
    Extension,
    /// A continuation of nothing, or a message within a message.
    #[error("a fragment out of place")]
    Fragment,
    /// A control frame that is too long or in pieces.
    #[error("a control frame that is too long")]
    Control,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Message {
    None,
    Text,
    Binary,
}

/// The frame at hand.
#[derive(Clone, Copy, Debug)]
struct Frame {
    left: u64,
    mask: Option<[u8; 4]>,
    /// How much of the payload has passed, for the mask.
    passed: usize,
    text: bool,
    /// The last frame of a data message.
    ends: bool,
}

/// The place in one direction of the stream.
#[derive(Debug)]
pub(super) struct Frames {
    header: Vec<u8>,
    frame: Option<Frame>,
    message: Message,
    scratch: Vec<u8>,
}

impl Default for Frames {
    fn default() -> Self {
        Self { header: Vec::new(), frame: None, message: Message::None, scratch: Vec::new() }
    }
}

impl Frames {
    /// Takes the next bytes and gives each piece in them, in order.
    ///
    /// # Errors
    /// They are no frames; what follows cannot be read.
    pub(super) fn feed(
        &mut self,
        bytes: &[u8],
        mut give: impl FnMut(Piece<'_>),
    ) -> Result<(), Odd> {
        let mut rest = bytes;
        loop {
            let Some(frame) = &mut self.frame else {
                let Some((&byte, after)) = rest.split_first() else { return Ok(()) };
                rest = after;
                self.header.push(byte);
                if self.header.len() >= header_length(&self.header) {
                    self.begin(&mut give)?;
                }
                continue;
            };
            let n = usize::try_from(frame.left).unwrap_or(usize::MAX).min(rest.len());
            let (part, after) = rest.split_at(n);
            rest = after;
            if frame.text && n > 0 {
                give(Piece::Text(unmasked(part, frame, &mut self.scratch)));
            }
            frame.passed = frame.passed.wrapping_add(n);
            frame.left -= n as u64;
            if frame.left > 0 {
                return Ok(());
            }
            if frame.ends {
                if self.message == Message::Text {
                    give(Piece::End);
                }
                self.message = Message::None;
            }
            self.frame = None;
        }
    }

    /// A whole header is there.
    fn begin(&mut self, give: &mut impl FnMut(Piece<'_>)) -> Result<(), Odd> {
        let header = std::mem::take(&mut self.header);
        let (last, operation) = (header[0] & 0x80 != 0, header[0] & 0x0f);
        if header[0] & 0x70 != 0 {
            return Err(Odd::Extension);
        }
        let (left, mask) = length_and_mask(&header);
        let control = operation & 0x08 != 0;
        if control && (!last || left > CONTROL_LENGTH_MAX) {
            return Err(Odd::Control);
        }
        self.message = match (operation, self.message) {
            (0x0, Message::None) | (0x1 | 0x2, Message::Text | Message::Binary) => {
                return Err(Odd::Fragment);
            }
            (0x1, Message::None) => Message::Text,
            (0x2, Message::None) => Message::Binary,
            (0x0 | 0x8 | 0x9 | 0xa, message) => message,
            _ => return Err(Odd::Extension),
        };
        if operation == 0x8 {
            give(Piece::Close);
        }
        let text = !control && self.message == Message::Text;
        self.frame = Some(Frame { left, mask, passed: 0, text, ends: !control && last });
        Ok(())
    }
}

/// How long this header is, as far as it is known.
fn header_length(header: &[u8]) -> usize {
    let Some(second) = header.get(1) else { return 2 };
    let length = match second & 0x7f {
        126 => 2,
        127 => 8,
        _ => 0,
    };
    let mask = if second & 0x80 == 0 { 0 } else { 4 };
    (2 + length + mask).min(HEADER_LENGTH_MAX)
}

fn length_and_mask(header: &[u8]) -> (u64, Option<[u8; 4]>) {
    let short = header[1] & 0x7f;
    let extended = match short {
        126 => 2,
        127 => 8,
        _ => 0,
    };
    let number = |bytes: &[u8]| bytes.iter().fold(0, |sum, byte| sum << 8 | u64::from(*byte));
    let left = if extended == 0 { u64::from(short) } else { number(&header[2..2 + extended]) };
    let mask = header.get(2 + extended..).and_then(|mask| mask.first_chunk::<4>().copied());
    (left, mask)
}

/// A client's frames are masked (section 5.3), a server's are not.
fn unmasked<'a>(part: &'a [u8], frame: &Frame, scratch: &'a mut Vec<u8>) -> &'a [u8] {
    let Some(mask) = frame.mask else { return part };
    scratch.clear();
    let masked = part.iter().enumerate();
    scratch.extend(masked.map(|(n, byte)| byte ^ mask[frame.passed.wrapping_add(n) % 4]));
    scratch
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// A frame on the wire.
    fn frame(operation: u8, last: bool, mask: Option<[u8; 4]>, payload: &[u8]) -> Vec<u8> {
        let masked = if mask.is_some() { 0x80 } else { 0 };
        let mut bytes = vec![operation | if last { 0x80 } else { 0 }];
        match payload.len() {
            length @ 0..=125 => bytes.push(masked | length as u8),
            length @ 126..=65_535 => {
                bytes.push(masked | 126);
                bytes.extend_from_slice(&(length as u16).to_be_bytes());
            }
            length => {
                bytes.push(masked | 127);
                bytes.extend_from_slice(&(length as u64).to_be_bytes());
            }
        }
        bytes.extend(mask.into_iter().flatten());
        let key = mask.unwrap_or_default();
        bytes.extend(payload.iter().enumerate().map(|(n, byte)| byte ^ key[n % 4]));
        bytes
    }

    /// The texts of a stream that comes in pieces of so many bytes, and whether it was closed.
    fn texts(bytes: &[u8], step: usize) -> Result<(Vec<Vec<u8>>, bool), Odd> {
        let (mut frames, mut all, mut text) = (Frames::default(), Vec::new(), Vec::new());
        let mut closed = false;
        for part in bytes.chunks(step) {
            frames.feed(part, |piece| match piece {
                Piece::Text(bytes) => text.extend_from_slice(bytes),
                Piece::End => all.push(std::mem::take(&mut text)),
                Piece::Close => closed = true,
            })?;
        }
        Ok((all, closed))
    }

    #[test]
    fn texts_are_read_through_masks_fragments_pings_and_binary() {
        let mask = Some([1, 2, 3, 4]);
        let stream = [
            frame(0x1, false, mask, b"{\"a\""),
            frame(0x9, true, mask, b"ping"),
            frame(0x0, true, mask, b":1}"),
            frame(0x2, true, None, b"not a text"),
            frame(0x1, true, None, &[b'x'; 70_000]),
            frame(0x1, true, None, b""),
            frame(0x8, true, None, &[3, 232]),
        ]
        .concat();
        for step in [1, 2, 3, 7, 1000, stream.len()] {
            let (all, closed) = texts(&stream, step).expect("frames");
            assert_eq!(all, [b"{\"a\":1}".to_vec(), vec![b'x'; 70_000], Vec::new()], "{step}");
            assert!(closed);
        }
    }

    #[test]
    fn what_is_no_websocket_is_told() {
        for (bytes, odd) in [
            (frame(0x41, true, None, b"x"), Odd::Extension),
            (frame(0x3, true, None, b"x"), Odd::Extension),
            (frame(0x0, true, None, b"x"), Odd::Fragment),
            ([frame(0x1, false, None, b"x"), frame(0x1, true, None, b"y")].concat(), Odd::Fragment),
            (frame(0x9, false, None, b"x"), Odd::Control),
            (frame(0x8, true, None, &[0; 126]), Odd::Control),
        ] {
            assert_eq!(texts(&bytes, 1), Err(odd));
        }
    }

    proptest! {
        #[test]
        fn whatever_comes_is_read_the_same_however_it_is_cut(
            bytes in proptest::collection::vec(any::<u8>(), 0..400), step in 1_usize..50,
        ) {
            prop_assert_eq!(texts(&bytes, step), texts(&bytes, bytes.len().max(1)));
        }
    }
}
