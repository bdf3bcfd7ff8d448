//! `teamclaw doctor` from end to end.

use super::cloud::{Cloud, Kind};
use super::{run, teamclaw};

fn doctor(kind: Kind, arguments: &[&str]) -> (Option<i32>, String) {
    let cloud = Cloud::new(kind);
    let mut command = teamclaw(&cloud);
    let (code, printed, error) = run(command.arg("doctor").args(arguments));
    (code, format!("{printed}{error}"))
}

#[test]
fn a_sound_environment_is_all_good() {
    let (code, printed) = doctor(Kind::default(), &["dev"]);
    assert_eq!(code, Some(0), "{printed}");
    for said in [
        "✓ credentials: 123456789012 as arn:aws:iam::123456789012:user/ann, eu-central-1",
        "✓ quota: vCPUs of Fargate on demand: 5000, 102 are needed",
        "✓ stack: tc-dev-foundation: UPDATE_COMPLETE",
        "✓ stack: tc-dev-admin: UPDATE_COMPLETE",
        "✓ parameters: 9 are published",
        "✓ alarms: none rings",
        "✓ set aside: tc-dev-usage-dlq: none",
    ] {
        assert!(printed.contains(said), "{said} is not in\n{printed}");
    }
}

#[test]
fn what_is_wrong_is_said_with_what_to_do_and_ends_the_command_with_one() {
    let quota = Kind { quota: "6", ..Kind::default() };
    let (code, printed) = doctor(quota, &["dev", "--users", "3000"]);
    assert_eq!(code, Some(1), "{printed}");
    assert!(printed.contains("--quota-code L-3032A538 --desired-value 3002"), "{printed}");
    let (code, printed) = doctor(Kind { set_aside: "3", ..Kind::default() }, &["dev"]);
    assert_eq!(code, Some(1), "{printed}");
    assert!(printed.contains("✗ set aside: tc-dev-storage-dlq: 3 messages"), "{printed}");
    let (code, printed) =
        doctor(Kind { stacks: "UPDATE_ROLLBACK_COMPLETE", ..Kind::default() }, &["dev"]);
    assert_eq!(code, Some(1), "{printed}");
    assert!(printed.contains("✗ stack: tc-dev-cluster: UPDATE_ROLLBACK_COMPLETE"), "{printed}");
}

#[test]
fn machines_read_every_finding() {
    let (code, printed) = doctor(Kind::default(), &["dev", "--format", "json"]);
    assert_eq!(code, Some(0), "{printed}");
    let document: serde_json::Value = serde_json::from_str(&printed).expect("JSON");
    let findings = document["findings"].as_array().expect("a list");
    assert!(findings.len() > 10, "{printed}");
    assert!(findings.iter().all(|finding| finding["level"] == "good"), "{printed}");
}

#[test]
fn a_look_for_drift_is_begun_and_waited_for_and_says_how_far_it_is() {
    let (code, printed) = doctor(Kind::default(), &["dev", "--drift"]);
    assert_eq!(code, Some(0), "{printed}");
    for said in [
        "CloudFormation looks at 4 stacks",
        "tc-dev-foundation: looked at",
        "tc-dev-admin: looked at",
    ] {
        assert!(printed.contains(said), "{said} is not in\n{printed}");
    }
    let (_, printed) = doctor(Kind::default(), &["dev"]);
    assert!(!printed.contains("CloudFormation looks"), "{printed}");
    let (code, printed) = doctor(Kind::default(), &["--drift"]);
    assert_eq!(code, Some(2), "{printed}");
}

#[test]
fn without_credentials_that_is_what_is_said() {
    let cloud = Cloud::new(Kind::default());
    let mut command = teamclaw(&cloud);
    command.env_remove("AWS_ACCESS_KEY_ID").env_remove("AWS_SECRET_ACCESS_KEY");
    let (code, printed, _) = run(command.args(["doctor", "dev"]));
    assert_eq!(code, Some(1), "{printed}");
    assert!(printed.contains("✗ credentials: none"), "{printed}");
    assert_eq!(printed.matches('✗').count(), 1, "{printed}");
}

#[test]
fn this_machine_is_looked_at_when_no_environment_is_named() {
    let (_, printed) = doctor(Kind::default(), &["--data", "/nonexistent/teamclaw"]);
    for said in ["user: ", "Landlock: ", "disk: ", "agent: "] {
        assert!(printed.contains(said), "{said} is not in\n{printed}");
    }
}
