//! Where a provider key comes from: a variable, a file, standard input, or the person's fingers
//! without an echo. Never an argument, which every process on the machine could read.

use std::io::{self, IsTerminal, Read};
use std::path::Path;

use ::events::Secret;
use rustix::termios::{LocalModes, OptionalActions, Termios, tcgetattr, tcsetattr};

use crate::output;
use crate::problem::{EXIT_NOT_FOUND, EXIT_USAGE, Problem};
use crate::target;

/// Longer than any provider's key (JSON service accounts included).
const KEY_BYTES_MAX: u64 = 16 * 1024;

/// Reads a key from where it is said to be.
///
/// # Errors
/// There is none, or what is there is no key.
pub(super) fn read(from_env: Option<&str>, from_file: Option<&Path>) -> Result<Secret, Problem> {
    checked(source(from_env, from_file)?)
}

/// Reads keys, one a line; blank lines count for nothing.
///
/// # Errors
/// There is none, or what is there is no key.
pub(super) fn read_many(
    from_env: Option<&str>,
    from_file: Option<&Path>,
) -> Result<Vec<Secret>, Problem> {
    each(&source(from_env, from_file)?)
}

fn each(text: &Secret) -> Result<Vec<Secret>, Problem> {
    let lines = text.expose().lines().filter(|line| !line.trim().is_empty());
    let keys: Vec<Secret> =
        lines.map(|line| checked(Secret::new(line))).collect::<Result<_, _>>()?;
    if keys.is_empty() { checked(Secret::new("")).map(|key| vec![key]) } else { Ok(keys) }
}

fn source(from_env: Option<&str>, from_file: Option<&Path>) -> Result<Secret, Problem> {
    match (from_env, from_file) {
        (Some(name), _) => from_variable(name),
        (None, Some(path)) => from_path(path),
        (None, None) => from_stdin(),
    }
}

fn from_variable(name: &str) -> Result<Secret, Problem> {
    target::variable(name).map(Secret::new).ok_or_else(|| {
        let why = format!("the variable {name} is not set, or empty");
        Problem::new("there is no key", why, "set it, or use --from-file").with_code(EXIT_NOT_FOUND)
    })
}

fn from_path(path: &Path) -> Result<Secret, Problem> {
    let file = std::fs::File::open(path).map_err(|error| {
        let what = format!("cannot read {}", path.display());
        let problem = Problem::new(what, error.to_string(), "check the path");
        let missing = error.kind() == io::ErrorKind::NotFound;
        if missing { problem.with_code(EXIT_NOT_FOUND) } else { problem }
    })?;
    bounded(file)
}

fn from_stdin() -> Result<Secret, Problem> {
    let stdin = io::stdin();
    if !stdin.is_terminal() {
        return bounded(stdin.lock());
    }
    output::note("the key (it is not shown):");
    let quiet = Quiet::begin();
    let mut text = String::new();
    let outcome = stdin.read_line(&mut text);
    drop(quiet);
    outcome.map_err(unreadable)?;
    Ok(Secret::new(text))
}

fn bounded(source: impl Read) -> Result<Secret, Problem> {
    let mut text = String::new();
    source.take(KEY_BYTES_MAX + 1).read_to_string(&mut text).map_err(unreadable)?;
    Ok(Secret::new(text))
}

fn unreadable(error: io::Error) -> Problem {
    Problem::new("the key cannot be read", error.to_string(), "check where it comes from")
}

fn checked(text: Secret) -> Result<Secret, Problem> {
    let key = text.expose().trim();
    let why = match key.len() {
        0 => "it is empty",
        length if length as u64 > KEY_BYTES_MAX => "it is far too long",
        _ if !key.chars().all(|c| c.is_ascii_graphic()) => {
            "it holds blanks or other characters that no key has"
        }
        _ => return Ok(Secret::new(key)),
    };
    Err(Problem::new("this is no key", why, "copy it again").with_code(EXIT_USAGE))
}

/// The terminal without an echo, until this is dropped.
struct Quiet(Option<Termios>);

impl Quiet {
    fn begin() -> Self {
        let stdin = io::stdin();
        let before = tcgetattr(&stdin).ok();
        let quiet = before.clone().and_then(|mut modes| {
            modes.local_modes.remove(LocalModes::ECHO);
            tcsetattr(&stdin, OptionalActions::Flush, &modes).ok()
        });
        Self(before.filter(|_| quiet.is_some()))
    }
}

impl Drop for Quiet {
    fn drop(&mut self) {
        if let Some(before) = &self.0 {
            // When this fails the shell sets its terminal up by itself.
            let _ = tcsetattr(io::stdin(), OptionalActions::Flush, before);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str) -> Result<String, u8> {
        let key = checked(Secret::new(text));
        key.map(|key| key.expose().to_owned()).map_err(|problem| problem.exit_code)
    }

    #[test]
    fn a_key_is_taken_without_the_line_break_around_it() {
        assert_eq!(check(" sk-ant-abc\r\n").as_deref(), Ok("sk-ant-abc"));
        let long = "x".repeat(usize::try_from(KEY_BYTES_MAX).expect("small") + 1);
        for bad in ["", "\n", "two words", "two\nlines", "clé", &long] {
            assert_eq!(check(bad), Err(EXIT_USAGE), "{bad:?}");
        }
    }

    #[test]
    fn several_keys_are_read_one_a_line() {
        let keys = |text: &str| {
            let keys = each(&Secret::new(text)).map_err(|problem| problem.exit_code)?;
            Ok(keys.iter().map(|key| key.expose().to_owned()).collect::<Vec<_>>())
        };
        assert_eq!(keys("sk-1\r\n\n  sk-2\n"), Ok(vec!["sk-1".to_owned(), "sk-2".to_owned()]));
        for bad in ["", "\n\n", "sk-1\ntwo words"] {
            assert_eq!(keys(bad), Err(EXIT_USAGE), "{bad:?}");
        }
    }

    #[test]
    fn no_more_is_read_than_a_key_may_have() {
        let endless = bounded(io::repeat(b'x')).map_err(|problem| problem.to_string());
        let text = endless.map(|key| key.expose().len());
        assert_eq!(text, Ok(usize::try_from(KEY_BYTES_MAX).expect("small") + 1));
    }
}
