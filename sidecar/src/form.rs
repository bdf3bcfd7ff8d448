//! Reads one short field of a form with files in it (RFC 7578). It changes nothing and needs no
//! boundary: a field's name, an empty line, and its value up to the next line end.

/// The longest value that is read; ours is the name of a model.
const VALUE_LENGTH_MAX: usize = 200;

/// The value of the first field of this name.
pub(crate) fn field(body: &[u8], name: &str) -> Option<String> {
    let marker = format!("name=\"{name}\"\r\n\r\n");
    let from = memchr::memmem::find(body, marker.as_bytes())? + marker.len();
    let rest = &body[from..];
    let rest = &rest[..rest.len().min(VALUE_LENGTH_MAX)];
    let end = memchr::memchr(b'\r', rest)?;
    String::from_utf8(rest[..end].to_vec()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_is_found_by_its_name() {
        let body = b"--b\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a.mp3\"\r\n\
            Content-Type: audio/mpeg\r\n\r\n\xff\xfb\r\n--b\r\n\
            Content-Disposition: form-data; name=\"model\"\r\n\r\nwhisper-1\r\n--b--\r\n";
        assert_eq!(field(body, "model").as_deref(), Some("whisper-1"));
        assert_eq!(field(body, "language"), None);
        assert_eq!(field(b"name=\"model\"\r\n\r\nno end", "model"), None);
    }
}
