//! What runs inside a workspace, already confined: writes the configuration, starts the agent,
//! and ends as it ends, with a last line in plain words.
//!
//! A configuration that OpenClaw refuses (exit code 78) is mended once by its own doctor; if that
//! does not help, the person's own changes are set aside, so that nobody is locked out by a
//! setting. It must not confine anything, nor reach outside of the home.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use serde_json::{Value, json};

use crate::configure::{ConfigureError, configure, own_changes, trusted};
use crate::environment::environment;
use crate::notes::{Files, Notes, admin_layer};
use crate::offer;
use crate::settings::{Program, Settings};
use crate::supervise::{Job, Outcome, missing, supervise, write_line};
use crate::words::{self, EXIT_BAD_CONFIG};

/// Runs the agent to its end, and tells our parent how it ended: its exit code, or 128 and the
/// number of the signal.
pub async fn run(mut settings: Settings) -> ExitCode {
    if matches!(settings.program, Program::OpenClaw(_)) {
        match offer::ask(&settings).await {
            Ok(offered) => settings.offered = offered,
            Err(words) => say(&format!("the sidecar does not say what it offers: {words}")).await,
        }
    }
    let result = match &settings.program {
        Program::OpenClaw(runtime) => run_openclaw(&settings, runtime).await,
        Program::Custom(command) => run_custom(&settings, command).await,
    };
    match result {
        Ok(Outcome { ending, asked: true }) => {
            say("the agent stopped, as asked").await;
            ExitCode::from(ending.exit_code())
        }
        Ok(Outcome { ending, asked: false }) => {
            let reason = words::reason(&ending);
            let hint = reason.hint.as_deref().unwrap_or("look at its log");
            say(&format!("{}; {hint}", reason.words)).await;
            ExitCode::from(ending.exit_code())
        }
        Err(problem) => {
            // Not by `say`: this is the reason, and whoever asks for it quotes the log.
            write_line(&problem).await;
            ExitCode::FAILURE
        }
    }
}

async fn run_custom(settings: &Settings, command: &str) -> Result<Outcome, String> {
    Files::of(&settings.home).make_directories().map_err(|e| home_problem(settings, &e))?;
    let environment = environment(settings);
    let job = Job {
        program: Path::new("/bin/sh"),
        arguments: &["-c".to_owned(), command.to_owned()],
        environment: &environment,
        directory: &settings.home,
    };
    supervise(&job).await.map_err(|error| format!("the agent's command cannot be run: {error}"))
}

async fn run_openclaw(settings: &Settings, runtime: &Path) -> Result<Outcome, String> {
    let files = Files::of(&settings.home);
    files.make_directories().map_err(|error| home_problem(settings, &error))?;
    let admin = admin_layer(settings.admin_config.as_deref())?;
    let port = settings.port.to_string();
    let gateway =
        ["gateway", "run", "--port", &port, "--auth", "trusted-proxy", "--allow-unconfigured"];
    let doctor = ["doctor", "--fix", "--yes", "--non-interactive"];

    write_config(settings, &files, &admin, Own::Kept).await?;
    let first = openclaw(settings, runtime, &gateway).await?;
    if !refused(&first) {
        return Ok(first);
    }
    say("OpenClaw does not accept its configuration; asking its doctor").await;
    let mended = openclaw(settings, runtime, &doctor).await?;
    if mended.asked {
        return Ok(mended);
    }
    write_config(settings, &files, &admin, Own::Kept).await?;
    let second = openclaw(settings, runtime, &gateway).await?;
    if !refused(&second) {
        return Ok(second);
    }
    say("the doctor did not help; starting without the person's own settings").await;
    write_config(settings, &files, &admin, Own::SetAside).await?;
    openclaw(settings, runtime, &gateway).await
}

fn refused(outcome: &Outcome) -> bool {
    !outcome.asked && outcome.ending.code == Some(EXIT_BAD_CONFIG)
}

async fn openclaw(
    settings: &Settings,
    runtime: &Path,
    arguments: &[&str],
) -> Result<Outcome, String> {
    let Some((node, entry)) = programs(runtime) else {
        return Ok(
            missing(format!("no node and openclaw in {}: not found", runtime.display())).await
        );
    };
    let mut all = vec![entry.to_string_lossy().into_owned()];
    all.extend(arguments.iter().map(|argument| (*argument).to_owned()));
    let environment = environment(settings);
    let job = Job {
        program: &node,
        arguments: &all,
        environment: &environment,
        directory: &settings.home,
    };
    supervise(&job).await.map_err(|error| format!("{} cannot be run: {error}", node.display()))
}

/// Node's and OpenClaw's files in a runtime directory.
pub fn programs(runtime: &Path) -> Option<(PathBuf, PathBuf)> {
    let modules = runtime.join("node_modules");
    let node = modules.join(".bin/node");
    let entry = modules.join("openclaw/openclaw.mjs");
    (node.is_file() && entry.is_file()).then_some((node, entry))
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Own {
    Kept,
    SetAside,
}

async fn write_config(
    settings: &Settings,
    files: &Files,
    admin: &Value,
    wanted: Own,
) -> Result<(), String> {
    let own = match wanted {
        Own::Kept => own_layer(files).await,
        Own::SetAside => {
            set_aside(files).await;
            json!({})
        }
    };
    let (config, own) = match configure(settings, admin, &own) {
        Ok(config) => (config, own),
        Err(error @ ConfigureError::Own(_)) => {
            say(&error.to_string()).await;
            set_aside(files).await;
            let config = configure(settings, admin, &json!({})).map_err(|e| e.to_string())?;
            (config, json!({}))
        }
        Err(error @ ConfigureError::Admin(_)) => return Err(error.to_string()),
    };
    let trusted = trusted(settings, admin).map_err(|error| error.to_string())?;
    files
        .write(&config, &Notes { trusted, own })
        .map_err(|error| format!("the configuration cannot be written: {error}"))
}

/// The person's layer: what has changed in the file since we wrote it, or what we knew of it when
/// the file cannot be read.
async fn own_layer(files: &Files) -> Value {
    let notes = files.notes();
    let known = notes.is_some();
    let notes = notes.unwrap_or_default();
    let problem = match files.found() {
        Ok(None) => return notes.own,
        // A file that we never wrote, say from a home that was brought along: all of it is theirs,
        // and the locks take care of the rest.
        Ok(Some(found)) if !known => match own_changes(&json!({}), &found) {
            Ok(own) => return own,
            Err(error) => error.to_string(),
        },
        Ok(Some(found)) => match own_changes(&notes.trusted, &found) {
            Ok(own) => return own,
            Err(error) => error.to_string(),
        },
        Err(problem) => problem,
    };
    say(&format!("openclaw.json cannot be used: {problem}")).await;
    set_aside(files).await;
    notes.own
}

async fn set_aside(files: &Files) {
    if let Ok(path) = files.set_aside() {
        say(&format!("it was set aside as {}", path.display())).await;
    }
}

fn home_problem(settings: &Settings, error: &std::io::Error) -> String {
    format!("the home {} cannot be used: {error}", settings.home.display())
}

/// A line for the operator, which is not quoted as the reason of an ending.
async fn say(words: &str) {
    write_line(&format!("{}{words}", words::OWN_LINE)).await;
}

#[cfg(test)]
mod tests;
