//! The end of an agent's process in words that a person understands. Pure.
//!
//! It gets what the operating system says and the last lines the process wrote, and answers with a
//! reason and a hint. It must not quote more than one line of the log.

use events::{Reason, ReasonClass};

/// OpenClaw's exit code for a configuration it does not accept (`EX_CONFIG`).
pub const EXIT_BAD_CONFIG: i32 = 78;

/// The shell's exit code for a program that cannot be run.
const EXIT_NOT_RUNNABLE: i32 = 126;

/// The shell's exit code for a program that is not there; ours as well.
pub const EXIT_MISSING: i32 = 127;

/// A shell adds this to the number of the signal that ended its child; we do as well.
pub const EXIT_SIGNAL_BASE: i32 = 128;

/// How a line begins that we ourselves write into a workspace's log, to tell it from the agent's.
pub(crate) const OWN_LINE: &str = "teamclaw: ";

const SIGINT: i32 = 2;
const SIGABRT: i32 = 6;
const SIGKILL: i32 = 9;
const SIGSEGV: i32 = 11;
const SIGTERM: i32 = 15;

/// How a process ended.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ending {
    /// What it returned, if it returned.
    pub code: Option<i32>,
    /// What killed it, if it was killed.
    pub signal: Option<i32>,
    /// The last lines that it wrote.
    pub tail: String,
}

impl Ending {
    /// The exit code by which we tell our own parent the same.
    pub fn exit_code(&self) -> u8 {
        let code = self.code.or(self.signal.map(|signal| EXIT_SIGNAL_BASE + signal)).unwrap_or(1);
        u8::try_from(code).unwrap_or(1)
    }

    /// The signal, also where a wrapper has turned it into an exit code.
    fn killed_by(&self) -> Option<i32> {
        let wrapped = || self.code.map(|code| code - EXIT_SIGNAL_BASE);
        self.signal.or_else(wrapped).filter(|signal| (1..=64).contains(signal))
    }
}

/// What happened, what is said of it, and what to do about it.
type Told = (ReasonClass, String, &'static str);

/// What happened and what to do about it. What we ourselves wrote into the log says nothing new,
/// and is passed over.
pub fn reason(ending: &Ending) -> Reason {
    let theirs = ending.tail.lines().filter(|line| !line.starts_with(OWN_LINE));
    let tail = theirs.collect::<Vec<_>>().join("\n");
    let said = telling_line(&tail);
    let say =
        |words: &str| if said.is_empty() { words.to_owned() } else { format!("{words}: {said}") };
    let by_log = || by_log(&tail, say).filter(|_| ending.code != Some(EXIT_BAD_CONFIG));
    let told = by_log().or_else(|| by_code(ending, say));
    let (class, words, hint) = told.unwrap_or_else(|| by_signal(ending, &tail, say));
    Reason::new(class, words).with_hint(hint)
}

/// What a log says whatever the exit code is.
fn by_log(tail: &str, say: impl Fn(&str) -> String) -> Option<Told> {
    let found = if has(tail, &["EADDRINUSE", "ddress already in use"]) {
        (
            ReasonClass::Taken,
            say("another program has taken the agent's port"),
            "start it again: it gets another port",
        )
    } else if has(tail, &["ENOSPC", "o space left on device"]) {
        (
            ReasonClass::Capacity,
            say("the disk is full"),
            "delete files in the workspace, or ask the administrator for room",
        )
    } else if has(tail, &["package lifecycle is incomplete"]) {
        (
            ReasonClass::MissingProgram,
            say("the agent program is not completely installed"),
            "ask the administrator to install the runtime again",
        )
    } else {
        return None;
    };
    Some(found)
}

/// What an exit code says that has a meaning of its own.
fn by_code(ending: &Ending, say: impl Fn(&str) -> String) -> Option<Told> {
    let found = match ending.code? {
        EXIT_BAD_CONFIG => (
            ReasonClass::BadConfig,
            say("the agent does not accept its configuration"),
            "undo the last change of its settings, or ask the administrator to look at the overlay",
        ),
        EXIT_MISSING => (
            ReasonClass::MissingProgram,
            say("the agent program is not installed"),
            "ask the administrator to install the runtime, or to check the command",
        ),
        EXIT_NOT_RUNNABLE => (
            ReasonClass::MissingProgram,
            say("the agent program cannot be run"),
            "ask the administrator to check that the file is a program and may be executed",
        ),
        _ => return None,
    };
    Some(found)
}

/// What is left to say: it ended, and perhaps a signal ended it.
fn by_signal(ending: &Ending, tail: &str, say: impl Fn(&str) -> String) -> Told {
    let (words, hint) = match (ending.code, ending.killed_by()) {
        _ if has(tail, &["heap out of memory", "annot allocate memory"]) => (
            say("the agent ran out of memory"),
            "start it again; if it happens often, ask the administrator for more memory",
        ),
        (_, Some(SIGKILL)) => (
            "the agent was killed, perhaps because the machine ran out of memory".to_owned(),
            "start it again; if it happens often, ask the administrator for more memory",
        ),
        (_, Some(SIGTERM | SIGINT)) => (
            "the agent was told to stop by someone other than TeamClaw".to_owned(),
            "start it again",
        ),
        (_, Some(SIGSEGV | SIGABRT)) => (
            say("the agent crashed"),
            "start it again; if it happens often, show its log to the administrator",
        ),
        (Some(0), _) => (
            say("the agent ended by itself, without an error"),
            "an agent has to keep running: check that the command does not go to the background",
        ),
        (code, signal) => (
            say(&match (code, signal) {
                (_, Some(signal)) => format!("the agent was ended by signal {signal}"),
                (Some(code), None) => format!("the agent ended with exit code {code}"),
                (None, None) => "the agent ended".to_owned(),
            }),
            "look at the end of its log",
        ),
    };
    (ReasonClass::AgentExited, words, hint)
}

fn has(tail: &str, marks: &[&str]) -> bool {
    marks.iter().any(|mark| tail.contains(mark))
}

/// The line that says most: the detail below OpenClaw's "Invalid config", a line that speaks of a
/// failure, or the last one.
fn telling_line(tail: &str) -> String {
    let lines: Vec<&str> =
        tail.lines().map(without_stamp).filter(|line| !line.is_empty()).collect();
    let after_invalid = || {
        let at = lines.iter().position(|line| line.contains("Invalid config at"))?;
        lines.get(at + 1).copied()
    };
    let failure = || {
        let marks = ["failed to start", "Error:", "error:", "not found", "lifecycle is incomplete"];
        lines.iter().rev().find(|line| has(line, &marks)).copied()
    };
    let line = after_invalid().or_else(failure).or(lines.last().copied()).unwrap_or_default();
    line.chars().take(200).collect()
}

/// Without the time that OpenClaw begins a line with.
fn without_stamp(line: &str) -> &str {
    let line = line.trim();
    match line.split_once(' ') {
        Some((stamp, rest))
            if stamp.len() >= 20 && stamp.as_bytes()[4] == b'-' && stamp.contains('T') =>
        {
            rest.trim()
        }
        _ => line,
    }
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::*;

    #[test]
    fn endings_in_words() {
        let invalid = "2026-11-22T17:25:25.796+00:00 Gateway failed to start: Invalid config at /h/.openclaw/openclaw.json:\nopenclaw.json:1 — gateway.port: Invalid input: expected number, received string\n<root>: Unrecognized key: \"nonsense\"\nRun \"openclaw doctor --fix\" to repair, then retry.";
        let taken = "2026-11-22T17:25:56.258+00:00 Gateway failed to start: another gateway instance is already listening on ws://127.0.0.1:18801 | listen EADDRINUSE: address already in use 127.0.0.1:18801 | EADDRINUSE\nIf the gateway is supervised, stop it with: openclaw gateway stop";
        let code = |code, tail: &str| Ending { code: Some(code), signal: None, tail: tail.into() };
        let signal =
            |signal, tail: &str| Ending { code: None, signal: Some(signal), tail: tail.into() };
        let table = [
            code(78, invalid),
            code(1, taken),
            code(127, "sh: 1: no-such-agent: not found"),
            code(126, ""),
            code(
                1,
                "openclaw: package lifecycle is incomplete. Reinstall with package scripts enabled, then retry. permission denied (EACCES)",
            ),
            code(1, "Error: ENOSPC: no space left on device, write"),
            signal(9, "2026-11-22T17:25:25.796+00:00 [gateway] ready"),
            code(137, ""),
            signal(
                6,
                "FATAL ERROR: Reached heap limit Allocation failed - JavaScript heap out of memory",
            ),
            signal(11, ""),
            signal(15, ""),
            signal(31, ""),
            code(0, "listening"),
            code(3, "Traceback\nValueError: no\n\n"),
            Ending::default(),
        ];
        let told: String = table
            .iter()
            .map(|ending| {
                let reason = reason(ending);
                let hint = reason.hint.unwrap_or_default();
                format!(
                    "{} [{}] {}\n    {hint}\n",
                    ending.exit_code(),
                    reason.class.name(),
                    reason.words
                )
            })
            .collect();
        expect![[r#"
            78 [bad_config] the agent does not accept its configuration: openclaw.json:1 — gateway.port: Invalid input: expected number, received string
                undo the last change of its settings, or ask the administrator to look at the overlay
            1 [taken] another program has taken the agent's port: Gateway failed to start: another gateway instance is already listening on ws://127.0.0.1:18801 | listen EADDRINUSE: address already in use 127.0.0.1:18801 | EADDRINUSE
                start it again: it gets another port
            127 [missing_program] the agent program is not installed: sh: 1: no-such-agent: not found
                ask the administrator to install the runtime, or to check the command
            126 [missing_program] the agent program cannot be run
                ask the administrator to check that the file is a program and may be executed
            1 [missing_program] the agent program is not completely installed: openclaw: package lifecycle is incomplete. Reinstall with package scripts enabled, then retry. permission denied (EACCES)
                ask the administrator to install the runtime again
            1 [capacity] the disk is full: Error: ENOSPC: no space left on device, write
                delete files in the workspace, or ask the administrator for room
            137 [agent_exited] the agent was killed, perhaps because the machine ran out of memory
                start it again; if it happens often, ask the administrator for more memory
            137 [agent_exited] the agent was killed, perhaps because the machine ran out of memory
                start it again; if it happens often, ask the administrator for more memory
            134 [agent_exited] the agent ran out of memory: FATAL ERROR: Reached heap limit Allocation failed - JavaScript heap out of memory
                start it again; if it happens often, ask the administrator for more memory
            139 [agent_exited] the agent crashed
                start it again; if it happens often, show its log to the administrator
            143 [agent_exited] the agent was told to stop by someone other than TeamClaw
                start it again
            159 [agent_exited] the agent was ended by signal 31
                look at the end of its log
            0 [agent_exited] the agent ended by itself, without an error: listening
                an agent has to keep running: check that the command does not go to the background
            3 [agent_exited] the agent ended with exit code 3: ValueError: no
                look at the end of its log
            1 [agent_exited] the agent ended
                look at the end of its log
        "#]].assert_eq(&told);
    }

    #[test]
    fn what_we_said_ourselves_is_not_quoted() {
        let log = "no such module\n\
            teamclaw: the agent ended with exit code 3: no such module; look at the end of its log";
        let ending = |tail: &str| Ending { code: Some(3), signal: None, tail: tail.to_owned() };
        let quoted = reason(&ending(log)).words;
        assert_eq!(quoted, "the agent ended with exit code 3: no such module");
        let silent = "teamclaw: the agent ended with exit code 3; look at the end of its log";
        assert_eq!(reason(&ending(silent)).words, "the agent ended with exit code 3");
        let refused = "teamclaw: OpenClaw does not accept its configuration; asking its doctor\n\
            teamclaw: it was set aside after EADDRINUSE";
        assert_eq!(reason(&ending(refused)).words, "the agent ended with exit code 3");
    }
}
