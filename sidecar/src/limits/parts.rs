//! The one field of a form with files in it (RFC 7578), read strictly: every part must look as the
//! official clients write it, so that nobody can read another value than we do.

/// The longest value that is read; ours is the name of a model.
const VALUE_LENGTH_MAX: usize = 200;
/// The longest boundary (RFC 2046, 5.1.1).
const BOUNDARY_LENGTH_MAX: usize = 70;

/// The value of the only field of this name; `None` when there is none or more than one, or when
/// anything about the form is odd.
pub(super) fn field(body: &[u8], content_type: &str, name: &str) -> Option<String> {
    let boundary = boundary(content_type)?;
    let mut rest = body.strip_prefix(format!("--{boundary}\r\n").as_bytes())?;
    let delimiter = format!("\r\n--{boundary}");
    let mut found = None;
    loop {
        let head_end = memchr::memmem::find(rest, b"\r\n\r\n")?;
        let head = std::str::from_utf8(&rest[..head_end]).ok()?;
        let value_from = &rest[head_end + 4..];
        // An empty value's delimiter begins with the line end of its head.
        let value_end = memchr::memmem::find(value_from, delimiter.as_bytes())?;
        let part = Part::read(head)?;
        if part.name.eq_ignore_ascii_case(name) {
            let value = std::str::from_utf8(&value_from[..value_end]).ok()?;
            if found.is_some() || !part.plain || value.len() > VALUE_LENGTH_MAX {
                return None;
            }
            found = Some(value.to_owned());
        }
        let after = &value_from[value_end + delimiter.len()..];
        match after.strip_prefix(b"\r\n") {
            Some(next) => rest = next,
            None => return found.filter(|_| matches!(after, b"--" | b"--\r\n")),
        }
    }
}

fn boundary(content_type: &str) -> Option<&str> {
    let (kind, parameters) = content_type.split_once(';')?;
    if !kind.trim().eq_ignore_ascii_case("multipart/form-data") {
        return None;
    }
    let (name, value) = parameters.trim().split_once('=')?;
    let value = value.strip_prefix('"').and_then(|v| v.strip_suffix('"')).unwrap_or(value);
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"'()+_,-./:=?".contains(&b);
    let good = (1..=BOUNDARY_LENGTH_MAX).contains(&value.len()) && value.bytes().all(plain);
    (name.eq_ignore_ascii_case("boundary") && good).then_some(value)
}

/// What the head of a part says.
struct Part<'a> {
    name: &'a str,
    /// Whether it has neither a file's name nor an encoding.
    plain: bool,
}

impl<'a> Part<'a> {
    fn read(head: &'a str) -> Option<Self> {
        let (mut disposition, mut plain) = (None, true);
        for line in head.split("\r\n") {
            let (name, value) = line.split_once(": ")?;
            if name.eq_ignore_ascii_case("content-disposition") {
                if disposition.replace(value).is_some() {
                    return None;
                }
            } else if !name.eq_ignore_ascii_case("content-type") {
                plain = false;
            }
        }
        let rest = disposition?.strip_prefix("form-data; name=\"")?;
        let (name, rest) = rest.split_once('"')?;
        if !name.bytes().all(|b| b.is_ascii_alphanumeric() || b"_-[].".contains(&b)) {
            return None;
        }
        let file = rest.strip_prefix("; filename=\"").map(|file| file.strip_suffix('"'));
        match file {
            None if rest.is_empty() => Some(Self { name, plain }),
            Some(Some(file)) if !file.contains('"') => Some(Self { name, plain: false }),
            _ => None,
        }
    }
}
