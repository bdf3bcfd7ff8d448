//! Everything that is printed goes through here: lines, documents, tables and problems.
//!
//! Colour follows the terminal and `NO_COLOR` (anstream strips what must not be seen). A reader
//! that has gone away ends the command quietly.

use std::io::{self, IsTerminal, Write};
use std::process::ExitCode;
use std::time::Duration;

use anstyle::{AnsiColor, Style};
use indicatif::{ProgressBar, ProgressStyle};
use serde::Serialize;

use crate::problem::{EXIT_QUIET, EXIT_USAGE, Problem};
use crate::words;

/// What went well.
pub const GOOD: Style = AnsiColor::Green.on_default();
/// What did not.
pub const BAD: Style = AnsiColor::Red.on_default();
/// What wants attention.
pub const WARN: Style = AnsiColor::Yellow.on_default();
/// What matters less.
pub const DIM: Style = Style::new().dimmed();
/// What matters more.
pub const BOLD: Style = Style::new().bold();
/// No style.
pub const PLAIN: Style = Style::new();
/// How often the spinner moves: often enough to look alive.
const TICK: Duration = Duration::from_millis(120);

/// `text` in `style`.
pub fn styled(style: Style, text: &str) -> String {
    format!("{style}{text}{style:#}")
}

/// Prints a line.
///
/// # Errors
/// The reader has gone away, or the disk is full.
pub fn line(text: &str) -> Result<(), Problem> {
    let mut out = anstream::stdout().lock();
    sort(writeln!(out, "{text}").and_then(|()| out.flush()))
}

/// Prints bytes as they are: CSV, a shell's completions.
///
/// # Errors
/// As [`line`].
pub fn raw(bytes: &[u8]) -> Result<(), Problem> {
    let mut out = io::stdout().lock();
    sort(out.write_all(bytes).and_then(|()| out.flush()))
}

/// Prints a JSON document over several lines.
///
/// # Errors
/// As [`line`].
pub fn document<T: Serialize>(value: &T) -> Result<(), Problem> {
    let text = serde_json::to_vec_pretty(value).map_err(|error| Problem::bug(error.to_string()))?;
    raw(&[&text[..], b"\n"].concat())
}

/// Prints a JSON value on one line, and sends it off at once.
///
/// # Errors
/// As [`line`].
pub fn json_line<T: Serialize>(value: &T) -> Result<(), Problem> {
    let text = serde_json::to_vec(value).map_err(|error| Problem::bug(error.to_string()))?;
    raw(&[&text[..], b"\n"].concat())
}

/// Says something beside the output, on standard error.
pub fn note(text: &str) {
    // Standard error that cannot be written to leaves nobody to tell.
    drop(writeln!(anstream::stderr(), "{}", styled(DIM, text)));
}

/// Says what went wrong where no [`Problem`] can be returned.
pub fn error_line(text: &str) {
    let text = format!("{} {}", styled(BAD.bold(), "error:"), words::plain(text));
    drop(writeln!(anstream::stderr(), "{text}"));
}

/// Says what went wrong and gives the exit code.
pub fn problem(problem: &Problem, json: bool) -> ExitCode {
    let code = ExitCode::from(problem.exit_code);
    if problem.exit_code == EXIT_QUIET {
        return code;
    }
    let text = if json {
        serde_json::to_string(&problem.as_json()).unwrap_or_else(|_| problem.to_string())
    } else {
        shown(problem)
    };
    drop(writeln!(anstream::stderr(), "{text}"));
    code
}

/// A problem as people read it.
fn shown(problem: &Problem) -> String {
    let mut text = format!("{} {}", styled(BAD.bold(), "error:"), words::plain(&problem.what));
    if !problem.why.is_empty() {
        text += &format!("\n  why:  {}", words::plain(&problem.why));
    }
    if !problem.do_this.is_empty() {
        text += &format!("\n  do:   {}", words::plain(&problem.do_this));
    }
    text
}

/// Prints what clap says of a command line, as JSON where that was asked for; help is no error.
pub fn usage_error(error: &clap::Error) -> ExitCode {
    let asked = std::env::args_os().map(|arg| arg.to_string_lossy().into_owned());
    let asked = asked.collect::<Vec<_>>();
    if !error.use_stderr() || !asks_for_json(&asked) {
        drop(error.print());
        return ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(EXIT_USAGE));
    }
    let text = error.to_string();
    let why = text.lines().next().unwrap_or_default().trim_start_matches("error: ").to_owned();
    let what = "the command line makes no sense";
    problem(&Problem::new(what, why, "see `teamclaw --help`").with_code(EXIT_USAGE), true)
}

fn asks_for_json(args: &[String]) -> bool {
    let pair = args.windows(2).any(|pair| pair[0] == "--format" && pair[1] == "json");
    pair || args.iter().any(|arg| arg == "--format=json")
}

fn sort(outcome: io::Result<()>) -> Result<(), Problem> {
    outcome.map_err(|error| {
        if error.kind() == io::ErrorKind::BrokenPipe {
            return Problem::pipe_closed();
        }
        let do_this = "see whether the disk that it goes to is full";
        Problem::new("the output cannot be written", error.to_string(), do_this)
    })
}

/// Lines that come one by one while something is under way; on a terminal with a spinner below
/// that says what.
pub struct Live(Option<ProgressBar>);

impl Live {
    /// Begins. Only a terminal gets a spinner.
    pub fn begin() -> Self {
        let terminal = io::stderr().is_terminal() && io::stdout().is_terminal();
        Self(terminal.then(|| {
            let style = ProgressStyle::with_template("  {spinner} {msg} {elapsed:>4}");
            let bar = ProgressBar::new_spinner();
            bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_spinner()));
            bar.set_message("waiting");
            bar.enable_steady_tick(TICK);
            bar
        }))
    }

    /// Prints a line above the spinner.
    ///
    /// # Errors
    /// As [`line`].
    pub fn line(&self, text: &str) -> Result<(), Problem> {
        match &self.0 {
            Some(bar) => bar.suspend(|| line(text)),
            None => line(text),
        }
    }

    /// Says what is under way; its time starts anew.
    pub fn doing(&self, what: &str) {
        if let Some(bar) = &self.0 {
            bar.set_message(what.to_owned());
            bar.reset_elapsed();
        }
    }
}

impl Drop for Live {
    fn drop(&mut self) {
        if let Some(bar) = &self.0 {
            bar.finish_and_clear();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::problem::{EXIT_FAILED, EXIT_REFUSED};

    #[test]
    fn a_reader_that_has_gone_away_is_no_failure() {
        let broken = sort(Err(io::ErrorKind::BrokenPipe.into())).expect_err("it is broken");
        assert_eq!(broken.exit_code, EXIT_QUIET);
        let full = sort(Err(io::ErrorKind::StorageFull.into())).expect_err("it is full");
        assert_eq!(full.exit_code, EXIT_FAILED);
    }

    #[test]
    fn a_problem_says_what_why_and_what_to_do() {
        let problem = Problem::new("no", "it\nsleeps\u{1b}[1m", "wake it").with_code(EXIT_REFUSED);
        let text = anstream::adapter::strip_str(&shown(&problem)).to_string();
        assert_eq!(text, "error: no\n  why:  it sleeps\n  do:   wake it");
    }

    #[test]
    fn json_is_asked_for_in_either_spelling() {
        let asks =
            |words: &[&str]| asks_for_json(&words.iter().map(|w| (*w).into()).collect::<Vec<_>>());
        assert!(asks(&["x", "--format", "json"]) && asks(&["x", "--format=json"]));
        assert!(!asks(&["x", "--format", "text", "json"]));
    }
}
