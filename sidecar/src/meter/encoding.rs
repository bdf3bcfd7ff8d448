//! Takes the content encoding off a copy of an answer, for the meter alone. The sidecar asks for
//! plain answers, so this is for providers that do not listen; the client gets the bytes as they
//! came.

use std::fmt;
use std::io::{self, Write};

use flate2::write::{DeflateDecoder, MultiGzDecoder, ZlibDecoder};

/// How much is undressed at a time. A kilobyte of deflate holds at most a megabyte.
const PART_LENGTH: usize = 1024;
/// The most that is undressed of one answer: no provider's is a tenth of that, so it is a trap.
const PLAIN_LENGTH_MAX: usize = 256 * 1024 * 1024;
/// The longest name of an encoding that is repeated in a reason.
const NAME_LENGTH_MAX: usize = 20;

/// What an answer is dressed in.
pub(super) enum Encoding {
    /// Nothing.
    Plain,
    /// `deflate`, which is one of two things; its first byte says which.
    Deflate,
    Gzip(Box<MultiGzDecoder<Plain>>),
    Zlib(Box<ZlibDecoder<Plain>>),
    Raw(Box<DeflateDecoder<Plain>>),
    /// Nobody reads it, for this reason.
    Unread(String),
}

/// Where undressed bytes wait to be read.
pub(super) struct Plain {
    bytes: Vec<u8>,
    /// So much may still come.
    left: usize,
}

impl Default for Plain {
    fn default() -> Self {
        Self { bytes: Vec::new(), left: PLAIN_LENGTH_MAX }
    }
}

impl Write for Plain {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let too_much = || io::Error::other("it unfolds to more than any answer is");
        self.left = self.left.checked_sub(bytes.len()).ok_or_else(too_much)?;
        self.bytes.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl fmt::Debug for Encoding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Plain => "Plain",
            Self::Deflate | Self::Zlib(_) | Self::Raw(_) => "Deflate",
            Self::Gzip(_) => "Gzip",
            Self::Unread(_) => "Unread",
        })
    }
}

impl Encoding {
    /// What a `content-encoding` says.
    pub(super) fn of(name: Option<&str>) -> Self {
        match name.map(str::trim).unwrap_or_default() {
            "" | "identity" => Self::Plain,
            "gzip" | "x-gzip" => Self::Gzip(Box::new(MultiGzDecoder::new(Plain::default()))),
            "deflate" => Self::Deflate,
            other => {
                let name: String = other.chars().take(NAME_LENGTH_MAX).collect();
                Self::Unread(format!("the answer came as {name}, which is not read"))
            }
        }
    }

    /// Takes the next bytes and gives them undressed.
    pub(super) fn undress(&mut self, bytes: &[u8], mut give: impl FnMut(&[u8])) {
        if matches!(self, Self::Deflate)
            && let Some(first) = bytes.first()
        {
            // RFC 1950: the low half of zlib's first byte is 8. Of raw deflate that would be a
            // block of a kind that does not exist.
            *self = if first & 0x0f == 8 {
                Self::Zlib(Box::new(ZlibDecoder::new(Plain::default())))
            } else {
                Self::Raw(Box::new(DeflateDecoder::new(Plain::default())))
            };
        }
        if matches!(self, Self::Plain) {
            give(bytes);
            return;
        }
        for part in bytes.chunks(PART_LENGTH) {
            let read = match self {
                Self::Gzip(decoder) => step(decoder.as_mut(), part).map(|()| decoder.get_mut()),
                Self::Zlib(decoder) => step(decoder.as_mut(), part).map(|()| decoder.get_mut()),
                Self::Raw(decoder) => step(decoder.as_mut(), part).map(|()| decoder.get_mut()),
                Self::Plain | Self::Deflate | Self::Unread(_) => return,
            };
            match read {
                Ok(plain) => {
                    give(&plain.bytes);
                    plain.bytes.clear();
                }
                Err(_) => {
                    *self = Self::Unread("the answer's encoding is damaged".to_owned());
                    return;
                }
            }
        }
    }

    /// Why nothing could be read, if that is so.
    pub(super) fn unread(self) -> Option<String> {
        match self {
            Self::Unread(why) => Some(why),
            Self::Plain | Self::Deflate | Self::Gzip(_) | Self::Zlib(_) | Self::Raw(_) => None,
        }
    }
}

fn step(decoder: &mut impl Write, part: &[u8]) -> io::Result<()> {
    decoder.write_all(part)?;
    decoder.flush()
}

#[cfg(test)]
mod tests {
    use flate2::Compression;
    use flate2::write::{DeflateEncoder, GzEncoder, ZlibEncoder};

    use super::*;

    fn undressed(name: &str, bytes: &[u8], step: usize) -> Option<Vec<u8>> {
        let (mut encoding, mut all) = (Encoding::of(Some(name)), Vec::new());
        for part in bytes.chunks(step) {
            encoding.undress(part, |plain| all.extend_from_slice(plain));
        }
        encoding.unread().is_none().then_some(all)
    }

    #[test]
    fn both_kinds_of_deflate_and_gzip_are_read_however_they_are_cut() {
        let words = b"some plain words, some plain words";
        let best = Compression::best();
        let mut gzip = GzEncoder::new(Vec::new(), best);
        gzip.write_all(words).expect("written");
        let mut zlib = ZlibEncoder::new(Vec::new(), best);
        zlib.write_all(words).expect("written");
        let mut raw = DeflateEncoder::new(Vec::new(), best);
        raw.write_all(words).expect("written");
        for (name, bytes) in [
            ("gzip", gzip.finish().expect("gzip")),
            ("deflate", zlib.finish().expect("zlib")),
            ("deflate", raw.finish().expect("deflate")),
            ("identity", words.to_vec()),
        ] {
            for step in 1..=bytes.len() {
                assert_eq!(undressed(name, &bytes, step).as_deref(), Some(&words[..]), "{name}");
            }
        }
    }

    #[test]
    fn what_is_damaged_or_strange_is_said_to_be_unread() {
        assert_eq!(undressed("gzip", b"this is no gzip", 4), None);
        assert_eq!(undressed("br", b"whatever", 4), None);
        let why = Encoding::of(Some("zstd")).unread();
        assert_eq!(why.as_deref(), Some("the answer came as zstd, which is not read"));
    }

    #[test]
    fn a_trap_is_left_before_it_unfolds() {
        let mut gzip = GzEncoder::new(Vec::new(), Compression::fast());
        let zeros = vec![0; 1024 * 1024];
        gzip.write_all(&zeros).expect("written");
        let bytes = gzip.finish().expect("gzip");
        for (left, unread) in [(zeros.len(), false), (zeros.len() - 1, true)] {
            let decoder = MultiGzDecoder::new(Plain { bytes: Vec::new(), left });
            let mut encoding = Encoding::Gzip(Box::new(decoder));
            encoding.undress(&bytes, |_| {});
            assert_eq!(encoding.unread().is_some(), unread, "{left} bytes may come");
        }
    }
}
