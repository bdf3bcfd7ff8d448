//! The golden answers: one file each, `NAME.txt`, written by us after the providers' documented
//! formats. Beside it `NAME.expected` holds what must be recorded of the whole, and of each
//! beginning of it that ends with an event. The meter's own test and the test of a whole sidecar
//! read the same files.
//!
//! A file begins with lines `name: value`: `request` (the path), `body` (of the request), `type`
//! (content type), `header` (one more), `ends` (`crlf` or `cr` for the lines of the answer), `fill`
//! (so many letters stand for `{FILL}`), `dress` (`gzip`, or `as PART` for what nobody reads), and
//! `frames: yes` (each line is an event's name and its JSON). After an empty line comes the answer.

#![allow(
    dead_code,
    missing_docs,
    unreachable_pub,
    reason = "it is part of two crates, and each uses its part"
)]

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use events::price::Cost;
use events::usage::{Completion, Tokens};
use flate2::Compression;
use flate2::Crc;
use flate2::write::GzEncoder;

/// One answer and the request that it is to.
pub struct Case {
    pub name: String,
    pub path: String,
    pub request: String,
    pub content_type: String,
    /// Besides the content type.
    pub headers: Vec<(String, String)>,
    /// The answer on the wire.
    pub body: Vec<u8>,
    /// Where each event ends in it; empty when it is one document, or dressed.
    pub ends: Vec<usize>,
}

/// Where the files are.
pub fn directory() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden")
}

/// Every case, in the order of their names.
pub fn all() -> Vec<Case> {
    let files = fs::read_dir(directory()).expect("the directory of golden answers");
    let mut paths: Vec<PathBuf> = files.map(|file| file.expect("a file").path()).collect();
    paths.retain(|path| path.extension().is_some_and(|end| end == "txt"));
    paths.sort();
    paths.iter().map(|path| read(path)).collect()
}

fn read(path: &Path) -> Case {
    let text = fs::read_to_string(path).expect("a text");
    let (head, answer) = text.split_once("\n\n").expect("an empty line after the head");
    let pairs = head.lines().map(|line| line.split_once(": ").expect("name: value"));
    let pairs: Vec<(&str, &str)> = pairs.collect();
    let all = |name| pairs.iter().filter(move |(n, _)| *n == name).map(|(_, value)| *value);
    let one = |name| all(name).next();
    let fill = one("fill").map_or(0, |n| n.parse().expect("a number"));
    let answer = answer.replace("{FILL}", &"x".repeat(fill));
    let mut headers: Vec<(String, String)> = all("header")
        .map(|line| line.split_once(": ").expect("name: value"))
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect();
    let content_type = one("type").unwrap_or("application/json").to_owned();
    let mut pieces = match one("frames") {
        Some(_) => frames(&answer),
        None => pieces(&answer, &content_type, one("ends")),
    };
    if let Some(dress) = one("dress") {
        pieces = vec![dressed(dress, &pieces.concat(), &mut headers)];
    }
    let end = |at: &mut usize, piece: &Vec<u8>| {
        *at += piece.len();
        Some(*at)
    };
    let ends = pieces.iter().scan(0, end).collect();
    Case {
        name: path.file_stem().expect("a name").to_string_lossy().into_owned(),
        path: one("request").expect("a request").to_owned(),
        request: one("body").expect("a body").to_owned(),
        content_type,
        headers,
        body: pieces.concat(),
        ends: if pieces.len() > 1 { ends } else { Vec::new() },
    }
}

/// The answer in pieces that end with an event.
fn pieces(answer: &str, content_type: &str, ends: Option<&str>) -> Vec<Vec<u8>> {
    let line_end = match ends {
        Some("crlf") => "\r\n",
        Some("cr") => "\r",
        _ => "\n",
    };
    let event_end = if content_type.starts_with("text/event-stream") { "\n\n" } else { "\n,\n" };
    let pieces = answer.split_inclusive(event_end);
    pieces.map(|piece| piece.replace('\n', line_end).into_bytes()).collect()
}

fn frames(answer: &str) -> Vec<Vec<u8>> {
    let lines = answer.lines().filter_map(|line| line.split_once(' '));
    lines.map(|(name, json)| frame_bytes(name, json.as_bytes())).collect()
}

/// A frame of an AWS event stream. A name with an exclamation mark is an exception's; the payload
/// of a `chunk` is wrapped as Bedrock does it.
pub fn frame_bytes(name: &str, payload: &[u8]) -> Vec<u8> {
    let (kind, label, name) = match name.strip_suffix('!') {
        Some(name) => ("exception", ":exception-type", name),
        None => ("event", ":event-type", name),
    };
    let wrapped = format!(r#"{{"bytes":"{}","p":"abcdefgh"}}"#, base64(payload));
    let payload = if name == "chunk" { wrapped.as_bytes() } else { payload };
    let mut headers = Vec::new();
    for (name, value) in
        [(label, name), (":content-type", "application/json"), (":message-type", kind)]
    {
        headers.push(name.len() as u8);
        headers.extend_from_slice(name.as_bytes());
        headers.push(7);
        headers.extend_from_slice(&(value.len() as u16).to_be_bytes());
        headers.extend_from_slice(value.as_bytes());
    }
    let length = (12 + headers.len() + payload.len() + 4) as u32;
    let mut frame = length.to_be_bytes().to_vec();
    frame.extend_from_slice(&(headers.len() as u32).to_be_bytes());
    frame.extend_from_slice(&checksum(&frame));
    frame.extend_from_slice(&headers);
    frame.extend_from_slice(payload);
    frame.extend_from_slice(&checksum(&frame));
    frame
}

fn checksum(bytes: &[u8]) -> [u8; 4] {
    let mut crc = Crc::new();
    crc.update(bytes);
    crc.sum().to_be_bytes()
}

fn base64(bytes: &[u8]) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for three in bytes.chunks(3) {
        let all = three.iter().fold(0_u32, |all, byte| all << 8 | u32::from(*byte));
        let all = all << (8 * (3 - three.len()));
        for n in 0..4 {
            let letter = LETTERS[(all >> (18 - 6 * n) & 63) as usize];
            text.push(if n <= three.len() { letter.into() } else { '=' });
        }
    }
    text
}

fn dressed(dress: &str, plain: &[u8], headers: &mut Vec<(String, String)>) -> Vec<u8> {
    let name = dress.strip_prefix("as ").unwrap_or(dress);
    headers.push(("content-encoding".to_owned(), name.to_owned()));
    if dress != "gzip" {
        return plain.to_vec();
    }
    let mut gzip = GzEncoder::new(Vec::new(), Compression::best());
    gzip.write_all(plain).expect("written");
    gzip.finish().expect("gzip")
}

/// What is recorded, in one line.
pub fn line(
    model: &str,
    completion: Completion,
    t: &Tokens,
    estimated: bool,
    cost: &Cost,
) -> String {
    let cost = match cost {
        Cost::Known { pico_dollars, table } => {
            // The price table's version changes with the table.
            let table = if table.starts_with("20") { "table" } else { table };
            format!("{pico_dollars} p$ by {table}")
        }
        Cost::Unknown { why } => format!("? ({why})"),
    };
    let about = if estimated { " about" } else { "" };
    format!(
        "{model} {completion:?}{about}: in {} read {} write5m {} write1h {} out {} thought {}, {cost}",
        t.uncached_input, t.cache_read, t.cache_write5m, t.cache_write1h, t.output, t.reasoning
    )
}
