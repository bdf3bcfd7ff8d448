//! Reads along in one direction of a WebSocket (RFC 6455, section 5) without touching a byte: what
//! passes is exactly what was sent, and this says which messages were in it.
//!
//! Bounded: it keeps at most [`HEAD_MAX`] bytes of the message at hand. It never fails; bytes that
//! are no frames make it stop reading, and the end they are meant for will close.

/// How much of a message is kept: an OpenClaw request names its method in the first hundred bytes.
pub(crate) const HEAD_MAX: usize = 4096;

const CONTINUATION: u8 = 0x0;
const TEXT: u8 = 0x1;
const BINARY: u8 = 0x2;

/// A message of data, seen as soon as it is whole or longer than [`HEAD_MAX`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Message<'a> {
    /// Text, or else binary.
    pub(crate) text: bool,
    /// Its first bytes, unmasked.
    pub(crate) head: &'a [u8],
    /// Whether that is all of it.
    pub(crate) whole: bool,
}

/// What a client sends, read along.
#[derive(Debug, Default)]
pub(crate) struct Reader {
    state: State,
    /// The header as far as it has come: at most 2 bytes, 8 of length and 4 of mask.
    header: Vec<u8>,
    /// The message at hand: whether it is text, and its first bytes. `None` between messages.
    message: Option<(bool, Vec<u8>)>,
    /// The message at hand was already shown.
    shown: bool,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum State {
    #[default]
    Header,
    Payload(Payload),
    /// These are no frames.
    Lost,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Payload {
    data: bool,
    last: bool,
    mask: [u8; 4],
    left: u64,
    at: usize,
}

impl Reader {
    /// Takes the next bytes of the stream, in pieces of any size, and shows each message of data
    /// once. Pings, pongs and closes are passed over.
    pub(crate) fn read(&mut self, mut bytes: &[u8], mut show: impl FnMut(Message<'_>)) {
        while !bytes.is_empty() {
            match self.state {
                State::Lost => return,
                State::Header => {
                    self.header.push(bytes[0]);
                    bytes = &bytes[1..];
                    self.begin(&mut show);
                }
                State::Payload(payload) => {
                    let here = usize::try_from(payload.left).unwrap_or(usize::MAX).min(bytes.len());
                    self.take(payload, &bytes[..here], &mut show);
                    bytes = &bytes[here..];
                }
            }
        }
    }

    /// Begins a frame's payload once its header is whole.
    fn begin(&mut self, show: &mut impl FnMut(Message<'_>)) {
        let [first, second, rest @ ..] = self.header.as_slice() else { return };
        let (wide, opcode) = (second & 0x7f, first & 0x0f);
        let length_bytes = match wide {
            126 => 2,
            127 => 8,
            _ => 0,
        };
        let reserved = first & 0x70 != 0;
        let masked = second & 0x80 != 0;
        let control = opcode & 0x8 != 0;
        let known = matches!(opcode, CONTINUATION | TEXT | BINARY) || (8..=10).contains(&opcode);
        let continues = self.message.is_some();
        let in_turn = control || (opcode == CONTINUATION) == continues;
        // A client masks (section 5.1); extensions were refused, so no reserved bit means anything.
        if reserved || !masked || !known || !in_turn {
            self.state = State::Lost;
            return;
        }
        if rest.len() < length_bytes + 4 {
            return;
        }
        let (length, mask) = rest.split_at(length_bytes);
        let left = match length {
            [] => u64::from(wide),
            bytes => bytes.iter().fold(0, |sum, byte| (sum << 8) | u64::from(*byte)),
        };
        let mask = [mask[0], mask[1], mask[2], mask[3]];
        let last = first & 0x80 != 0;
        if !control && !continues {
            self.message = Some((opcode == TEXT, Vec::new()));
            self.shown = false;
        }
        self.header.clear();
        let payload = Payload { data: !control, last, mask, left, at: 0 };
        self.state = State::Payload(payload);
        if left == 0 {
            self.take(payload, &[], show);
        }
    }

    /// Takes a piece of a frame's payload; ends the frame when it was the last.
    fn take(&mut self, mut payload: Payload, piece: &[u8], show: &mut impl FnMut(Message<'_>)) {
        if payload.data
            && let Some((_, head)) = &mut self.message
        {
            let room = HEAD_MAX - head.len();
            let unmasked = piece.iter().take(room).enumerate();
            head.extend(unmasked.map(|(n, byte)| byte ^ payload.mask[(payload.at + n) % 4]));
        }
        payload.left -= piece.len() as u64;
        payload.at = (payload.at + piece.len()) % 4;
        let frame_over = payload.left == 0;
        let over = payload.data && frame_over && payload.last;
        self.state = if frame_over { State::Header } else { State::Payload(payload) };
        if payload.data
            && let Some((text, head)) = &self.message
            && !self.shown
            && (over || head.len() == HEAD_MAX)
        {
            self.shown = true;
            show(Message { text: *text, head, whole: over });
        }
        if over {
            self.message = None;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// One frame as a client writes it.
    fn frame(last: bool, opcode: u8, payload: &[u8], mask: [u8; 4]) -> Vec<u8> {
        let mut out = vec![u8::from(last) << 7 | opcode];
        match payload.len() {
            n @ 0..126 => out.push(0x80 | n as u8),
            n @ 126..65536 => {
                out.push(0x80 | 126);
                out.extend((n as u16).to_be_bytes());
            }
            n => {
                out.push(0x80 | 127);
                out.extend((n as u64).to_be_bytes());
            }
        }
        out.extend(mask);
        out.extend(payload.iter().enumerate().map(|(n, byte)| byte ^ mask[n % 4]));
        out
    }

    fn seen(stream: &[u8], piece: usize) -> Vec<(bool, Vec<u8>, bool)> {
        let mut reader = Reader::default();
        let mut seen = Vec::new();
        for piece in stream.chunks(piece) {
            reader.read(piece, |m| seen.push((m.text, m.head.to_vec(), m.whole)));
        }
        seen
    }

    const MASK: [u8; 4] = [1, 2, 3, 250];

    #[test]
    fn control_frames_are_passed_over_even_inside_a_message() {
        let stream = [
            frame(true, 9, b"ping", MASK),
            frame(false, TEXT, b"he", MASK),
            frame(true, 10, b"", MASK),
            frame(true, CONTINUATION, b"llo", [9; 4]),
            frame(true, BINARY, b"", MASK),
            frame(true, 8, b"\x03\xe8", MASK),
        ]
        .concat();
        for piece in [1, 2, 3, 7, 1000] {
            let expected = vec![(true, b"hello".to_vec(), true), (false, Vec::new(), true)];
            assert_eq!(seen(&stream, piece), expected);
        }
    }

    #[test]
    fn a_long_message_is_shown_once_by_its_head() {
        let long = vec![b'x'; 70_000];
        let stream = [frame(true, TEXT, &long, MASK), frame(true, TEXT, b"next", MASK)].concat();
        for piece in [1, 1000, 100_000] {
            let seen = seen(&stream, piece);
            let expected = (true, vec![b'x'; HEAD_MAX], false);
            assert_eq!(seen.len(), 2, "in pieces of {piece}");
            // Whole or not depends on how the bytes came; the head does not.
            assert_eq!((seen[0].0, &seen[0].1), (expected.0, &expected.1));
            assert_eq!(seen[1], (true, b"next".to_vec(), true));
        }
    }

    #[test]
    fn what_is_no_frame_stops_the_reading_and_nothing_else() {
        let unmasked = vec![0x81, 0x02, b'h', b'i'];
        let reserved = frame(true, 0x40 | TEXT, b"hi", MASK);
        let unknown = frame(true, 3, b"hi", MASK);
        let loose = frame(true, CONTINUATION, b"hi", MASK);
        for bad in [unmasked, reserved, unknown, loose] {
            let stream = [bad, frame(true, TEXT, b"later", MASK)].concat();
            assert_eq!(seen(&stream, 3), vec![]);
        }
    }

    proptest! {
        #[test]
        fn any_bytes_in_any_pieces_are_read_alike_and_within_bounds(
            stream in prop::collection::vec(any::<u8>(), 0..300), piece in 1_usize..20,
        ) {
            let mut reader = Reader::default();
            for piece in stream.chunks(piece) {
                reader.read(piece, |m| assert!(m.head.len() <= HEAD_MAX));
                prop_assert!(reader.header.len() <= 14);
            }
            prop_assert_eq!(seen(&stream, piece), seen(&stream, 1));
        }

        #[test]
        fn every_message_is_shown_once_however_it_is_cut(
            messages in prop::collection::vec((any::<bool>(), prop::collection::vec(any::<u8>(), 0..200)), 0..6),
            cut in 1_usize..50, piece in 1_usize..64, mask in any::<[u8; 4]>(),
        ) {
            let mut stream = Vec::new();
            for (text, payload) in &messages {
                let pieces: Vec<&[u8]> = if payload.is_empty() { vec![&[]] } else { payload.chunks(cut).collect() };
                for (n, part) in pieces.iter().enumerate() {
                    let opcode = if n > 0 { CONTINUATION } else if *text { TEXT } else { BINARY };
                    stream.extend(frame(n + 1 == pieces.len(), opcode, part, mask));
                    stream.extend(frame(true, 9, b"?", mask));
                }
            }
            let expected: Vec<_> = messages.into_iter().map(|(text, payload)| (text, payload, true)).collect();
            prop_assert_eq!(seen(&stream, piece), expected);
        }
    }
}
