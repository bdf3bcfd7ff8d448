//! What the engine tells the agent's entrypoint: the environment contract, read in one place.
//!
//! All missing and all wrong variables are reported at once, without the values of secret ones.
//! It must not read the environment itself: the root hands in a lookup.

use std::collections::BTreeMap;
use std::path::PathBuf;

use events::{Secret, WorkspaceId};
use thiserror::Error;

use crate::offer::{Provider, always};

/// The model an agent uses until its person chooses another.
pub const DEFAULT_MODEL: &str = "anthropic/claude-sonnet-4-6";

/// How every pass begins, so that a router can drop what looks like one from a client's request.
pub const PASS_PREFIX: &str = "x-teamclaw-";

/// 128 bits in hex: nobody guesses a header's name of that length.
const PASS_SECRET_LENGTH_MIN: usize = 32;

/// What is handed through from our own environment, besides what [`crate::environment`] makes:
/// where programs, words, times and certificates are found. Nothing here may be a credential.
pub const INHERITED: [&str; 7] =
    ["PATH", "LANG", "LC_ALL", "TZ", "NODE_EXTRA_CA_CERTS", "SSL_CERT_FILE", "SSL_CERT_DIR"];

/// Everything that a start depends on. No `Debug`: it holds secrets.
pub struct Settings {
    /// Whose agent; also the person's name towards OpenClaw.
    pub workspace: WorkspaceId,
    /// Where it listens, on loopback.
    pub port: u16,
    /// The person's directory.
    pub home: PathBuf,
    /// The lease token: the only key that the agent ever sees.
    pub token: Secret,
    /// The name of the header by which the agent knows its router.
    pub pass: Secret,
    /// The sidecar, without a slash at the end.
    pub sidecar: String,
    /// The front door's origins, as browsers send them.
    pub origins: Vec<String>,
    /// The model until the person chooses another, as `provider/model`.
    pub model: String,
    /// The providers to choose models of; the engine does not say, the sidecar does.
    pub offered: Vec<Provider>,
    /// What is run.
    pub program: Program,
    /// The admin's layer of configuration.
    pub admin_config: Option<PathBuf>,
    /// The values of [`INHERITED`] that are set.
    pub inherited: BTreeMap<String, String>,
}

/// What is run as the agent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Program {
    /// OpenClaw and Node from a directory that holds `node_modules`.
    OpenClaw(PathBuf),
    /// A command of one's own, for `sh -c`.
    Custom(String),
}

/// Why there is no start.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{}", .0.join("; "))]
pub struct SettingsError(pub Vec<String>);

impl Settings {
    /// Reads the contract.
    pub fn from_env(lookup: &dyn Fn(&str) -> Option<String>) -> Result<Self, SettingsError> {
        let mut read = Reader { lookup, problems: Vec::new() };
        let workspace = read.parsed("TEAMCLAW_WORKSPACE", |text| text.parse::<WorkspaceId>().ok());
        let port = read.parsed("TEAMCLAW_PORT", |text| text.parse().ok().filter(|port| *port != 0));
        let home = read.parsed("TEAMCLAW_HOME", absolute);
        let token =
            read.parsed("TEAMCLAW_TOKEN", |text| printable(text).then(|| Secret::new(text)));
        let pass = read.parsed("TEAMCLAW_PASS", |text| is_pass(text).then(|| Secret::new(text)));
        let sidecar = read.parsed("TEAMCLAW_SIDECAR", loopback);
        let origins = read.parsed("TEAMCLAW_ORIGINS", origins);
        let program = match read.optional("TEAMCLAW_AGENT") {
            Some(command) => Some(Program::Custom(command)),
            None => read.parsed("TEAMCLAW_RUNTIME", absolute).map(Program::OpenClaw),
        };
        let model = match read.optional("TEAMCLAW_MODEL") {
            Some(_) => read.parsed("TEAMCLAW_MODEL", |text| is_model(text).then(|| text.into())),
            None => Some(DEFAULT_MODEL.to_owned()),
        };
        let admin_config = match read.optional("TEAMCLAW_ADMIN_CONFIG") {
            Some(_) => read.parsed("TEAMCLAW_ADMIN_CONFIG", absolute),
            None => None,
        };
        let inherited = INHERITED
            .iter()
            .filter_map(|name| Some(((*name).to_owned(), read.optional(name)?)))
            .collect();
        let problems = SettingsError(read.problems);
        let all = || {
            Some(Self {
                workspace: workspace?,
                port: port?,
                home: home?,
                token: token?,
                pass: pass?,
                sidecar: sidecar?,
                origins: origins?,
                model: model?,
                offered: always(),
                program: program?,
                admin_config,
                inherited,
            })
        };
        if problems.0.is_empty() { all().ok_or(problems) } else { Err(problems) }
    }
}

struct Reader<'a> {
    lookup: &'a dyn Fn(&str) -> Option<String>,
    problems: Vec<String>,
}

impl Reader<'_> {
    fn optional(&self, name: &str) -> Option<String> {
        (self.lookup)(name).filter(|text| !text.trim().is_empty())
    }

    fn parsed<T>(&mut self, name: &str, parse: impl Fn(&str) -> Option<T>) -> Option<T> {
        let Some(text) = self.optional(name) else {
            self.problems.push(format!("{name} is missing"));
            return None;
        };
        let parsed = parse(text.trim());
        if parsed.is_none() {
            // Without the value, which may be a secret.
            self.problems.push(format!("{name} has a wrong form"));
        }
        parsed
    }
}

fn absolute(text: &str) -> Option<PathBuf> {
    Some(PathBuf::from(text)).filter(|path| path.is_absolute())
}

fn printable(text: &str) -> bool {
    text.chars().all(|c| c.is_ascii_graphic())
}

/// Whether a text can be the name of the secret header.
pub fn is_pass(text: &str) -> bool {
    text.strip_prefix(PASS_PREFIX).is_some_and(|secret| {
        (PASS_SECRET_LENGTH_MIN..=128).contains(&secret.len())
            && secret.chars().all(|c| c.is_ascii_digit() || ('a'..='f').contains(&c))
    })
}

fn is_model(text: &str) -> bool {
    let parts = text.split_once('/');
    printable(text) && parts.is_some_and(|(provider, id)| !provider.is_empty() && !id.is_empty())
}

fn loopback(text: &str) -> Option<String> {
    let text = text.trim_end_matches('/');
    let port = text.strip_prefix("http://127.0.0.1:")?;
    port.parse::<u16>().ok().filter(|port| *port != 0)?;
    Some(text.to_owned())
}

fn origins(text: &str) -> Option<Vec<String>> {
    text.split(',').map(|part| origin(part.trim())).collect()
}

fn origin(text: &str) -> Option<String> {
    let host = text.strip_prefix("http://").or_else(|| text.strip_prefix("https://"))?;
    let good = |c: char| c.is_ascii_alphanumeric() || "-.:[]".contains(c);
    (!host.is_empty() && host.chars().all(good)).then(|| text.to_owned())
}

#[cfg(test)]
pub(crate) mod tests;
