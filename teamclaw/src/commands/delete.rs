//! `teamclaw delete`: a person goes, with everything but the ledger.

use std::io::{self, IsTerminal};

use ::events::WorkspaceId;

use super::follow::{self, Goal};
use crate::cli::DeleteArgs;
use crate::client::Engine;
use crate::output;
use crate::problem::{EXIT_USAGE, Problem};
use crate::words;
use admin::api::{DeleteRequest, Deletion};

/// Asks whether that is meant, deletes the person, and waits until nothing is left.
pub(super) async fn run(args: &DeleteArgs) -> Result<(), Problem> {
    let user = &args.user;
    if !args.dry_run && !args.yes {
        confirm(user)?;
    }
    let engine = Engine::find(&args.at).await?;
    let request = DeleteRequest { dry_run: args.dry_run };
    let path = format!("/workspaces/{user}/delete");
    let deletion: Deletion = engine.post(&path, &request).await?;
    if args.dry_run || deletion.already {
        if args.format.is_json() {
            return output::document(&deletion);
        }
        return report(user, &deletion).iter().try_for_each(|line| output::line(line));
    }
    let view = follow::until(Goal::Gone, &engine, user, deletion.version, args.format).await?;
    if args.format.is_json() { output::document(&view) } else { Ok(()) }
}

/// Lets a person type the name again.
fn confirm(user: &WorkspaceId) -> Result<(), Problem> {
    let what = format!("{user} is not deleted");
    let stdin = io::stdin();
    if !stdin.is_terminal() {
        let do_this = "add --yes, or see what would go with --dry-run";
        return Err(
            Problem::new(what, "nobody is here to confirm it", do_this).with_code(EXIT_USAGE)
        );
    }
    output::note(&format!("{user}'s home goes for good. Type {user} to delete them:"));
    let mut typed = String::new();
    stdin.read_line(&mut typed).map_err(|error| {
        Problem::new(what.clone(), error.to_string(), "try again, or add --yes")
    })?;
    if typed.trim() == user.as_str() {
        return Ok(());
    }
    Err(Problem::new(what, "another name was typed", "type that very name").with_code(EXIT_USAGE))
}

fn report(user: &WorkspaceId, deletion: &Deletion) -> Vec<String> {
    if deletion.already {
        return vec![format!("{user} is deleted already")];
    }
    let yes_or_none = |text: Option<&str>| text.map_or_else(|| "none".to_owned(), words::plain);
    let task = deletion.task.as_ref().map(|task| task.0.as_str());
    vec![
        format!("{user} is {}; this would go, for good:", deletion.status.name()),
        format!("  home:      {}", yes_or_none(deletion.home.as_deref())),
        format!("  task:      {}", yes_or_none(task)),
        format!("  lease:     {}", if deletion.lease { "in force" } else { "none" }),
        format!("  sessions:  {}", deletion.sessions),
        "what was used stays in the ledger, what happened in the journal".to_owned(),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use ::events::{Status, TaskId, Version};
    use expect_test::expect;

    #[test]
    fn a_dry_run_says_what_would_go() {
        let ann = "ann".parse().expect("a name");
        let mut deletion = Deletion {
            status: Status::Ready,
            version: Version(9),
            already: false,
            home: Some("/data/homes/ann".to_owned()),
            task: Some(TaskId("ann-1".to_owned())),
            lease: true,
            sessions: 2,
        };
        let text = report(&ann, &deletion).join("\n");
        expect![[r#"
            ann is ready; this would go, for good:
              home:      /data/homes/ann
              task:      ann-1
              lease:     in force
              sessions:  2
            what was used stays in the ledger, what happened in the journal"#]]
        .assert_eq(&text);
        deletion.already = true;
        assert_eq!(report(&ann, &deletion), ["ann is deleted already"]);
    }
}
