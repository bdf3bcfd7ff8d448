//! How a line of the timeline looks: a sign, a name, a duration, and words.

use anstyle::Style;
use events::Reason;
use jiff::SignedDuration;

use crate::output::{BOLD, DIM, styled};
use crate::words;

/// As wide as the longest name of a step.
const NAME_WIDTH: usize = 13;
/// As wide as `59 min 59 s`.
const TOOK_WIDTH: usize = 11;

/// A line about the whole workspace.
pub(super) fn told(style: Style, sign: &str, words: &str) -> String {
    styled(style, &format!("{sign} {words}"))
}

/// A line about one step.
pub(super) fn step_line(
    style: Style,
    sign: &str,
    name: &str,
    took: Option<SignedDuration>,
    words: &str,
) -> String {
    let took = took.map(words::took).unwrap_or_default();
    let sign = styled(style, sign);
    format!("  {sign} {name:<NAME_WIDTH$} {took:>TOOK_WIDTH$}  {words}").trim_end().to_owned()
}

/// More about the line before.
pub(super) fn detail(words: &str) -> String {
    format!("    {}", words::plain(words))
}

/// What to do about a reason, when it says so.
pub(super) fn hint(reason: &Reason) -> Option<String> {
    reason.hint.as_ref().map(|hint| format!("    {} {}", styled(DIM, "→"), words::plain(hint)))
}

/// The command that comes next.
pub(super) fn next_command(command: &str) -> String {
    format!("    {} {}", styled(DIM, "→"), styled(BOLD, command))
}
