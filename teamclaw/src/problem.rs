//! What a command says when it did not work: what, why, and what to do about it.
//!
//! Every error that a person sees is one of these; its exit code is a promise to scripts.

use std::fmt;

use serde::Serialize;

/// Whoever read our output has gone away: nothing is wrong, and nobody is there to be told.
pub const EXIT_QUIET: u8 = 0;
/// What was asked for did not work: a start failed.
pub const EXIT_FAILED: u8 = 1;
/// The command line, or a value in it, makes no sense.
pub const EXIT_USAGE: u8 = 2;
/// The engine does not answer, or is not known here.
pub const EXIT_UNREACHABLE: u8 = 3;
/// There is no such workspace or key.
pub const EXIT_NOT_FOUND: u8 = 4;
/// It cannot be done in the state that it is in.
pub const EXIT_REFUSED: u8 = 5;
/// A bug of ours; `EX_SOFTWARE` of sysexits.h.
pub const EXIT_BUG: u8 = 70;

/// Something that did not work, for a person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// What did not work.
    pub what: String,
    /// Why.
    pub why: String,
    /// What to do about it; empty when nobody knows.
    pub do_this: String,
    /// How the command ends: one of the constants above, as `--help` documents them.
    pub exit_code: u8,
}

/// A problem as machines read it.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ProblemJson<'a> {
    what: &'a str,
    why: &'a str,
    do_this: &'a str,
    exit_code: u8,
}

impl Problem {
    /// What was asked for did not work.
    pub fn new(
        what: impl Into<String>,
        why: impl Into<String>,
        do_this: impl Into<String>,
    ) -> Self {
        let (what, why, do_this) = (what.into(), why.into(), do_this.into());
        Self { what, why, do_this, exit_code: EXIT_FAILED }
    }

    /// The same with another exit code.
    #[must_use]
    pub fn with_code(self, exit_code: u8) -> Self {
        Self { exit_code, ..self }
    }

    /// Something that cannot happen has.
    pub fn bug(why: impl Into<String>) -> Self {
        let do_this = "please report this, with the command and what it printed";
        Self::new("this is a bug in teamclaw", why, do_this).with_code(EXIT_BUG)
    }

    /// The reader of our output has gone away.
    pub fn pipe_closed() -> Self {
        Self::new("the output was closed", "its reader ended", "").with_code(EXIT_QUIET)
    }

    /// As machines read it.
    pub fn as_json(&self) -> ProblemJson<'_> {
        let Self { what, why, do_this, exit_code } = self;
        ProblemJson { what, why, do_this, exit_code: *exit_code }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.what, self.why)
    }
}

impl std::error::Error for Problem {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_exit_code_is_documented() {
        let all = [
            EXIT_QUIET,
            EXIT_FAILED,
            EXIT_USAGE,
            EXIT_UNREACHABLE,
            EXIT_NOT_FOUND,
            EXIT_REFUSED,
            EXIT_BUG,
        ];
        let lines: Vec<&str> = crate::cli::EXIT_CODES.lines().collect();
        assert_eq!(lines.len(), all.len());
        for (line, code) in lines.iter().zip(all) {
            assert!(line.trim_start().starts_with(&format!("{code} ")), "{code}: {line}");
        }
    }
}
