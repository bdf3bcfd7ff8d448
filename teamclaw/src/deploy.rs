//! Which programs a deployment runs, in which order. Pure: what is there was looked at before
//! (`deploy::look`), and who runs them is elsewhere (`deploy::run`).

pub mod look;
pub mod run;

use crate::cli::STACKS;
use crate::problem::Problem;

/// Node is as old as the CDK and infra/package.json allow.
const NODE_MAJOR_MIN: u32 = 20;

/// What is there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen {
    /// Node's own words for its version: `v24.21.0`.
    pub node: Option<String>,
    /// Whether the CDK is installed in `infra/`.
    pub packages: bool,
    /// The functions that are deployed, and whether each is built.
    pub functions: Vec<(String, bool)>,
}

/// What is wanted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wanted {
    /// The environment.
    pub env: String,
    /// One stack alone.
    pub only: Option<&'static str>,
    /// Change nothing on AWS.
    pub dry_run: bool,
    /// Nobody is asked, so the CDK must not ask either.
    pub unasked: bool,
}

/// One program that is run to its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// What it does, for people.
    pub what: String,
    /// The program, found on PATH, or a path below the checkout.
    pub program: &'static str,
    /// Its arguments. No secret is ever among them.
    pub arguments: Vec<String>,
    /// Where it runs, below the checkout.
    pub place: &'static str,
    /// Whether it changes something on AWS.
    pub changes: bool,
}

impl Step {
    /// As one would type it.
    pub fn typed(&self) -> String {
        let within =
            if self.place.is_empty() { String::new() } else { format!("cd {} && ", self.place) };
        format!("{within}{} {}", self.program, self.arguments.join(" ")).trim_end().to_owned()
    }
}

/// What is run, in order. A stack that reads what another publishes comes after it.
///
/// # Errors
/// Something is missing that is not ours to install.
pub fn plan(wanted: &Wanted, seen: &Seen) -> Result<Vec<Step>, Problem> {
    node(seen.node.as_deref())?;
    let mut steps = Vec::new();
    let arguments = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect();
    if !seen.packages {
        steps.push(Step {
            what: "install the CDK as infra/package-lock.json pins it".to_owned(),
            program: "npm",
            arguments: arguments(&["ci", "--no-audit", "--no-fund"]),
            place: "infra",
            changes: false,
        });
    }
    let unbuilt: Vec<&str> =
        seen.functions.iter().filter(|(_, built)| !built).map(|(name, _)| name.as_str()).collect();
    if !unbuilt.is_empty() {
        steps.push(Step {
            what: format!("build the functions; {} are missing", unbuilt.join(", ")),
            program: "scripts/lambdas",
            arguments: Vec::new(),
            place: "",
            changes: false,
        });
    }
    let stacks = STACKS.into_iter().filter(|stack| wanted.only.is_none_or(|only| only == *stack));
    steps.extend(stacks.map(|stack| cdk(wanted, stack)));
    Ok(steps)
}

/// `--exclusively`: each stack alone, because they find each other by parameters and not by
/// dependencies that the CDK could know.
fn cdk(wanted: &Wanted, stack: &str) -> Step {
    let Wanted { env, dry_run, unasked, .. } = wanted;
    let (name, context) = (format!("tc-{env}-{stack}"), format!("env={env}"));
    let verb = if *dry_run { "diff" } else { "deploy" };
    let mut arguments =
        vec!["--no-install", "cdk", verb, &name, "--exclusively", "--context", &context];
    if !dry_run {
        let approval = if *unasked { "never" } else { "broadening" };
        arguments.extend(["--require-approval", approval, "--progress", "events"]);
    }
    let what = if *dry_run { "see what would change in" } else { "deploy" };
    Step {
        what: format!("{what} {name}"),
        program: "npx",
        arguments: arguments.into_iter().map(str::to_owned).collect(),
        place: "infra",
        changes: !dry_run,
    }
}

fn node(version: Option<&str>) -> Result<(), Problem> {
    let do_this = format!("install Node {NODE_MAJOR_MIN} or later; npm and npx come with it");
    let Some(version) = version else {
        let why = "the stacks are written for the CDK, and there is no `node`";
        return Err(Problem::new("nothing can be deployed from here", why, do_this));
    };
    let major = version.trim().trim_start_matches('v').split('.').next();
    if major.and_then(|major| major.parse().ok()).is_some_and(|major: u32| major >= NODE_MAJOR_MIN)
    {
        return Ok(());
    }
    let why = format!("`node` is {}", version.trim());
    Err(Problem::new("nothing can be deployed from here", why, do_this))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wanted() -> Wanted {
        Wanted { env: "dev".into(), only: None, dry_run: false, unasked: false }
    }

    fn complete() -> Seen {
        let functions = vec![("storage".to_owned(), true), ("usage".to_owned(), true)];
        Seen { node: Some("v24.21.0\n".into()), packages: true, functions }
    }

    fn typed(wanted: &Wanted, seen: &Seen) -> Vec<String> {
        let steps = plan(wanted, seen).map_err(|problem| problem.to_string()).expect("a plan");
        steps.iter().map(Step::typed).collect()
    }

    #[test]
    fn the_stacks_are_deployed_in_the_order_in_which_they_read_each_other() {
        let deploy = |stack: &str| {
            format!(
                "cd infra && npx --no-install cdk deploy tc-dev-{stack} --exclusively --context env=dev \
                 --require-approval broadening --progress events"
            )
        };
        let all = ["foundation", "cluster", "control-plane", "admin"].map(deploy);
        assert_eq!(typed(&wanted(), &complete()), all);
        let one = Wanted { only: Some("cluster"), ..wanted() };
        assert_eq!(typed(&one, &complete()), [deploy("cluster")]);
    }

    #[test]
    fn what_is_missing_is_made_first() {
        let functions = vec![("storage".to_owned(), false), ("usage".to_owned(), true)];
        let seen = Seen { packages: false, functions, ..complete() };
        let steps = plan(&wanted(), &seen).map_err(|problem| problem.to_string()).expect("a plan");
        let first: Vec<String> = steps.iter().take(2).map(Step::typed).collect();
        assert_eq!(first, ["cd infra && npm ci --no-audit --no-fund", "scripts/lambdas"]);
        assert!(steps[1].what.contains("storage") && !steps[1].what.contains("usage"));
        assert!(
            steps[..2].iter().all(|step| !step.changes) && steps[2..].iter().all(|s| s.changes)
        );
    }

    #[test]
    fn a_dry_run_changes_nothing() {
        let steps = plan(&Wanted { dry_run: true, ..wanted() }, &complete());
        let steps = steps.map_err(|problem| problem.to_string()).expect("a plan");
        assert!(steps.iter().all(|step| !step.changes), "{steps:?}");
        assert!(steps.iter().all(|step| step.arguments.contains(&"diff".to_owned())), "{steps:?}");
    }

    #[test]
    fn nobody_is_asked_only_when_that_was_said() {
        let asks = |unasked| typed(&Wanted { unasked, ..wanted() }, &complete())[0].clone();
        assert!(asks(false).contains("--require-approval broadening"));
        assert!(asks(true).contains("--require-approval never"));
    }

    #[test]
    fn an_old_node_or_none_is_said_before_anything_runs() {
        for node in [None, Some("v18.20.1".to_owned()), Some("what".to_owned())] {
            assert!(plan(&wanted(), &Seen { node, ..complete() }).is_err());
        }
    }
}
