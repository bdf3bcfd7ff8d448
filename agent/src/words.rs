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

/// What happened and what to do about it.
pub fn reason(ending: &Ending) -> Reason {
    let tail = ending.tail.as_str();
    let said = telling_line(tail);
    let say =
        |words: &str| if said.is_empty() { words.to_owned() } else { format!("{words}: {said}") };
    let (class, words, hint) = match (ending.code, ending.killed_by()) {
        (Some(EXIT_BAD_CONFIG), _) => (
            ReasonClass::BadConfig,
            say("the agent does not accept its configuration"),
            "undo the last change of its settings, or ask the administrator to look at the overlay",
        ),
        _ if has(tail, &["EADDRINUSE", "ddress already in use"]) => (
            ReasonClass::Taken,
            say("another program has taken the agent's port"),
            "start it again: it gets another port",
        ),
        _ if has(tail, &["ENOSPC", "o space left on device"]) => (
            ReasonClass::Capacity,
            say("the disk is full"),
            "delete files in the workspace, or ask the administrator for room",
        ),
        _ if has(tail, &["package lifecycle is incomplete"]) => (
            ReasonClass::MissingProgram,
            say("the agent program is not completely installed"),
            "ask the administrator to install the runtime again",
        ),
        (Some(EXIT_MISSING), _) => (
            ReasonClass::MissingProgram,
            say("the agent program is not installed"),
            "ask the administrator to install the runtime, or to check the command",
        ),
        (Some(EXIT_NOT_RUNNABLE), _) => (
            ReasonClass::MissingProgram,
            say("the agent program cannot be run"),
            "ask the administrator to check that the file is a program and may be executed",
        ),
        _ if has(tail, &["heap out of memory", "annot allocate memory"]) => (
            ReasonClass::AgentExited,
            say("the agent ran out of memory"),
            "start it again; if it happens often, ask the administrator for more memory",
        ),
        (_, Some(SIGKILL)) => (
            ReasonClass::AgentExited,
            "the agent was killed, perhaps because the machine ran out of memory".to_owned(),
            "start it again; if it happens often, ask the administrator for more memory",
        ),
        (_, Some(SIGTERM | SIGINT)) => (
            ReasonClass::AgentExited,
            "the agent was told to stop by someone other than TeamClaw".to_owned(),
            "start it again",
        ),
        (_, Some(SIGSEGV | SIGABRT)) => (
            ReasonClass::AgentExited,
            say("the agent crashed"),
            "start it again; if it happens often, show its log to the administrator",
        ),
        (Some(0), _) => (
            ReasonClass::AgentExited,
            say("the agent ended by itself, without an error"),
            "an agent has to keep running: check that the command does not go to the background",
        ),
        (code, signal) => (
            ReasonClass::AgentExited,
            say(&match (code, signal) {
                (_, Some(signal)) => format!("the agent was ended by signal {signal}"),
                (Some(code), None) => format!("the agent ended with exit code {code}"),
                (None, None) => "the agent ended".to_owned(),
            }),
            "look at the end of its log",
        ),
    };
    Reason::new(class, words).with_hint(hint)
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
}
