//! Reads server-sent events as they pass (html.spec.whatwg.org/multipage/server-sent-events.html):
//! finds the `data` of each and where it ends. Keeps nothing but its place.

/// A piece of the stream that matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Piece<'a> {
    /// The next bytes of this event's data.
    Data(&'a [u8]),
    /// The event is over.
    End,
}

const NAME: &[u8] = b"data:";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum At {
    /// In the name, of which so many bytes fit.
    Name(usize),
    /// After `data:`.
    Data,
    /// In a line of another name.
    Other,
}

/// The place in the stream.
#[derive(Debug)]
pub(crate) struct Sse {
    at: At,
    /// A line ended with a carriage return; a line feed after it belongs to it.
    returned: bool,
}

impl Default for Sse {
    fn default() -> Self {
        Self { at: At::Name(0), returned: false }
    }
}

impl Sse {
    /// Takes the next bytes and gives each piece in them, in order.
    pub(crate) fn feed(&mut self, bytes: &[u8], mut give: impl FnMut(Piece<'_>)) {
        let mut rest = bytes;
        while let Some(&first) = rest.first() {
            if std::mem::take(&mut self.returned) && first == b'\n' {
                rest = &rest[1..];
                continue;
            }
            let end = memchr::memchr2(b'\n', b'\r', rest);
            let line = &rest[..end.unwrap_or(rest.len())];
            self.part(line, &mut give);
            let Some(end) = end else { return };
            if self.at == At::Name(0) {
                give(Piece::End);
            }
            self.at = At::Name(0);
            self.returned = rest[end] == b'\r';
            rest = &rest[end + 1..];
        }
    }

    fn part(&mut self, line: &[u8], give: &mut impl FnMut(Piece<'_>)) {
        let mut line = line;
        if let At::Name(fits) = self.at {
            let wanted = &NAME[fits..];
            let n = wanted.len().min(line.len());
            if line[..n] != wanted[..n] {
                self.at = At::Other;
                return;
            }
            self.at = if n == wanted.len() { At::Data } else { At::Name(fits + n) };
            line = &line[n..];
        }
        if self.at == At::Data && !line.is_empty() {
            give(Piece::Data(line));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn events(text: &str, step: usize) -> Vec<String> {
        let mut sse = Sse::default();
        let (mut all, mut data) = (Vec::new(), String::new());
        for part in text.as_bytes().chunks(step) {
            sse.feed(part, |piece| match piece {
                Piece::Data(bytes) => data.push_str(std::str::from_utf8(bytes).expect("ASCII")),
                Piece::End => all.push(std::mem::take(&mut data)),
            });
        }
        all
    }

    #[test]
    fn lines_may_end_in_three_ways_and_be_cut_anywhere() {
        for end in ["\n", "\r\n", "\r"] {
            let text =
                ["event: a", "data: {\"x\":", "data: 1}", "", ": ping", "dat: 7", "data", ""]
                    .join(end)
                    + end;
            for step in 1..=text.len() {
                assert_eq!(events(&text, step), [" {\"x\": 1}", ""], "{end:?} by {step}");
            }
        }
    }
}
