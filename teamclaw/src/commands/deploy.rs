//! `teamclaw deploy`: looks, says what it will do, asks, and does it.

use std::io::{self, IsTerminal};
use std::process::ExitCode;

use super::doctor::lines;
use crate::cli::DeployArgs;
use crate::cloud;
use crate::deploy::{Step, Wanted, look, plan, run as steps};
use crate::doctor::Plan;
use crate::output::{self, BOLD, styled};
use crate::problem::{EXIT_REFUSED, Problem};

/// A task of the stacks' own default size.
const VCPU: u32 = 1;

/// Deploys, or says what that would be.
///
/// # Errors
/// Something is missing, nobody confirmed it, or a step did not work.
pub async fn run(args: DeployArgs) -> Result<ExitCode, Problem> {
    let seen = look::look(&args.source)?;
    let wanted =
        Wanted { env: args.env.clone(), only: args.only, dry_run: args.dry_run, unasked: args.yes };
    let planned = plan(&wanted, &seen)?;
    if !args.no_checks {
        check(&args).await?;
    }
    show(&args, &planned)?;
    if !args.dry_run && !args.yes {
        confirm(&args)?;
    }
    steps::all(&args.source, &args.env, &planned)?;
    if !args.dry_run {
        output::line(&format!("{} is deployed; see: teamclaw doctor {}", args.env, args.env))?;
    }
    Ok(ExitCode::SUCCESS)
}

/// Whether the account is fit. A quota that is too low stops nothing but is said: it can be raised
/// while the stacks are made.
async fn check(args: &DeployArgs) -> Result<(), Problem> {
    let plan = Plan { users: args.users, vcpu: VCPU, spot: 0 };
    let account = cloud::preflight(&plan).await?;
    for finding in account.findings(&plan) {
        lines(&finding).iter().try_for_each(|line| output::line(line))?;
    }
    let who = account.identity.map(drop).map_err(|why| {
        let do_this = "set AWS_PROFILE or AWS_ACCESS_KEY_ID, and AWS_REGION";
        Problem::new("nothing can be deployed without credentials", why, do_this)
            .with_code(EXIT_REFUSED)
    });
    // A dry run says what it can.
    if args.dry_run { Ok(()) } else { who }
}

fn show(args: &DeployArgs, planned: &[Step]) -> Result<(), Problem> {
    let verb = if args.dry_run { "would be" } else { "will be" };
    output::line(&styled(BOLD, &format!("{verb} run for {}:", args.env)))?;
    for step in planned {
        output::line(&format!("  {}", step.typed()))?;
    }
    Ok(())
}

/// Lets a person type the environment's name.
fn confirm(args: &DeployArgs) -> Result<(), Problem> {
    let stdin = io::stdin();
    if !stdin.is_terminal() {
        return Err(args.not_confirmed("nobody is here to confirm it"));
    }
    output::note(&format!("This changes {} on AWS, and costs money. Type its name:", args.env));
    let mut typed = String::new();
    stdin.read_line(&mut typed).map_err(|error| args.not_confirmed(&error.to_string()))?;
    if typed.trim() == args.env {
        Ok(())
    } else {
        Err(args.not_confirmed("another name was typed"))
    }
}
