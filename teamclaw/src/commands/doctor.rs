//! `teamclaw doctor`: prints what was seen, what follows and what to do.

use std::process::ExitCode;

use serde::Serialize;

use crate::cli::DoctorArgs;
use crate::cloud;
use crate::doctor::{self, Finding, Level, Plan, machine::Machine};
use crate::output::{self, BAD, DIM, GOOD, WARN, styled};
use crate::problem::Problem;
use crate::{target, words};

/// Everything as machines read it.
#[derive(Serialize)]
struct Document<'a> {
    findings: &'a [Finding],
}

/// Looks, judges and prints.
///
/// # Errors
/// The output cannot be written, or the program was built without AWS.
pub async fn run(args: DoctorArgs) -> Result<ExitCode, Problem> {
    let plan = Plan { users: args.users, vcpu: args.vcpu, spot: args.spot };
    let findings = match &args.env {
        Some(environment) => {
            let look: Option<&dyn Fn(&str)> = if args.drift { Some(&output::note) } else { None };
            let deployed = cloud::examine(environment, &plan, look).await?;
            deployed.findings(&plan, target::now())
        }
        None => Machine::look(&args.data).findings(),
    };
    if args.format.is_json() {
        output::document(&Document { findings: &findings })?;
    } else {
        findings.iter().flat_map(lines).try_for_each(|line| output::line(&line))?;
    }
    Ok(ExitCode::from(doctor::exit_code(&findings)))
}

/// A finding as people read it.
pub(super) fn lines(finding: &Finding) -> Vec<String> {
    let (style, sign) = match finding.level {
        Level::Good => (GOOD, "✓"),
        Level::Note => (DIM, "·"),
        Level::Unknown => (WARN, "?"),
        Level::Bad => (BAD, "✗"),
    };
    let mut lines = vec![format!("{} {}", styled(style, sign), words::plain(&finding.what))];
    for (label, text) in [("why: ", &finding.why), ("do:  ", &finding.do_this)] {
        if !text.is_empty() {
            lines.push(format!("    {label} {}", words::plain(text)));
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_finding_says_what_why_and_what_to_do() {
        let finding = Finding {
            level: Level::Bad,
            what: "alarm: tc-prod-parked".into(),
            why: "2 are\nparked\u{1b}[1m".into(),
            do_this: "teamclaw parked".into(),
        };
        let text = lines(&finding).join("\n");
        assert_eq!(
            anstream::adapter::strip_str(&text).to_string(),
            "✗ alarm: tc-prod-parked\n    why:  2 are parked\n    do:   teamclaw parked"
        );
    }
}
