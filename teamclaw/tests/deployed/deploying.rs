//! `teamclaw deploy` with a Node and a CDK that only write down how they were called.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use super::cloud::{Cloud, Kind};
use super::{run, teamclaw};

/// A checkout with everything that is needed, or without what `lacks` names; removed at the end.
struct Checkout(PathBuf);

impl Drop for Checkout {
    fn drop(&mut self) {
        fs::remove_dir_all(&self.0).expect("removed");
    }
}

impl Checkout {
    fn new(name: &str, lacks: &[&str]) -> Self {
        let root = std::env::temp_dir().join(format!("teamclaw-{name}-{}", std::process::id()));
        let checkout = Self(root);
        let functions = r#"{"functions":[{"name":"storage"},{"name":"usage"}]}"#;
        checkout.file("lambdas/functions.json", functions);
        checkout.file("infra/cdk.json", "{}");
        for file in [
            "infra/node_modules/.bin/cdk",
            "dist/lambdas/storage/bootstrap",
            "dist/lambdas/usage/bootstrap",
        ] {
            if !lacks.contains(&file) {
                checkout.file(file, "");
            }
        }
        checkout.program("bin/node", "echo v24.21.0");
        for program in ["bin/npm", "bin/npx", "scripts/lambdas"] {
            let name = program.rsplit('/').next().unwrap_or_default();
            let (log, refused) = (checkout.0.join("log"), checkout.0.join("refused"));
            let (log, refused) = (log.display(), refused.display());
            checkout.program(
                program,
                &format!(
                    "echo \"{name} $*\" >> '{log}'\necho \"progress of $3\"\n\
                     case \"$*\" in *\"$(/bin/cat '{refused}' 2>/dev/null || echo -)\"*) exit 1;; esac"
                ),
            );
        }
        checkout
    }

    fn file(&self, name: &str, text: &str) -> PathBuf {
        let path = self.0.join(name);
        fs::create_dir_all(path.parent().expect("a folder")).expect("made");
        fs::write(&path, text).expect("written");
        path
    }

    fn program(&self, name: &str, script: &str) {
        let path = self.file(name, &format!("#!/bin/sh\n{script}\n"));
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).expect("set");
    }

    fn deploy(&self, cloud: &Cloud, arguments: &[&str]) -> (Option<i32>, String) {
        let mut command = teamclaw(cloud);
        command.env("PATH", self.0.join("bin")).stdin(std::process::Stdio::null());
        command.args(["deploy", "dev", "--source"]).arg(&self.0).args(arguments);
        let (code, printed, error) = run(&mut command);
        (code, format!("{printed}{error}"))
    }

    fn ran(&self) -> Vec<String> {
        let log: &Path = &self.0.join("log");
        let text = fs::read_to_string(log).unwrap_or_default();
        text.lines().map(str::to_owned).collect()
    }
}

fn cdk(verb: &str, stack: &str, more: &str) -> String {
    format!("npx --no-install cdk {verb} tc-dev-{stack} --exclusively --context env=dev{more}")
}

const STACKS: [&str; 4] = ["foundation", "cluster", "control-plane", "admin"];
const UNASKED: &str = " --require-approval never --progress events";

#[test]
fn the_four_stacks_are_deployed_in_order_and_their_progress_is_seen() {
    let (checkout, cloud) = (Checkout::new("order", &[]), Cloud::new(Kind::default()));
    let (code, printed) = checkout.deploy(&cloud, &["--yes"]);
    assert_eq!(code, Some(0), "{printed}");
    assert_eq!(checkout.ran(), STACKS.map(|stack| cdk("deploy", stack, UNASKED)));
    assert!(printed.contains("[4/4] deploy tc-dev-admin"), "{printed}");
    assert!(printed.contains("progress of deploy"), "{printed}");
    assert!(printed.contains("✓ credentials: 123456789012"), "{printed}");
}

#[test]
fn what_is_missing_is_installed_and_built_first() {
    let lacks = ["infra/node_modules/.bin/cdk", "dist/lambdas/usage/bootstrap"];
    let (checkout, cloud) = (Checkout::new("lacking", &lacks), Cloud::new(Kind::default()));
    let (code, printed) = checkout.deploy(&cloud, &["--yes", "--only", "admin"]);
    assert_eq!(code, Some(0), "{printed}");
    let expected = ["npm ci --no-audit --no-fund", "lambdas ", &cdk("deploy", "admin", UNASKED)];
    assert_eq!(checkout.ran(), expected);
}

#[test]
fn a_dry_run_deploys_nothing() {
    let (checkout, cloud) = (Checkout::new("dry", &[]), Cloud::new(Kind::default()));
    let (code, printed) = checkout.deploy(&cloud, &["--dry-run"]);
    assert_eq!(code, Some(0), "{printed}");
    assert_eq!(checkout.ran(), STACKS.map(|stack| cdk("diff", stack, "")));
}

#[test]
fn nothing_is_changed_when_nobody_confirms_it() {
    let (checkout, cloud) = (Checkout::new("asked", &[]), Cloud::new(Kind::default()));
    let (code, printed) = checkout.deploy(&cloud, &[]);
    assert_eq!(code, Some(2), "{printed}");
    assert!(printed.contains("add --yes"), "{printed}");
    assert_eq!(checkout.ran(), Vec::<String>::new());
}

#[test]
fn a_stack_that_fails_ends_it_before_the_next() {
    let (checkout, cloud) = (Checkout::new("failing", &[]), Cloud::new(Kind::default()));
    checkout.file("refused", "tc-dev-cluster");
    let (code, printed) = checkout.deploy(&cloud, &["--yes"]);
    assert_eq!(code, Some(1), "{printed}");
    assert_eq!(checkout.ran().len(), 2, "{printed}");
    assert!(printed.contains("could not deploy tc-dev-cluster"), "{printed}");
    assert!(printed.contains("teamclaw doctor dev"), "{printed}");
}

#[test]
fn a_place_that_is_no_checkout_is_said_to_be_none() {
    let cloud = Cloud::new(Kind::default());
    let mut command = teamclaw(&cloud);
    let (code, _, error) = run(command.args(["deploy", "dev", "--source", "/nonexistent"]));
    assert_eq!(code, Some(2), "{error}");
    assert!(error.contains("no checkout of TeamClaw"), "{error}");
}
