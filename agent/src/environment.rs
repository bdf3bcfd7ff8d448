//! The exact environment a child gets. Pure.
//!
//! It is built up from nothing, never filtered down from ours: a provider key in the shell that
//! started the engine cannot reach an agent, because nobody hands it on. Only the names of
//! [`crate::settings::INHERITED`] pass, and none of them is a credential.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::settings::{Program, Settings};

/// Where programs are found when our own PATH is not set.
const PATH_DEFAULT: &str = "/usr/local/bin:/usr/bin:/bin";

/// How OpenClaw behaves as somebody's child; each is explained in its docs, gateway/embedding.md.
const OPENCLAW_SWITCHES: [(&str, &str); 8] = [
    // We own the process: it must not hand over to another, nor look for a service manager.
    ("OPENCLAW_NO_RESPAWN", "1"),
    ("OPENCLAW_SERVICE_REPAIR_POLICY", "external"),
    // Nothing is announced on the network, nothing asks for updates, nobody is counted.
    ("OPENCLAW_DISABLE_BONJOUR", "1"),
    ("OPENCLAW_NO_AUTO_UPDATE", "1"),
    ("DO_NOT_TRACK", "1"),
    // A login shell's profile is not part of a workspace.
    ("OPENCLAW_EXEC_SHELL_SNAPSHOT", "0"),
    // A workspace sleeps; a chat channel into it would be deaf most of the time.
    ("OPENCLAW_SKIP_CHANNELS", "1"),
    ("NO_COLOR", "1"),
];

/// The variable that holds the lease token; openclaw.json refers to it by this name.
pub(crate) const TOKEN_VARIABLE: &str = "TEAMCLAW_TOKEN";

/// Where OpenClaw keeps its state, below the home.
pub(crate) fn state_dir(home: &Path) -> PathBuf {
    home.join(".openclaw")
}

/// The file that OpenClaw is configured by.
pub(crate) fn config_file(home: &Path) -> PathBuf {
    state_dir(home).join("openclaw.json")
}

/// The private directory for temporary files, inside the home because /tmp is closed.
pub(crate) fn temporary_dir(home: &Path) -> PathBuf {
    home.join("tmp")
}

/// Everything the child will find in its environment.
pub fn environment(settings: &Settings) -> BTreeMap<String, String> {
    let home = settings.home.as_path();
    let mut env = settings.inherited.clone();
    let mut set = |name: &str, value: String| drop(env.insert(name.to_owned(), value));
    set("HOME", text(home));
    set("TMPDIR", text(&temporary_dir(home)));
    set(TOKEN_VARIABLE, settings.token.expose().to_owned());
    match &settings.program {
        Program::OpenClaw(runtime) => {
            set("OPENCLAW_STATE_DIR", text(&state_dir(home)));
            set("OPENCLAW_CONFIG_PATH", text(&config_file(home)));
            for (name, value) in OPENCLAW_SWITCHES {
                set(name, value.to_owned());
            }
            // The agent's own tools find the Node that it runs on, and not another.
            let bin = text(&runtime.join("node_modules/.bin"));
            let path = settings.inherited.get("PATH").map_or(PATH_DEFAULT, String::as_str);
            set("PATH", format!("{bin}:{path}"));
        }
        Program::Custom(_) => {
            let token = settings.token.expose();
            set("PORT", settings.port.to_string());
            set("TEAMCLAW_PORT", settings.port.to_string());
            set("TEAMCLAW_WORKSPACE", settings.workspace.to_string());
            set("TEAMCLAW_PASS", settings.pass.expose().to_owned());
            set("TEAMCLAW_SIDECAR", settings.sidecar.clone());
            set("TEAMCLAW_MODEL", settings.model.clone());
            // The names that the providers' own SDKs look for, so that they work unchanged.
            set("ANTHROPIC_BASE_URL", format!("{}/anthropic", settings.sidecar));
            set("ANTHROPIC_API_KEY", token.to_owned());
            set("OPENAI_BASE_URL", format!("{}/openai/v1", settings.sidecar));
            set("OPENAI_API_KEY", token.to_owned());
        }
    }
    env.entry("PATH".to_owned()).or_insert_with(|| PATH_DEFAULT.to_owned());
    env.entry("LANG".to_owned()).or_insert_with(|| "C.UTF-8".to_owned());
    env
}

fn text(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::*;
    use crate::settings::tests::settings;

    fn listed(changes: &[(&str, &str)]) -> String {
        let settings = settings(changes).unwrap_or_else(|e| panic!("{e}"));
        environment(&settings).iter().map(|(name, value)| format!("{name}={value}\n")).collect()
    }

    /// What an operator's shell may hold; none of it is an agent's business.
    const OURS: [(&str, &str); 12] = [
        ("ANTHROPIC_API_KEY", "sk-ant-real"),
        ("ANTHROPIC_BASE_URL", "https://api.anthropic.com"),
        ("OPENAI_API_KEY", "sk-real"),
        ("GEMINI_API_KEY", "AIza-real"),
        ("GOOGLE_APPLICATION_CREDENTIALS", "/etc/key.json"),
        ("AWS_SECRET_ACCESS_KEY", "aws-real"),
        ("GITHUB_TOKEN", "ghp-real"),
        ("SSH_AUTH_SOCK", "/run/agent"),
        ("LD_PRELOAD", "/evil.so"),
        ("NODE_OPTIONS", "--require /evil.js"),
        ("OPENCLAW_GATEWAY_PASSWORD", "back-door"),
        ("TZ", "Africa/Kigali"),
    ];

    #[test]
    fn openclaw_gets_exactly_this() {
        expect![[r#"
            DO_NOT_TRACK=1
            HOME=/homes/amina
            LANG=C.UTF-8
            NO_COLOR=1
            OPENCLAW_CONFIG_PATH=/homes/amina/.openclaw/openclaw.json
            OPENCLAW_DISABLE_BONJOUR=1
            OPENCLAW_EXEC_SHELL_SNAPSHOT=0
            OPENCLAW_NO_AUTO_UPDATE=1
            OPENCLAW_NO_RESPAWN=1
            OPENCLAW_SERVICE_REPAIR_POLICY=external
            OPENCLAW_SKIP_CHANNELS=1
            OPENCLAW_STATE_DIR=/homes/amina/.openclaw
            PATH=/runtime/node_modules/.bin:/usr/bin:/bin
            TEAMCLAW_TOKEN=lease-token
            TMPDIR=/homes/amina/tmp
            TZ=Africa/Kigali
        "#]]
        .assert_eq(&listed(&OURS));
    }

    #[test]
    fn a_custom_command_gets_the_lease_under_the_names_that_sdks_know() {
        let changes = [&OURS[..], &[("TEAMCLAW_AGENT", "python3 agent.py")]].concat();
        expect![[r#"
            ANTHROPIC_API_KEY=lease-token
            ANTHROPIC_BASE_URL=http://127.0.0.1:7071/anthropic
            HOME=/homes/amina
            LANG=C.UTF-8
            OPENAI_API_KEY=lease-token
            OPENAI_BASE_URL=http://127.0.0.1:7071/openai/v1
            PATH=/usr/bin:/bin
            PORT=18801
            TEAMCLAW_MODEL=anthropic/claude-sonnet-4-6
            TEAMCLAW_PASS=x-teamclaw-0123456789abcdef0123456789abcdef
            TEAMCLAW_PORT=18801
            TEAMCLAW_SIDECAR=http://127.0.0.1:7071
            TEAMCLAW_TOKEN=lease-token
            TEAMCLAW_WORKSPACE=amina
            TMPDIR=/homes/amina/tmp
            TZ=Africa/Kigali
        "#]]
        .assert_eq(&listed(&changes));
    }
}
