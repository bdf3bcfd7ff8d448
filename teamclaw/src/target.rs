//! Where the engine is: the data directory's operator file, or what the environment says instead.
//!
//! The one place of the commands that reads the environment and the clock.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use events::Secret;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::problem::{EXIT_UNREACHABLE, EXIT_USAGE, Problem};

/// The operator file's name in the data directory.
pub const OPERATOR_FILE: &str = "operator.json";
/// An operator file is two short strings; anything much longer is something else.
const OPERATOR_FILE_BYTES_MAX: u64 = 64 * 1024;

/// Where the data is when nobody says.
pub const DATA_DIR_DEFAULT: &str = "~/.local/share/teamclaw";
/// Where a demo's data is: its stand-in key must never join the pool of the real engine.
pub const DEMO_DATA_DIR_DEFAULT: &str = "~/.local/share/teamclaw-demo";

/// What root has in place of `~/.local/share`.
const ROOT_SHARE: &str = "/var/lib";

/// What the commands need to find the engine; kept in the data directory, readable by its owner.
#[derive(Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct OperatorFile {
    /// The front door's address: `http://127.0.0.1:7700`.
    pub url: String,
    /// The operator's token.
    pub token: String,
}

/// Where the engine is and what lets us in. No `Debug`: it holds the token.
pub struct Target {
    /// Its address without a slash at the end: `http://127.0.0.1:7700`.
    pub url: String,
    /// The operator's token.
    pub token: Secret,
}

/// Now, for `--since 2h` and for "5 min ago".
#[expect(clippy::disallowed_methods, reason = "the commands are a root; rules take times in")]
pub fn now() -> Timestamp {
    Timestamp::now()
}

/// One variable of the environment; empty counts as unset.
#[expect(clippy::disallowed_methods, reason = "the commands are a root; this is their one reader")]
pub fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

/// The data directory that is meant by `text`, which need not exist. A leading `~/.local/share`
/// follows `XDG_DATA_HOME`, and `~` is the home directory also where the shell did not see it.
/// Root's defaults are below `/var/lib`.
///
/// # Errors
/// There is no home directory to derive it from.
pub fn data_dir(text: &str) -> Result<PathBuf, String> {
    // The XDG specification says that a relative path in the variable is to be ignored.
    let absolute = |name| variable(name).map(PathBuf::from).filter(|path| path.is_absolute());
    // Root's home is closed to the agents' own users; the system's place for such data is not.
    if rustix::process::geteuid().is_root()
        && let Some(name) = [DATA_DIR_DEFAULT, DEMO_DATA_DIR_DEFAULT]
            .into_iter()
            .find(|default| *default == text)
            .and_then(|default| default.rsplit('/').next())
    {
        return Ok(Path::new(ROOT_SHARE).join(name));
    }
    if text.is_empty() {
        return Err("it is empty; name a directory".to_owned());
    }
    let Some(below_home) = text.strip_prefix("~/") else { return Ok(PathBuf::from(text)) };
    if let (Some(below), Some(share)) =
        (below_home.strip_prefix(".local/share/"), absolute("XDG_DATA_HOME"))
    {
        return Ok(share.join(below));
    }
    let home = absolute("HOME").map(|home| home.join(below_home));
    home.ok_or_else(|| "HOME is not set; name the data directory by its full path".to_owned())
}

/// Finds the engine: `TEAMCLAW_URL` with `TEAMCLAW_TOKEN`, else the data directory's file.
///
/// # Errors
/// Exit code 3 when no engine is known here, 2 when the environment says only half.
pub fn find(data: &Path) -> Result<Target, Problem> {
    match (variable("TEAMCLAW_URL"), variable("TEAMCLAW_TOKEN")) {
        (Some(url), Some(token)) => Ok(target(&url, token)),
        (None, None) => from_file(&data.join(OPERATOR_FILE)),
        (Some(_), None) => Err(half("TEAMCLAW_URL", "TEAMCLAW_TOKEN")),
        (None, Some(_)) => Err(half("TEAMCLAW_TOKEN", "TEAMCLAW_URL")),
    }
}

fn half(set: &str, unset: &str) -> Problem {
    let why = format!("{set} is set and {unset} is not");
    let do_this = format!("set {unset} too, or unset {set} to use the data directory");
    Problem::new("it is not clear which engine is meant", why, do_this).with_code(EXIT_USAGE)
}

fn target(url: &str, token: String) -> Target {
    Target { url: url.trim_end_matches('/').to_owned(), token: Secret::new(token) }
}

fn from_file(path: &Path) -> Result<Target, Problem> {
    let unreadable = |why: String| {
        let what = format!("cannot read {}", path.display());
        let do_this = "run the command as the one who ran `teamclaw up`, or start that again";
        Problem::new(what, why, do_this).with_code(EXIT_UNREACHABLE)
    };
    let size = std::fs::metadata(path).map(|file| file.len());
    if size.as_ref().is_err_and(|error| error.kind() == ErrorKind::NotFound) {
        return Err(Problem::new(
            "no engine is known here",
            format!("there is no {}", path.display()),
            "start one with `teamclaw up`, or say where its data is with --data DIR",
        )
        .with_code(EXIT_UNREACHABLE));
    }
    if size.map_err(|error| unreadable(error.to_string()))? > OPERATOR_FILE_BYTES_MAX {
        return Err(unreadable("it is far too long to be an operator file".to_owned()));
    }
    let text = std::fs::read(path).map_err(|error| unreadable(error.to_string()))?;
    let file: OperatorFile =
        serde_json::from_slice(&text).map_err(|error| unreadable(said_without_text(&error)))?;
    Ok(target(&file.url, file.token))
}

/// Where the JSON is wrong, but not what stands there: it may be the token.
fn said_without_text(error: &serde_json::Error) -> String {
    format!("it is not an operator file (line {}, column {})", error.line(), error.column())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_broken_operator_file_is_refused_without_showing_what_is_in_it() {
        let error = serde_json::from_str::<OperatorFile>(r#"{"url":"x","token":["tc-secret"]}"#)
            .map(drop)
            .expect_err("a list is no token");
        let said = said_without_text(&error);
        assert!(said.contains("line 1"), "{said}");
        assert!(!said.contains("tc-secret"), "{said}");
    }

    #[test]
    fn a_slash_at_the_end_of_the_address_makes_no_difference() {
        assert_eq!(target("http://127.0.0.1:7700/", String::new()).url, "http://127.0.0.1:7700");
    }
}
