//! What a workspace has used, by the lines of the usage file: read from its end backwards, as far
//! as they matter. A line that came twice counts once.

use std::collections::BTreeSet;
use std::io::{self, Read, Seek, SeekFrom};

use events::{EventId, WorkspaceId};
use jiff::Timestamp;
use ports::Spending;
use serde::Deserialize;

/// How much is read at once, in bytes. A whole block of older lines is where reading ends, so it is
/// larger than what a killed sidecar hands over late: some four thousand lines of about 1 KiB.
pub(crate) const BLOCK: u64 = 8 * 1024 * 1024;

/// What is read of a line.
#[derive(Deserialize)]
struct Line {
    id: EventId,
    subject: Option<String>,
    data: Data,
}

#[derive(Deserialize)]
struct Data {
    #[serde(rename = "teamclaw.started")]
    started: Timestamp,
    #[serde(rename = "gen_ai.usage.input_tokens")]
    input: u64,
    #[serde(rename = "gen_ai.usage.output_tokens")]
    output: u64,
    #[serde(rename = "teamclaw.cost.pico_dollars")]
    pico_dollars: Option<u64>,
}

/// Adds up what a workspace used that began at `since` or later.
///
/// # Errors
/// The file cannot be read, or a line is longer than `block`.
pub(crate) fn total(
    mut file: impl Read + Seek,
    workspace: &WorkspaceId,
    since: Timestamp,
    block: u64,
) -> io::Result<Spending> {
    let mut total = Spending { name: workspace.to_string(), ..Spending::default() };
    let mut seen = BTreeSet::new();
    let mut end = file.seek(SeekFrom::End(0))?;
    while end > 0 {
        let start = end.saturating_sub(block);
        file.seek(SeekFrom::Start(start))?;
        let mut bytes = Vec::new();
        (&mut file).take(end - start).read_to_end(&mut bytes)?;
        let from = match bytes.iter().position(|byte| *byte == b'\n') {
            _ if start == 0 => 0,
            Some(newline) if newline + 1 < bytes.len() => newline + 1,
            _ => return Err(io::Error::other("a line of the usage file is too long")),
        };
        // A line that a kill has cut says nothing.
        let lines = bytes[from..].split(|byte| *byte == b'\n');
        let lines = lines.filter_map(|line| serde_json::from_slice::<Line>(line).ok());
        let mut older = true;
        for line in lines.filter(|line| line.data.started >= since) {
            older = false;
            let subject = line.subject.as_deref().and_then(|subject| subject.split_once('/'));
            let ours = subject.is_some_and(|(_, name)| name == workspace.as_str());
            if ours && seen.insert(line.id) {
                add(&mut total, &line.data);
            }
        }
        if older {
            break;
        }
        end = start + from as u64;
    }
    Ok(total)
}

fn add(total: &mut Spending, data: &Data) {
    total.requests = total.requests.saturating_add(1);
    total.input = total.input.saturating_add(data.input);
    total.output = total.output.saturating_add(data.output);
    let pico_dollars = i128::from(data.pico_dollars.unwrap_or(0));
    total.pico_dollars = total.pico_dollars.saturating_add(pico_dollars);
    total.unpriced = total.unpriced.saturating_add(u64::from(data.pico_dollars.is_none()));
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use serde_json::json;

    use super::*;

    fn line(n: u8, subject: &str, started: &str, cost: Option<u64>) -> String {
        let id = format!("01900000-0000-7000-8000-0000000000{n:02x}");
        let data = json!({"teamclaw.started": started, "gen_ai.usage.input_tokens": 10,
            "gen_ai.usage.output_tokens": 1, "teamclaw.cost.pico_dollars": cost, "raw": {"x": [n]}});
        json!({"id": id, "subject": subject, "data": data}).to_string()
    }

    const MONTH: &str = "2026-11-01T00:00:00Z";

    fn read(text: &str, block: u64) -> io::Result<Spending> {
        let (ann, since) = ("ann".parse().expect("a name"), MONTH.parse().expect("a time"));
        total(Cursor::new(text), &ann, since, block)
    }

    #[test]
    fn lines_count_once_and_for_their_workspace_however_the_file_is_cut_into_blocks() {
        let cut = &line(9, "t/ann", "2026-11-05T00:00:00Z", Some(9))[..70];
        let text = [
            &line(1, "t/ann", "2026-10-31T23:59:59Z", Some(1)),
            &line(2, "t/ann", "2026-11-01T00:00:00Z", Some(10)),
            &line(3, "t/joann", "2026-11-02T00:00:00Z", Some(100)),
            cut,
            &line(4, "u/ann", "2026-11-03T00:00:00Z", None),
            &line(2, "t/ann", "2026-11-01T00:00:00Z", Some(10)),
            &line(5, "t/ann", "2026-11-04T00:00:00Z", Some(1_000)),
            "",
        ]
        .join("\n");
        let longest = text.lines().map(str::len).max().expect("lines") as u64 + 2;
        for block in longest..text.len() as u64 + 2 {
            let total = read(&text, block).expect("readable");
            let sums = (total.requests, total.input, total.output, total.unpriced);
            assert_eq!((sums, total.pico_dollars), ((3, 30, 3, 1), 1_010), "blocks of {block}");
        }
        assert!(read(&text, 100).is_err(), "a line that no block holds is not left out");
        assert_eq!(read("", BLOCK).expect("readable").requests, 0);
    }

    #[test]
    fn nothing_is_read_beyond_a_whole_block_of_older_lines() {
        let old = line(1, "t/ann", "2026-10-01T00:00:00Z", Some(1)) + "\n";
        let far = line(2, "t/ann", "2026-11-02T00:00:00Z", Some(1)) + "\n";
        let near = line(3, "t/ann", "2026-11-02T00:00:00Z", Some(1)) + "\n";
        let block = old.len() as u64 * 4;
        assert_eq!(
            read(&(far.clone() + &old.repeat(20) + &near), block).expect("read").requests,
            1
        );
        assert_eq!(read(&(far + &old.repeat(2) + &near), block).expect("read").requests, 2);
    }
}
