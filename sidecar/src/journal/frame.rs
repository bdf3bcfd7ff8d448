//! How an entry lies in a segment: a mark, its length, a checksum, its text. Whatever was cut off
//! or changed costs that entry and no other: the next one is found again by its mark.
//!
//! It knows nothing of what a text says. It never believes a length that no checksum vouches for.

use memchr::memmem;

/// Begins each frame, and names the format. Texts are UTF-8, where the byte 0xFF never occurs, so
/// nobody's text can pretend to hold a frame.
const MARK: [u8; 4] = [0xff, b'u', b'1', 0xff];
/// Mark, length and checksum (CRC-32C of length and text), both little-endian.
const HEAD_LENGTH: usize = 12;
/// The room that is made for a frame: most are shorter.
const USUAL_LENGTH: usize = 512;
/// The longest text. A record is about 1 KiB; the provider's own usage object in it at most 16.
pub(super) const TEXT_LENGTH_MAX: usize = 64 * 1024;

/// The frame of what `write` writes; `None` when that is too long.
pub(super) fn frame(write: impl FnOnce(&mut Vec<u8>)) -> Option<Vec<u8>> {
    let mut frame = Vec::with_capacity(USUAL_LENGTH);
    frame.extend_from_slice(&[0; HEAD_LENGTH]);
    write(&mut frame);
    let length = frame.len() - HEAD_LENGTH;
    let told = u32::try_from(length).ok().filter(|_| length <= TEXT_LENGTH_MAX)?.to_le_bytes();
    let sum = checksum(told, &frame[HEAD_LENGTH..]);
    frame[..4].copy_from_slice(&MARK);
    frame[4..8].copy_from_slice(&told);
    frame[8..HEAD_LENGTH].copy_from_slice(&sum.to_le_bytes());
    Some(frame)
}

fn checksum(length: [u8; 4], text: &[u8]) -> u32 {
    crc32c::crc32c_append(crc32c::crc32c(&length), text)
}

/// The texts of a segment that are whole.
pub(super) struct Frames<'a> {
    rest: &'a [u8],
    within_damage: bool,
    damaged: u64,
}

impl<'a> Frames<'a> {
    /// Reads a segment from its begin.
    pub(super) fn new(segment: &'a [u8]) -> Self {
        Self { rest: segment, within_damage: false, damaged: 0 }
    }

    /// How many places were passed over by now because they are no frame.
    pub(super) fn damaged(&self) -> u64 {
        self.damaged
    }
}

impl<'a> Iterator for Frames<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        while let Some((_, after)) = self.rest.split_first() {
            if let Some((text, rest)) = whole(self.rest) {
                self.rest = rest;
                self.within_damage = false;
                return Some(text);
            }
            self.damaged += u64::from(!self.within_damage);
            self.within_damage = true;
            self.rest = memmem::find(after, &MARK).map_or(&[], |place| &after[place..]);
        }
        None
    }
}

/// The text of the frame at the begin, and what follows it.
fn whole(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (mark, bytes) = bytes.split_first_chunk::<4>()?;
    let (length, bytes) = bytes.split_first_chunk::<4>()?;
    let (sum, bytes) = bytes.split_first_chunk::<4>()?;
    let told = usize::try_from(u32::from_le_bytes(*length)).ok()?;
    if *mark != MARK || told > TEXT_LENGTH_MAX {
        return None;
    }
    let (text, rest) = bytes.split_at_checked(told)?;
    (checksum(*length, text) == u32::from_le_bytes(*sum)).then_some((text, rest))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn framed(text: &[u8]) -> Vec<u8> {
        frame(|frame| frame.extend_from_slice(text)).expect("short enough")
    }

    fn read(segment: &[u8]) -> (Vec<Vec<u8>>, u64) {
        let mut frames = Frames::new(segment);
        let texts = frames.by_ref().map(<[u8]>::to_vec).collect();
        (texts, frames.damaged())
    }

    /// A segment, and where each frame in it begins.
    fn segment(texts: &[Vec<u8>]) -> (Vec<u8>, Vec<usize>) {
        let (mut all, mut starts) = (Vec::new(), Vec::new());
        for text in texts {
            starts.push(all.len());
            all.extend_from_slice(&framed(text));
        }
        (all, starts)
    }

    fn few() -> Vec<Vec<u8>> {
        [&b"{\"ended\":1}"[..], b"", b"\"u1\" is no mark", b"{}"].map(<[u8]>::to_vec).to_vec()
    }

    #[test]
    fn a_segment_cut_anywhere_keeps_every_entry_before_the_cut() {
        let texts = few();
        let (all, mut starts) = segment(&texts);
        starts.push(all.len());
        for cut in 0..=all.len() {
            let whole = starts.iter().skip(1).filter(|end| **end <= cut).count();
            let (seen, damaged) = read(&all[..cut]);
            assert_eq!(seen, texts[..whole], "cut at {cut}");
            assert_eq!(damaged, u64::from(!starts.contains(&cut)), "cut at {cut}");
        }
    }

    #[test]
    fn a_flipped_bit_costs_its_own_entry_and_no_other() {
        let texts = few();
        let (all, starts) = segment(&texts);
        for bit in 0..all.len() * 8 {
            let mut hurt = all.clone();
            hurt[bit / 8] ^= 1 << (bit % 8);
            let own = starts.iter().filter(|start| **start <= bit / 8).count() - 1;
            let mut left = texts.clone();
            left.remove(own);
            assert_eq!(read(&hurt), (left, 1), "bit {bit}");
        }
    }

    #[test]
    fn a_text_that_is_too_long_gets_no_frame() {
        let fill = |length: usize| frame(|frame| frame.resize(frame.len() + length, b'x'));
        assert!(fill(TEXT_LENGTH_MAX).is_some());
        assert!(fill(TEXT_LENGTH_MAX + 1).is_none());
    }

    proptest! {
        #[test]
        fn what_was_written_is_read_whatever_lies_between(
            parts in prop::collection::vec((".{0,40}", prop::collection::vec(any::<u8>(), 0..30)), 0..12),
        ) {
            let mut all = Vec::new();
            for (text, rubbish) in &parts {
                all.extend_from_slice(&framed(text.as_bytes()));
                all.extend_from_slice(rubbish);
            }
            let texts: Vec<Vec<u8>> = parts.iter().map(|(text, _)| text.clone().into_bytes()).collect();
            let (seen, damaged) = read(&all);
            prop_assert_eq!(seen, texts);
            let between = parts.iter().filter(|(_, rubbish)| !rubbish.is_empty()).count();
            prop_assert_eq!(damaged, between as u64);
        }

        #[test]
        fn rubbish_is_never_an_entry(
            pieces in prop::collection::vec(prop_oneof![
                Just(MARK.to_vec()),
                Just(vec![0; 8]),
                prop::collection::vec(any::<u8>(), 0..20),
            ], 0..60),
        ) {
            // Eight zeros after a mark would be an empty text whose checksum is zero: it is not.
            prop_assert_eq!(read(&pieces.concat()).0, Vec::<Vec<u8>>::new());
        }

        #[test]
        fn many_hurts_leave_what_they_did_not_touch(
            texts in prop::collection::vec("[ -~]{0,60}", 1..12),
            hurts in prop::collection::vec((any::<prop::sample::Index>(), 1_u8..), 0..6),
        ) {
            let texts: Vec<Vec<u8>> = texts.into_iter().map(String::into_bytes).collect();
            let (mut all, starts) = segment(&texts);
            let mut touched = std::collections::BTreeSet::new();
            let intact = all.clone();
            for (place, change) in hurts {
                let place = place.index(all.len());
                all[place] ^= change;
                touched.insert(place);
            }
            touched.retain(|place| all[*place] != intact[*place]);
            let own = |place: &usize| starts.iter().filter(|start| *start <= place).count() - 1;
            let hurt: std::collections::BTreeSet<usize> = touched.iter().map(own).collect();
            let left = (0..texts.len()).filter(|n| !hurt.contains(n)).map(|n| texts[n].clone());
            prop_assert_eq!(read(&all).0, left.collect::<Vec<_>>());
        }
    }
}
