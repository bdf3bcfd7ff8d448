//! Looks at what a deployment needs in the checkout and on this machine. Changes nothing.

use std::path::Path;
use std::process::{Command, Stdio};

use serde::Deserialize;

use super::Seen;
use crate::problem::{EXIT_USAGE, Problem};

/// The list of functions, in the checkout.
const FUNCTIONS: &str = "lambdas/functions.json";
/// Where each function is when it is built: `dist/lambdas/NAME/bootstrap`.
const BUILT: &str = "dist/lambdas";
const BOOTSTRAP: &str = "bootstrap";
/// The stacks.
const INFRA: &str = "infra/cdk.json";
/// The CDK's own program, once it is installed.
const CDK: &str = "infra/node_modules/.bin/cdk";

#[derive(Deserialize)]
struct List {
    functions: Vec<Function>,
}

#[derive(Deserialize)]
struct Function {
    name: String,
}

/// Looks.
///
/// # Errors
/// The directory is no checkout of TeamClaw.
pub fn look(source: &Path) -> Result<Seen, Problem> {
    let absent = |why: String| {
        let what = format!("{} is no checkout of TeamClaw", source.display());
        Problem::new(what, why, "run it in one, or name one with --source DIR")
            .with_code(EXIT_USAGE)
    };
    if !source.join(INFRA).is_file() {
        return Err(absent(format!("there is no {INFRA}")));
    }
    let text = std::fs::read(source.join(FUNCTIONS))
        .map_err(|error| absent(format!("{FUNCTIONS}: {error}")))?;
    let list: List =
        serde_json::from_slice(&text).map_err(|error| absent(format!("{FUNCTIONS}: {error}")))?;
    let built = |name: &str| source.join(BUILT).join(name).join(BOOTSTRAP).is_file();
    let functions = list.functions.into_iter().map(|Function { name }| {
        let built = built(&name);
        (name, built)
    });
    Ok(Seen { node: node(), packages: source.join(CDK).exists(), functions: functions.collect() })
}

fn node() -> Option<String> {
    let asked = Command::new("node").arg("--version").stdin(Stdio::null()).output().ok()?;
    let text = String::from_utf8(asked.stdout).ok()?;
    asked.status.success().then(|| text.trim().to_owned())
}
