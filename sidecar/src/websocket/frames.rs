//! Reads WebSocket frames as they pass (RFC 6455, section 5): the data of each message, and where it
//! ends. Changes and delays nothing, and keeps nothing but its place. Extensions are never agreed
//! on, so data is as it was sent.

use thiserror::Error;

/// The longest message: as long as a request's body may be. A longer one would hold up all others.
pub(super) const MESSAGE_LENGTH_MAX: u64 = crate::body::BODY_LENGTH_MAX as u64;
/// The longest payload of a control frame (section 5.5).
const CONTROL_LENGTH_MAX: u64 = 125;
const CLOSE: u8 = 0x8;

/// A piece of the stream that matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Piece<'a> {
    /// The next bytes of this message, text or not.
    Data(&'a [u8]),
    /// The message is over.
    End,
    /// This side will send nothing more.
    Close,
}

/// What comes is no WebSocket as it was agreed on, so nothing in it can be metered.
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
    /// A client's frame without a mask, or a server's with one.
    #[error("a frame that is masked by the wrong side")]
    Mask,
    /// A message of more than [`MESSAGE_LENGTH_MAX`] bytes.
    #[error("a message that is too long")]
    TooLong,
}

impl Odd {
    /// The status of the close frame that tells it (section 7.4.1).
    pub(super) fn code(self) -> u16 {
        match self {
            Self::TooLong => 1009,
            Self::Extension | Self::Fragment | Self::Control | Self::Mask => 1002,
        }
    }
}

/// The frame at hand.
#[derive(Clone, Copy, Debug)]
struct Frame {
    left: u64,
    mask: [u8; 4],
    /// How much of the payload has passed, for the mask.
    passed: usize,
    data: bool,
    /// The last frame of a message.
    ends: bool,
}

/// The place in one direction of the stream.
#[derive(Debug)]
pub(super) struct Frames {
    /// Whether this side masks its frames: clients do (section 5.3).
    masked: bool,
    /// As far as it has come: two bytes, eight of length and four of mask at the most.
    header: Vec<u8>,
    frame: Option<Frame>,
    /// How long the message at hand is, as far as its frames have told.
    message: Option<u64>,
    unmasked: Vec<u8>,
}

impl Frames {
    /// What a client sends.
    pub(super) fn of_client() -> Self {
        let (header, unmasked) = (Vec::new(), Vec::new());
        Self { masked: true, header, frame: None, message: None, unmasked }
    }

    /// What a server sends.
    pub(super) fn of_server() -> Self {
        Self { masked: false, ..Self::of_client() }
    }

    /// Whether neither a message nor a frame is at hand, so that another frame may be put in here.
    pub(super) fn is_between_messages(&self) -> bool {
        self.header.is_empty() && self.frame.is_none() && self.message.is_none()
    }

    /// The next piece in `rest`, which is shortened by what has been read; `None` when all of it is.
    ///
    /// # Errors
    /// They are no frames; what follows cannot be read.
    pub(super) fn next<'a, 'b: 'a>(
        &'a mut self,
        rest: &mut &'b [u8],
    ) -> Result<Option<Piece<'a>>, Odd> {
        loop {
            let Some(frame) = &mut self.frame else {
                let Some((&byte, after)) = rest.split_first() else { return Ok(None) };
                *rest = after;
                self.header.push(byte);
                if self.header.len() >= header_length(&self.header) && self.begin()? {
                    return Ok(Some(Piece::Close));
                }
                continue;
            };
            if frame.left == 0 {
                let ends = frame.ends;
                self.frame = None;
                if ends {
                    self.message = None;
                    return Ok(Some(Piece::End));
                }
                continue;
            }
            if rest.is_empty() {
                return Ok(None);
            }
            let n = usize::try_from(frame.left).unwrap_or(usize::MAX).min(rest.len());
            let (part, after) = rest.split_at(n);
            *rest = after;
            let from = frame.passed;
            frame.passed = frame.passed.wrapping_add(n);
            frame.left -= n as u64;
            if !frame.data {
                continue;
            }
            if !self.masked {
                return Ok(Some(Piece::Data(part)));
            }
            let mask = frame.mask;
            self.unmasked.clear();
            let bytes = part.iter().enumerate();
            self.unmasked.extend(bytes.map(|(n, byte)| byte ^ mask[from.wrapping_add(n) % 4]));
            return Ok(Some(Piece::Data(&self.unmasked)));
        }
    }

    /// A whole header is there; gives whether it is a close frame's.
    fn begin(&mut self) -> Result<bool, Odd> {
        let (first, second) = (self.header[0], self.header[1]);
        let (last, operation) = (first & 0x80 != 0, first & 0x0f);
        if first & 0x70 != 0 {
            return Err(Odd::Extension);
        }
        if (second & 0x80 != 0) != self.masked {
            return Err(Odd::Mask);
        }
        let (left, mask) = length_and_mask(&self.header);
        self.header.clear();
        let data = match operation {
            0x0..=0x2 => true,
            CLOSE | 0x9 | 0xa if last && left <= CONTROL_LENGTH_MAX => false,
            CLOSE | 0x9 | 0xa => return Err(Odd::Control),
            _ => return Err(Odd::Extension),
        };
        if data {
            if (operation == 0x0) != self.message.is_some() {
                return Err(Odd::Fragment);
            }
            let length = self.message.unwrap_or(0).saturating_add(left);
            if length > MESSAGE_LENGTH_MAX {
                return Err(Odd::TooLong);
            }
            self.message = Some(length);
        }
        self.frame = Some(Frame { left, mask, passed: 0, data, ends: data && last });
        Ok(operation == CLOSE)
    }
}

/// A frame from a server: text or close.
fn frame(operation: u8, payload: &[u8]) -> Vec<u8> {
    let mut bytes = vec![0x80 | operation];
    match payload.len() {
        length @ 0..126 => bytes.push(length as u8),
        length @ 126..65_536 => {
            bytes.push(126);
            bytes.extend((length as u16).to_be_bytes());
        }
        length => {
            bytes.push(127);
            bytes.extend((length as u64).to_be_bytes());
        }
    }
    bytes.extend(payload);
    bytes
}

/// A message of text from a server.
pub(super) fn text(words: &str) -> Vec<u8> {
    frame(0x1, words.as_bytes())
}

/// A server's last frame, with a status of section 7.4.1.
pub(super) fn close(code: u16) -> Vec<u8> {
    frame(CLOSE, &code.to_be_bytes())
}

/// How many bytes tell the length, besides the short one.
fn extended(second: u8) -> usize {
    match second & 0x7f {
        126 => 2,
        127 => 8,
        _ => 0,
    }
}

/// How long this header is, as far as it is known.
fn header_length(header: &[u8]) -> usize {
    let Some(second) = header.get(1) else { return 2 };
    2 + extended(*second) + if second & 0x80 == 0 { 0 } else { 4 }
}

fn length_and_mask(header: &[u8]) -> (u64, [u8; 4]) {
    let (length, mask) = header[2..].split_at(extended(header[1]));
    let left = match length {
        [] => u64::from(header[1] & 0x7f),
        bytes => bytes.iter().fold(0, |sum, byte| sum << 8 | u64::from(*byte)),
    };
    (left, mask.first_chunk().copied().unwrap_or_default())
}

#[cfg(test)]
mod tests;
