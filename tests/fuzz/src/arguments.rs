//! A command line, one argument a line. Nothing panics, the same line is always understood alike,
//! what is understood is within its bounds, and what is not is said in a few words.

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;

use clap::Parser;
use jiff::{SignedDuration, Timestamp};

use crate::cli::{Cli, Command, DeployArgs, IdleWish, KeysCommand, Operation, UpArgs, When};

/// More arguments than any command has options.
const ARGUMENTS_MAX: usize = 24;
/// The longest complaint or help, besides what it quotes of the line.
const SAID_MAX: usize = 16 * 1024;
/// The longest time that an option may name.
const TIME_MAX: SignedDuration = SignedDuration::from_hours(366 * 24);

/// Checks one input.
pub fn check(data: &[u8]) {
    let words = data.split(|byte| *byte == b'\n').take(ARGUMENTS_MAX);
    let words: Vec<OsString> = words.map(|word| OsString::from_vec(word.to_vec())).collect();
    let line = || std::iter::once(OsString::from("teamclaw")).chain(words.iter().cloned());
    match (Cli::try_parse_from(line()), Cli::try_parse_from(line())) {
        (Ok(cli), Ok(again)) => {
            assert_eq!(cli.command.wants_json(), again.command.wants_json());
            is_within_bounds(&cli.command);
        }
        (Err(error), Err(again)) => {
            let (said, again) = (error.render().to_string(), again.render().to_string());
            assert_eq!(said, again);
            assert!(said.len() <= SAID_MAX + 4 * data.len(), "{} bytes", said.len());
        }
        _ => panic!("it is understood now and then"),
    }
}

fn is_within_bounds(command: &Command) {
    match command {
        Command::Up(args) => up_is(args),
        Command::Operate(operation) => operation_is(operation),
        Command::Estimate(args) => {
            assert!(!args.users.is_empty() && args.hours <= 24.0 && args.spot <= 100.0);
        }
        Command::Deploy(DeployArgs { env, .. }) => is_environment(env),
        Command::Doctor(args) => args.env.iter().for_each(|env| is_environment(env)),
        Command::Completions(_) | Command::Task | Command::DemoAgent => {}
    }
}

/// It is part of names, paths and arguments.
fn is_environment(name: &str) {
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    assert!((1..=12).contains(&name.len()) && name.bytes().all(plain));
}

fn up_is(args: &UpArgs) {
    let times = [args.idle, args.idle_min, args.idle_max, args.notice, args.ready_within];
    assert!(times.into_iter().flatten().all(is_time));
    // A scheme may be written in capitals.
    assert!(args.upstream.iter().all(|text| text.to_ascii_lowercase().contains("=http")));
    assert!(args.agent_health.iter().all(|path| path.starts_with('/')));
    assert!(!args.exit || args.demo);
    assert!(args.runtime.is_none() || args.agent.is_none());
}

fn operation_is(operation: &Operation) {
    if let Operation::Snooze(args) = operation {
        assert!(is_time(args.time));
    }
    if let Operation::Set(args) = operation
        && let IdleWish::Of(time) = args.idle
    {
        assert!(is_time(time));
    }
    if let Operation::Replay(args) = operation {
        assert!(args.user.is_some() != args.failed, "one, or all that failed");
        args.since.iter().for_each(|when| is_moment(*when));
    }
    if let Operation::Usage(args) = operation {
        args.since.iter().for_each(|when| is_moment(*when));
    }
    if let Operation::Keys(args) = operation
        && let KeysCommand::Add { provider, .. } | KeysCommand::Remove { provider, .. } =
            &args.command
    {
        let plain = |byte: u8| byte.is_ascii_graphic() && !b"/?&#%".contains(&byte);
        assert!(!provider.is_empty() && provider.bytes().all(plain));
    }
}

fn is_time(time: SignedDuration) -> bool {
    time > SignedDuration::ZERO && time <= TIME_MAX
}

/// Seen from any time, it is one.
fn is_moment(when: When) {
    for now in [Timestamp::MIN, Timestamp::UNIX_EPOCH, Timestamp::MAX] {
        let seen = when.seen_from(now);
        assert!(seen >= Timestamp::MIN && seen <= Timestamp::MAX);
    }
}
