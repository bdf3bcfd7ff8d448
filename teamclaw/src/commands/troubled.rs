//! The table of workspaces that have failed or are parked.

use jiff::Timestamp;
use ports::Row;

use super::table::Rows;
use crate::output::PLAIN;
use crate::timeline::name_of;
use crate::words;

/// Room for a reason in a table.
const WORDS_WIDTH: usize = 60;

/// One line each, below a head.
pub(super) fn table(rows: &[Row], now: Timestamp) -> Vec<String> {
    let mut table = Rows::with_head(&["USER", "STATUS", "STEP", "REASON", "SINCE", "WORDS"], 0..0);
    for row in rows {
        let reason = row.reason.as_ref();
        table.add(
            PLAIN,
            vec![
                row.workspace.to_string(),
                row.status.name().to_owned(),
                row.step.map_or_else(words::dash, |step| name_of(step, row.undoing).to_owned()),
                reason.map_or_else(words::dash, |reason| reason.class.name().to_owned()),
                words::relative_or_dash(row.trouble_at, now),
                reason.map_or_else(words::dash, |r| words::short(&r.words, WORDS_WIDTH)),
            ],
        );
    }
    table.lines()
}
