//! A second reader of HTTP/1.1, written from RFC 9112 and strict where others are kind: what the
//! sidecar puts on a wire must be read in one way only. It shares no code with the sidecar's own.

/// A message: the words of its first line, its headers in order with names in small letters, its body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// Of a request: method, target, version. Of an answer: version, status, the rest.
    pub first: [String; 3],
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

/// Why bytes are no message.
pub type Bad = String;

impl Message {
    /// Every value of a header.
    pub fn all(&self, name: &str) -> Vec<&str> {
        let of = self.headers.iter().filter(|(n, _)| n == name);
        of.map(|(_, value)| value.as_str()).collect()
    }

    /// Of a request: its method.
    pub fn method(&self) -> &str {
        &self.first[0]
    }

    /// Of a request: its target.
    pub fn target(&self) -> &str {
        &self.first[1]
    }

    /// Of an answer: its status.
    pub fn status(&self) -> u16 {
        self.first[1].parse().expect("it was read as a number")
    }
}

/// Reads the request at the begin; `None` while it is not whole. Gives its length too.
pub fn request(bytes: &[u8]) -> Result<Option<(Message, usize)>, Bad> {
    let Some((first, headers, from)) = head(bytes)? else { return Ok(None) };
    let [method, target, version] = &first;
    if version != "HTTP/1.1" || !token(method) {
        return Err(format!("no request line: {first:?}"));
    }
    let plain = |b: u8| b.is_ascii_graphic() && !matches!(b, b'#' | b'"' | b'<' | b'>' | b'\\');
    if !target.starts_with('/') || !target.bytes().all(plain) {
        return Err(format!("no origin form: {target:?}"));
    }
    let mut message = Message { first, headers, body: Vec::new() };
    if message.all("host").len() != 1 {
        return Err("not one host".to_owned());
    }
    let Some((body, length)) = body(&message, &bytes[from..], false)? else { return Ok(None) };
    message.body = body;
    Ok(Some((message, from + length)))
}

/// Every answer in what a server sent before it closed. An answer without a length lasts to the end.
pub fn answers(bytes: &[u8]) -> Result<Vec<Message>, Bad> {
    let (mut all, mut rest) = (Vec::new(), bytes);
    while !rest.is_empty() {
        let (first, headers, from) = head(rest)?.ok_or("a head without an end")?;
        if !first[0].starts_with("HTTP/1.") || first[1].len() != 3 {
            return Err(format!("no status line: {first:?}"));
        }
        let mut message = Message { first, headers, body: Vec::new() };
        if message.status() < 200 {
            rest = &rest[from..];
            continue;
        }
        let whole = body(&message, &rest[from..], true)?;
        let (body, length) = whole.ok_or("a body without its end")?;
        message.body = body;
        all.push(message);
        rest = &rest[from + length..];
    }
    Ok(all)
}

type Head = ([String; 3], Vec<(String, String)>, usize);

fn head(bytes: &[u8]) -> Result<Option<Head>, Bad> {
    let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") else {
        return Ok(None);
    };
    let text = std::str::from_utf8(&bytes[..end]).map_err(|_| "a head that is not UTF-8")?;
    let mut lines = text.split("\r\n");
    let line = lines.next().unwrap_or_default();
    let mut words = line.splitn(3, ' ').map(str::to_owned);
    let mut word = || words.next().ok_or_else(|| format!("a first line of {line:?}"));
    let first = [word()?, word()?, word()?];
    let mut headers = Vec::new();
    for line in lines {
        let (name, value) = line.split_once(':').ok_or_else(|| format!("no header: {line:?}"))?;
        if !token(name) {
            return Err(format!("no header's name: {name:?}"));
        }
        let value = value.trim_matches([' ', '\t']);
        if value.chars().any(|c| c.is_control() && c != '\t') {
            return Err(format!("a control byte in {name}: {value:?}"));
        }
        headers.push((name.to_ascii_lowercase(), value.to_owned()));
    }
    Ok(Some((first, headers, end + 4)))
}

fn token(text: &str) -> bool {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b);
    !text.is_empty() && text.bytes().all(plain)
}

/// The body and how long it is on the wire. Two lengths, of whatever kind, are an error.
fn body(message: &Message, rest: &[u8], to_end: bool) -> Result<Option<(Vec<u8>, usize)>, Bad> {
    match (&message.all("content-length")[..], &message.all("transfer-encoding")[..]) {
        ([], []) if to_end => Ok(Some((rest.to_vec(), rest.len()))),
        ([], []) => Ok(Some((Vec::new(), 0))),
        ([length], []) => {
            if length.is_empty() || !length.bytes().all(|b| b.is_ascii_digit()) {
                return Err(format!("no length: {length:?}"));
            }
            let length: usize = length.parse().map_err(|_| "a length beyond all bounds")?;
            Ok(rest.get(..length).map(|body| (body.to_vec(), length)))
        }
        ([], ["chunked"]) => chunks(rest),
        odd => Err(format!("it is framed as {odd:?}")),
    }
}

fn chunks(rest: &[u8]) -> Result<Option<(Vec<u8>, usize)>, Bad> {
    let (mut body, mut at) = (Vec::new(), 0);
    loop {
        let Some(end) = rest[at..].windows(2).position(|two| two == b"\r\n") else {
            return Ok(None);
        };
        let size = std::str::from_utf8(&rest[at..at + end]).map_err(|_| "no size")?;
        if size.is_empty() || !size.bytes().all(|b| b.is_ascii_hexdigit()) {
            return Err(format!("no chunk's size: {size:?}"));
        }
        let size = usize::from_str_radix(size, 16).map_err(|_| "a size beyond all bounds")?;
        let (from, to) = (at + end + 2, at + end + 2 + size);
        let Some(line_end) = rest.get(to..to + 2) else { return Ok(None) };
        if line_end != b"\r\n" {
            return Err("a chunk without its end, or trailers".to_owned());
        }
        body.extend_from_slice(&rest[from..to]);
        at = to + 2;
        if size == 0 {
            return Ok(Some((body, at)));
        }
    }
}
