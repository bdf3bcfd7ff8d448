//! An operator's command finds a deployed engine and is let in.

use super::cloud::{Cloud, Kind};
use super::{run, teamclaw};

#[test]
fn a_command_finds_the_engine_by_its_parameter_and_shows_the_persons_token() {
    let cloud = Cloud::new(Kind::default());
    let mut command = teamclaw(&cloud);
    let (code, printed, error) =
        run(command.args(["orphans", "--backend", "aws", "--env", "dev", "--format", "json"]));
    assert_eq!(code, Some(0), "{error}");
    assert!(printed.contains("\"orphans\""), "{printed}");
    let asked = cloud.asked();
    let api =
        asked.iter().find(|asked| asked.line.starts_with("GET /api/v1/orphans ")).expect("it");
    assert_eq!(api.headers["authorization"], "Bearer a.jwt.of-the-issuer");
    // AWS is asked with its own credentials, and never sees the token.
    for other in asked.iter().filter(|asked| !asked.line.contains("/api/v1/")) {
        assert!(!format!("{other:?}").contains("a.jwt.of-the-issuer"), "{other:?}");
    }
}

#[test]
fn the_environments_variables_say_the_same_as_the_options() {
    let cloud = Cloud::new(Kind::default());
    let mut command = teamclaw(&cloud);
    command.env("TEAMCLAW_BACKEND", "aws").env("TEAMCLAW_ENV", "dev");
    let (code, _, error) = run(command.args(["orphans"]));
    assert_eq!(code, Some(0), "{error}");
}

#[test]
fn whoever_has_no_token_is_told_whose_to_get() {
    let cloud = Cloud::new(Kind::default());
    let mut command = teamclaw(&cloud);
    command.env_remove("TEAMCLAW_TOKEN");
    let (code, _, error) = run(command.args(["orphans", "--backend", "aws", "--env", "dev"]));
    assert_eq!(code, Some(2), "{error}");
    assert!(error.contains("https://issuer.example for operators"), "{error}");
}

#[test]
fn a_token_that_the_gateway_does_not_take_is_said_to_be_that() {
    let cloud = Cloud::new(Kind { admits: false, ..Kind::default() });
    let mut command = teamclaw(&cloud);
    let (code, _, error) = run(command.args(["orphans", "--backend", "aws", "--env", "dev"]));
    assert_eq!(code, Some(1), "{error}");
    assert!(error.contains("the token is not accepted"), "{error}");
}

#[test]
fn what_is_not_deployed_is_not_there() {
    let cloud = Cloud::new(Kind::default());
    let mut command = teamclaw(&cloud);
    let (code, _, error) = run(command.args(["orphans", "--backend", "aws", "--env", "prod"]));
    assert_eq!(code, Some(3), "{error}");
    assert!(error.contains("prod is not deployed here"), "{error}");
    assert!(error.contains("teamclaw deploy prod"), "{error}");
}

#[test]
fn an_environment_without_its_backend_is_unclear_and_the_other_way_round() {
    let cloud = Cloud::new(Kind::default());
    for options in [&["--env", "dev"][..], &["--backend", "aws"][..]] {
        let mut command = teamclaw(&cloud);
        let (code, _, error) = run(command.arg("orphans").args(options));
        assert_eq!(code, Some(2), "{error}");
        assert!(error.contains("not clear which engine"), "{error}");
    }
    assert!(cloud.asked().is_empty());
}
