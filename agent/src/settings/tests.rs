//! The contract with the engine: whole, missing and wrong.

use super::*;

pub(crate) const PASS: &str = "x-teamclaw-0123456789abcdef0123456789abcdef";

/// A contract as the engine sets it, with some variables changed; an empty value unsets one.
pub(crate) fn settings(changes: &[(&str, &str)]) -> Result<Settings, SettingsError> {
    let mut env: BTreeMap<String, String> = [
        ("TEAMCLAW_WORKSPACE", "amina"),
        ("TEAMCLAW_PORT", "18801"),
        ("TEAMCLAW_HOME", "/homes/amina"),
        ("TEAMCLAW_TOKEN", "lease-token"),
        ("TEAMCLAW_PASS", PASS),
        ("TEAMCLAW_SIDECAR", "http://127.0.0.1:7071"),
        ("TEAMCLAW_ORIGINS", "http://127.0.0.1:7070,https://claw.example.com"),
        ("TEAMCLAW_RUNTIME", "/runtime"),
        ("PATH", "/usr/bin:/bin"),
        ("ANTHROPIC_API_KEY", "sk-ant-real"),
    ]
    .map(|(name, value)| (name.to_owned(), value.to_owned()))
    .into();
    env.extend(changes.iter().map(|(name, value)| ((*name).into(), (*value).into())));
    Settings::from_env(&|name| env.get(name).cloned())
}

#[test]
fn the_whole_contract() {
    let it = settings(&[("TEAMCLAW_SIDECAR", "http://127.0.0.1:7071/")])
        .unwrap_or_else(|e| panic!("{e}"));
    assert_eq!(it.sidecar, "http://127.0.0.1:7071");
    assert_eq!(it.origins, ["http://127.0.0.1:7070", "https://claw.example.com"]);
    assert_eq!(it.model, DEFAULT_MODEL);
    assert_eq!(it.program, Program::OpenClaw("/runtime".into()));
    assert_eq!(
        it.inherited.into_iter().collect::<Vec<_>>(),
        [("PATH".into(), "/usr/bin:/bin".into())]
    );
}

#[test]
fn a_custom_command_needs_no_runtime() {
    let it = settings(&[("TEAMCLAW_AGENT", "python3 agent.py"), ("TEAMCLAW_RUNTIME", "")]);
    assert_eq!(it.ok().map(|it| it.program), Some(Program::Custom("python3 agent.py".into())));
}

#[test]
fn everything_missing_is_said_at_once() {
    let error = Settings::from_env(&|_| None).err().map(|e| e.to_string());
    expect_test::expect![[r#"
        TEAMCLAW_WORKSPACE is missing
        TEAMCLAW_PORT is missing
        TEAMCLAW_HOME is missing
        TEAMCLAW_TOKEN is missing
        TEAMCLAW_PASS is missing
        TEAMCLAW_SIDECAR is missing
        TEAMCLAW_ORIGINS is missing
        TEAMCLAW_RUNTIME is missing"#]]
    .assert_eq(&error.unwrap().replace("; ", "\n"));
}

#[test]
fn wrong_forms_are_refused_without_their_values() {
    let table = [
        ("TEAMCLAW_WORKSPACE", "../root"),
        ("TEAMCLAW_PORT", "0"),
        ("TEAMCLAW_PORT", "70000"),
        ("TEAMCLAW_HOME", "homes/amina"),
        ("TEAMCLAW_TOKEN", "two words"),
        ("TEAMCLAW_PASS", "x-teamclaw-short"),
        ("TEAMCLAW_PASS", "X-TEAMCLAW-0123456789ABCDEF0123456789ABCDEF"),
        ("TEAMCLAW_SIDECAR", "http://10.0.0.1:80"),
        ("TEAMCLAW_SIDECAR", "http://127.0.0.1:7071/path"),
        ("TEAMCLAW_SIDECAR", "http://127.0.0.1:7071@evil.example"),
        ("TEAMCLAW_ORIGINS", "*"),
        ("TEAMCLAW_ORIGINS", "https://claw.example.com/path"),
        ("TEAMCLAW_MODEL", "claude"),
        ("TEAMCLAW_ADMIN_CONFIG", "admin.json"),
    ];
    for (name, value) in table {
        let error = settings(&[(name, value)]).err().map(|e| e.to_string());
        assert_eq!(error, Some(format!("{name} has a wrong form")), "{value}");
    }
}
