//! `teamclaw keys`: the pool, by fingerprints.

use ::events::KeyPrint;

use super::{rotate, secret_input, table::Rows};
use crate::cli::KeysCommand;
use crate::client::Engine;
use crate::output::{self, PLAIN};
use crate::problem::{EXIT_NOT_FOUND, Problem};
use crate::words;
use admin::api::{KeyChanged, KeyList, KeyRequest};

/// Changes the pool, or lists it.
pub(super) async fn run(command: &KeysCommand) -> Result<(), Problem> {
    let json = command.format().is_json();
    match command {
        KeysCommand::Add { provider, from_env, from_file, at, .. } => {
            let engine = Engine::find(at).await?;
            let key = secret_input::read(from_env.as_deref(), from_file.as_deref())?;
            let request = KeyRequest { provider: provider.clone(), key: key.expose().to_owned() };
            let changed: KeyChanged = engine.post("/keys", &request).await?;
            if json {
                return output::document(&changed);
            }
            let verb = if changed.changed { "joined the pool" } else { "was in the pool already" };
            output::line(&format!("key {} of {provider} {verb}", shown(&changed.key)))
        }
        KeysCommand::List { at, .. } => {
            let list: KeyList = Engine::find(at).await?.get("/keys").await?;
            if json { output::document(&list) } else { print(&list) }
        }
        KeysCommand::Remove { provider, fingerprint, at, .. } => {
            let path = format!("/keys/{provider}/{fingerprint}");
            let changed: KeyChanged = Engine::find(at).await?.delete(&path).await?;
            if !changed.changed {
                let why = format!("the pool has no key {fingerprint} of {provider}");
                let problem = Problem::new("no key was removed", why, "see: teamclaw keys list");
                return Err(problem.with_code(EXIT_NOT_FOUND));
            }
            if json {
                return output::document(&changed);
            }
            output::line(&format!("key {fingerprint} of {provider} left the pool"))
        }
        KeysCommand::Rotate(args) => rotate::run(args).await,
        KeysCommand::Rotations(args) => rotate::list(args).await,
    }
}

fn shown(key: &KeyPrint) -> String {
    words::plain(&key.0)
}

fn print(list: &KeyList) -> Result<(), Problem> {
    let mut rows = Rows::with_head(&["PROVIDER", "KEY"], 0..0);
    for info in &list.keys {
        rows.add(PLAIN, vec![words::plain(&info.provider), shown(&info.key)]);
    }
    if rows.is_empty() {
        return output::line("the pool is empty; add a key with: teamclaw keys add PROVIDER");
    }
    rows.lines().iter().try_for_each(|line| output::line(line))
}
