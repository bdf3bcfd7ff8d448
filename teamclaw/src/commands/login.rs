//! `teamclaw login`: a session for a person, and their agent awake.

use ::events::Status;

use super::follow::{self, Goal};
use crate::cli::LoginArgs;
use crate::client::Engine;
use crate::output::{self, BOLD, styled};
use crate::problem::Problem;
use crate::target;
use crate::words;
use admin::api::{LoginAnswer, LoginRequest};

/// Logs the person in and, unless told otherwise, waits until their agent is ready.
pub(super) async fn run(engine: &Engine, args: &LoginArgs) -> Result<(), Problem> {
    let user = &args.user;
    let request = LoginRequest { team: args.team.clone(), admin: args.admin };
    let mut answer: LoginAnswer =
        engine.post(&format!("/workspaces/{user}/login"), &request).await?;
    if !args.format.is_json() {
        let until = words::about(answer.until.duration_since(target::now()));
        let role = if args.admin { " as an administrator" } else { "" };
        output::line(&format!("{user}'s link{role}, good once and for {until}:"))?;
        output::line(&styled(BOLD, &words::plain(&answer.link)))?;
    }
    let settled = args.no_wait || answer.status == Status::Ready;
    if !settled {
        let view = follow::until(Goal::Up, engine, user, answer.version, args.format).await?;
        answer.status = view.status;
    }
    match (args.format.is_json(), settled) {
        (true, _) => output::document(&answer),
        (false, true) => output::line(&format!("{user}'s agent is {}", answer.status.name())),
        (false, false) => Ok(()),
    }
}
