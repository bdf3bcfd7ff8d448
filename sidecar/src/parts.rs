//! A whole body in the parts in which it came. A long prompt comes in many, and to join them would
//! cost a copy of it: they are read, changed and sent one after the other.

use std::borrow::Cow;
use std::collections::VecDeque;
use std::ops::Range;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::{Bytes, BytesMut};
use hyper::body::{Body, Frame, SizeHint};

use crate::body::BoxError;

/// The parts of one body, in their order. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub(crate) struct Parts(VecDeque<Bytes>);

impl From<VecDeque<Bytes>> for Parts {
    fn from(parts: VecDeque<Bytes>) -> Self {
        Self(parts)
    }
}

impl From<String> for Parts {
    fn from(text: String) -> Self {
        Self(VecDeque::from([text.into()]))
    }
}

/// Parts smaller than this are copied together, in bytes: a body that drips in takes no more room
/// than one that comes at once.
const PART_LENGTH_MIN: usize = 4 * 1024;

/// Parts as they come.
#[derive(Default)]
pub(crate) struct Coming {
    parts: VecDeque<Bytes>,
    /// Small ones, not yet among the others.
    small: BytesMut,
    length: usize,
}

impl Coming {
    /// The next part.
    pub(crate) fn push(&mut self, part: Bytes) {
        self.length += part.len();
        if part.len() >= PART_LENGTH_MIN {
            self.settle();
            self.parts.push_back(part);
            return;
        }
        self.small.extend_from_slice(&part);
        if self.small.len() >= PART_LENGTH_MIN {
            self.settle();
        }
    }

    /// How many bytes have come.
    pub(crate) fn length(&self) -> usize {
        self.length
    }

    /// All that have come.
    pub(crate) fn end(mut self) -> Parts {
        self.settle();
        Parts(self.parts)
    }

    fn settle(&mut self) {
        if !self.small.is_empty() {
            self.parts.push_back(self.small.split().freeze());
        }
    }
}

impl Parts {
    /// How many bytes all of them have.
    pub(crate) fn len(&self) -> usize {
        self.0.iter().map(Bytes::len).sum()
    }

    /// Takes the first away.
    pub(crate) fn next(&mut self) -> Option<Bytes> {
        self.0.pop_front()
    }

    /// One after the other.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Bytes> {
        self.0.iter()
    }

    /// All as one; a single one is not copied.
    pub(crate) fn joined(&self) -> Bytes {
        if let [one] = self.0.as_slices().0
            && self.0.len() == 1
        {
            return one.clone();
        }
        let mut all = BytesMut::with_capacity(self.len());
        self.0.iter().for_each(|part| all.extend_from_slice(part));
        all.freeze()
    }

    /// The bytes at a place that is within them, without a copy.
    pub(crate) fn cut(&self, place: Range<usize>) -> Self {
        let mut before = 0;
        let mut cut = VecDeque::new();
        for part in &self.0 {
            let from = place.start.max(before) - before;
            let to = place.end.min(before + part.len()).saturating_sub(before);
            if from < to {
                cut.push_back(part.slice(from..to));
            }
            before += part.len();
        }
        Self(cut)
    }

    /// The bytes at a place that is within them, as one; a place within one part is not copied.
    pub(crate) fn at(&self, place: Range<usize>) -> Cow<'_, [u8]> {
        let mut before = 0;
        for part in &self.0 {
            let within = place.start.checked_sub(before).zip(place.end.checked_sub(before));
            if let Some(bytes) = within.and_then(|(from, to)| part.get(from..to)) {
                return Cow::Borrowed(bytes);
            }
            before += part.len();
        }
        Cow::Owned(self.cut(place).joined().into())
    }

    /// The same with `middle` in the place of what is there.
    pub(crate) fn with(&self, place: Range<usize>, middle: Bytes) -> Self {
        let mut edited = self.cut(0..place.start);
        edited.0.push_back(middle);
        edited.0.extend(self.cut(place.end..self.len()).0);
        edited
    }
}

/// Sends the parts.
impl Body for Parts {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        Poll::Ready(self.next().map(|part| Ok(Frame::data(part))))
    }

    fn is_end_stream(&self) -> bool {
        self.0.is_empty()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.len() as u64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(of: &[&'static str]) -> Parts {
        Parts::from(
            of.iter().map(|part| Bytes::from_static(part.as_bytes())).collect::<VecDeque<_>>(),
        )
    }

    #[test]
    fn a_body_that_drips_in_lies_in_few_parts() {
        let mut coming = Coming::default();
        let text: Vec<u8> = (0..=255).cycle().take(100_000).collect();
        text.chunks(3).for_each(|part| coming.push(Bytes::copy_from_slice(part)));
        coming.push(vec![7; PART_LENGTH_MIN].into());
        assert_eq!(coming.length(), text.len() + PART_LENGTH_MIN);
        let parts = coming.end();
        assert!(parts.iter().count() <= text.len() / PART_LENGTH_MIN + 2);
        assert_eq!(parts.joined(), [&text[..], &[7; PART_LENGTH_MIN]].concat());
    }

    #[test]
    fn what_is_cut_or_put_in_is_the_same_however_the_parts_lie() {
        let text = "0123456789";
        for cuts in [&["0123456789"][..], &["", "0", "1234", "", "56789"], &["01234", "56789"]] {
            let parts = parts(cuts);
            assert_eq!((parts.len(), &parts.joined()[..]), (10, text.as_bytes()));
            for from in 0..=text.len() {
                for to in from..=text.len() {
                    assert_eq!(parts.cut(from..to).joined(), &text.as_bytes()[from..to]);
                    assert_eq!(*parts.at(from..to), text.as_bytes()[from..to]);
                    let edited = parts.with(from..to, Bytes::from_static(b"xy")).joined();
                    assert_eq!(edited, format!("{}xy{}", &text[..from], &text[to..]));
                }
            }
        }
    }
}
