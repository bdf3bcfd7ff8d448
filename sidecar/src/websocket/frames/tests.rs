//! Streams that are read the same however they are cut, and streams that are none.

use proptest::prelude::*;

use super::*;

const MASK: [u8; 4] = [1, 2, 3, 250];

/// A frame on the wire.
fn wire(operation: u8, last: bool, mask: Option<[u8; 4]>, payload: &[u8]) -> Vec<u8> {
    let mut bytes = frame(operation, payload);
    bytes[0] &= if last { 0xff } else { 0x7f };
    let Some(key) = mask else { return bytes };
    let at = bytes.len() - payload.len();
    bytes.truncate(at);
    bytes[1] |= 0x80;
    bytes.extend(key);
    bytes.extend(payload.iter().enumerate().map(|(n, byte)| byte ^ key[n % 4]));
    bytes
}

/// The messages of a stream that comes in pieces of so many bytes, and how often it was closed.
fn read(mut frames: Frames, bytes: &[u8], step: usize) -> Result<(Vec<Vec<u8>>, u32), Odd> {
    let (mut all, mut message, mut closed) = (Vec::new(), Vec::new(), 0);
    for mut part in bytes.chunks(step) {
        while let Some(piece) = frames.next(&mut part)? {
            match piece {
                Piece::Data(data) => message.extend_from_slice(data),
                Piece::End => all.push(std::mem::take(&mut message)),
                Piece::Close => closed += 1,
            }
        }
        assert!(part.is_empty() && frames.header.len() < 14);
    }
    Ok((all, closed))
}

#[test]
fn messages_are_read_through_masks_fragments_and_pings() {
    for (frames, mask) in
        [(Frames::of_client as fn() -> Frames, Some(MASK)), (Frames::of_server, None)]
    {
        let stream = [
            wire(0x1, false, mask, b"{\"a\""),
            wire(0x9, true, mask, b"ping"),
            wire(0x0, false, mask, b""),
            wire(0x0, true, mask, b":1}"),
            wire(0x2, true, mask, b"bytes"),
            wire(0x1, true, mask, &[b'x'; 70_000]),
            wire(0xa, true, mask, b""),
            wire(0x1, true, mask, &[b'y'; 200]),
            wire(0x1, true, mask, b""),
            wire(0x8, true, mask, &[3, 232]),
        ]
        .concat();
        let expected = [
            b"{\"a\":1}".to_vec(),
            b"bytes".to_vec(),
            vec![b'x'; 70_000],
            vec![b'y'; 200],
            Vec::new(),
        ];
        for step in [1, 2, 3, 7, 1000, stream.len()] {
            let (all, closed) = read(frames(), &stream, step).expect("frames");
            assert_eq!((&all[..], closed), (&expected[..], 1), "{step}");
        }
    }
}

#[test]
fn another_frame_may_be_put_in_only_between_messages() {
    let mut frames = Frames::of_server();
    let stream = [wire(0x1, false, None, b"a"), wire(0x0, true, None, b"b"), text("c")].concat();
    let mut between = Vec::new();
    for byte in stream.chunks(1) {
        let mut rest = byte;
        while frames.next(&mut rest).expect("frames").is_some() {}
        between.push(frames.is_between_messages());
    }
    assert_eq!(between, [false, false, false, false, false, true, false, false, true]);
}

#[test]
fn what_is_no_websocket_is_told_by_its_status() {
    let huge = [0x82, 0xff, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1, 2, 3, 4];
    let mask = Some(MASK);
    let half = vec![b'x'; MESSAGE_LENGTH_MAX as usize / 2 + 1];
    for (bytes, odd, code) in [
        (wire(0x41, true, mask, b"x"), Odd::Extension, 1002),
        (wire(0x3, true, mask, b"x"), Odd::Extension, 1002),
        (wire(0xb, true, mask, b"x"), Odd::Extension, 1002),
        (wire(0x0, true, mask, b"x"), Odd::Fragment, 1002),
        ([wire(0x1, false, mask, b"x"), wire(0x1, true, mask, b"y")].concat(), Odd::Fragment, 1002),
        (wire(0x9, false, mask, b"x"), Odd::Control, 1002),
        (wire(0x8, true, mask, &[0; 126]), Odd::Control, 1002),
        (wire(0x1, true, None, b"x"), Odd::Mask, 1002),
        (huge.to_vec(), Odd::TooLong, 1009),
        (
            [wire(0x1, false, mask, &half), wire(0x0, true, mask, &half)].concat(),
            Odd::TooLong,
            1009,
        ),
    ] {
        assert_eq!(read(Frames::of_client(), &bytes, 4096), Err(odd));
        assert_eq!(odd.code(), code);
    }
    assert_eq!(read(Frames::of_server(), &wire(0x1, true, mask, b"x"), 1), Err(Odd::Mask));
}

#[test]
fn our_own_frames_can_be_read() {
    let long = "x".repeat(300);
    let stream = [text("{}"), text(&long), close(1001)].concat();
    let (all, closed) = read(Frames::of_server(), &stream, 5).expect("frames");
    assert_eq!((all, closed), (vec![b"{}".to_vec(), long.into_bytes()], 1));
}

proptest! {
    #[test]
    fn whatever_comes_is_read_the_same_however_it_is_cut(
        bytes in proptest::collection::vec(any::<u8>(), 0..400), step in 1_usize..50,
        client in any::<bool>(),
    ) {
        let frames = || if client { Frames::of_client() } else { Frames::of_server() };
        prop_assert_eq!(
            read(frames(), &bytes, step).map_err(|_| ()),
            read(frames(), &bytes, bytes.len().max(1)).map_err(|_| ()),
        );
    }
}
