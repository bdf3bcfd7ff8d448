//! What is needed, what was seen, and what is to be said of it. Pure: who looks is elsewhere
//! (`cloud`, `doctor::machine`), and so is who prints.

mod account;
mod deployed;
mod drift;
pub mod machine;

use serde::Serialize;

pub use account::{Account, NEEDS, Need, Plan};
pub use deployed::{Alarm, Deployed, Drift, Stack};

use crate::problem::{EXIT_FAILED, EXIT_UNREACHABLE};

/// Something seen, or the words of why it could not be.
pub type Seen<T> = Result<T, String>;

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Level {
    /// It is as it should be.
    Good,
    /// It works, and somebody may want to know.
    Note,
    /// It could not be seen.
    Unknown,
    /// Something does not work, or soon will not.
    Bad,
}

/// One thing that was looked at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Finding {
    /// How bad it is.
    pub level: Level,
    /// What was looked at, and what was seen.
    pub what: String,
    /// Why that is so, or what follows; empty when it is good.
    pub why: String,
    /// What to do about it; empty when there is nothing to do.
    pub do_this: String,
}

impl Finding {
    fn good(what: impl Into<String>) -> Self {
        Self { level: Level::Good, what: what.into(), why: String::new(), do_this: String::new() }
    }

    fn new(
        level: Level,
        what: impl Into<String>,
        why: impl Into<String>,
        do_this: impl Into<String>,
    ) -> Self {
        Self { level, what: what.into(), why: why.into(), do_this: do_this.into() }
    }
}

/// The exit code: 1 when something is bad, 3 when something could not be seen, else 0.
pub fn exit_code(findings: &[Finding]) -> u8 {
    let any = |level| findings.iter().any(|finding| finding.level == level);
    match (any(Level::Bad), any(Level::Unknown)) {
        (true, _) => EXIT_FAILED,
        (false, true) => EXIT_UNREACHABLE,
        (false, false) => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_could_not_be_seen_is_never_called_good() {
        let of = |levels: &[Level]| {
            let finding = |level: &Level| Finding { level: *level, ..Finding::good("x") };
            exit_code(&levels.iter().map(finding).collect::<Vec<_>>())
        };
        assert_eq!(of(&[Level::Good, Level::Note]), 0);
        assert_eq!(of(&[Level::Good, Level::Unknown]), EXIT_UNREACHABLE);
        assert_eq!(of(&[Level::Unknown, Level::Bad]), EXIT_FAILED);
    }
}
