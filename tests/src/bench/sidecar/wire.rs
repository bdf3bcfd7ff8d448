//! As much of HTTP/1.1 as the two ends of a measurement need, and not more: they are ours, and what
//! stands between them is what is measured.

/// The end of a head.
const END: &[u8] = b"\r\n\r\n";
/// The end of a chunked body whose last chunk ends a line, as all of ours do.
const LAST_CHUNK: &[u8] = b"\r\n0\r\n\r\n";

/// Requests as they come in, one after the other.
#[derive(Default)]
pub(super) struct Requests {
    bytes: Vec<u8>,
    /// Head and body of the next one, once its head is there.
    wanted: Option<(usize, usize)>,
    /// What came is a chunked body.
    chunked: bool,
}

impl Requests {
    /// Takes the next bytes.
    pub(super) fn feed(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }

    /// The body of the next whole request, if it is there.
    pub(super) fn next(&mut self) -> Option<Vec<u8>> {
        if self.wanted.is_none() {
            let head = find(&self.bytes, END)? + END.len();
            let text = String::from_utf8_lossy(&self.bytes[..head]).to_ascii_lowercase();
            self.chunked = text.contains("\r\ntransfer-encoding: chunked\r\n");
            self.wanted = Some((head, length(&text).unwrap_or(0)));
        }
        let (head, length) = self.wanted?;
        let end = match self.chunked {
            true => head + find(&self.bytes[head..], LAST_CHUNK)? + LAST_CHUNK.len(),
            false => head + length,
        };
        if self.bytes.len() < end {
            return None;
        }
        self.wanted = None;
        let body = self.bytes[head..end].to_vec();
        self.bytes.drain(..end);
        Some(body)
    }
}

/// One answer as it comes in.
#[derive(Default)]
pub(super) struct Answer {
    head: Vec<u8>,
    /// How much of the body is still to come, if its length was told.
    left: Option<usize>,
    /// The last bytes of a chunked body.
    tail: Vec<u8>,
    in_body: bool,
}

impl Answer {
    /// Takes the next bytes; gives whether the answer is over.
    ///
    /// # Errors
    /// Its first line, when it is no 200.
    pub(super) fn feed(&mut self, bytes: &[u8]) -> Result<bool, String> {
        if self.in_body {
            return Ok(self.body(bytes));
        }
        self.head.extend_from_slice(bytes);
        let Some(end) = find(&self.head, END) else { return Ok(false) };
        let text = String::from_utf8_lossy(&self.head[..end + END.len()]).to_ascii_lowercase();
        if !text.starts_with("http/1.1 200 ") {
            return Err(String::from_utf8_lossy(&self.head).into_owned());
        }
        self.left = length(&text);
        self.in_body = true;
        // An end of a line before the first chunk, so that an empty body ends like any other.
        self.tail = b"\r\n".to_vec();
        let rest = self.head.split_off(end + END.len());
        Ok(self.body(&rest))
    }

    /// Whether the first byte of the body is there.
    pub(super) fn has_begun(&self) -> bool {
        self.in_body && (self.tail.len() > 2 || self.left.is_some())
    }

    fn body(&mut self, bytes: &[u8]) -> bool {
        if let Some(left) = &mut self.left {
            *left = left.saturating_sub(bytes.len());
            return *left == 0;
        }
        self.tail.extend_from_slice(&bytes[bytes.len().saturating_sub(LAST_CHUNK.len())..]);
        self.tail.drain(..self.tail.len().saturating_sub(LAST_CHUNK.len()));
        self.tail == LAST_CHUNK
    }
}

/// A body's piece as it stands on the wire.
pub(super) fn chunk(data: &[u8]) -> Vec<u8> {
    let mut chunk = format!("{:x}\r\n", data.len()).into_bytes();
    chunk.extend_from_slice(data);
    chunk.extend_from_slice(b"\r\n");
    chunk
}

fn length(head: &str) -> Option<usize> {
    let line = head.lines().find_map(|line| line.strip_prefix("content-length:"))?;
    line.trim().parse().ok()
}

fn find(bytes: &[u8], what: &[u8]) -> Option<usize> {
    memchr::memmem::find(bytes, what)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_are_told_apart_however_they_are_cut() {
        let two = b"POST /a HTTP/1.1\r\ncontent-length: 2\r\n\r\n{}POST /b HTTP/1.1\r\n\
            transfer-encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n";
        for step in 1..=two.len() {
            let (mut requests, mut bodies) = (Requests::default(), Vec::new());
            for part in two.chunks(step) {
                requests.feed(part);
                bodies.extend(std::iter::from_fn(|| requests.next()));
            }
            assert_eq!(bodies, [b"{}".to_vec(), b"2\r\n{}\r\n0\r\n\r\n".to_vec()], "{step}");
        }
    }

    #[test]
    fn an_answer_is_over_at_its_last_byte_and_not_before() {
        let told = b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc".to_vec();
        let mut chunked = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n".to_vec();
        chunked.extend(chunk(b"data: 0\n\n"));
        chunked.extend(b"0\r\n\r\n");
        for whole in [told, chunked] {
            for step in 1..=whole.len() {
                let mut answer = Answer::default();
                let over: Vec<bool> =
                    whole.chunks(step).map(|part| answer.feed(part).expect("a 200")).collect();
                assert_eq!(over.iter().position(|over| *over), Some(over.len() - 1), "{step}");
            }
        }
        let refused = Answer::default().feed(b"HTTP/1.1 401 No\r\n\r\n");
        assert!(refused.expect_err("no 200").contains("401"));
    }
}
