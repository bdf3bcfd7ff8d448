//! What to run, from the configuration file, the command line and the environment: read once,
//! checked once. A token never leaves here but as its SHA-256.

use std::collections::BTreeMap;
use std::fmt;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use events::token::token_hash;
use events::{TeamId, WorkspaceId};
use jiff::SignedDuration;
use serde::Deserialize;
use sidecar::{Config, CustomProvider, Keep, Strategy, WhenFull};

use crate::cli::{Cli, variable};

/// Loopback, so that nothing is open to a network by accident.
const LISTEN_DEFAULT: SocketAddr =
    SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 4141);
/// Holds the token of the one workspace.
const TOKEN_VARIABLE: &str = "TEAMCLAW_TOKEN";
/// The shortest token: 128 bits in hex. Shorter ones can be guessed.
const TOKEN_LENGTH_MIN: usize = 32;
/// A removed key is out after so long, and the file is not looked at for each request.
const KEYS_BELIEVED_DEFAULT: Duration = Duration::from_secs(1);
/// The largest configuration file that is read: some thousand workspaces.
const FILE_BYTES_MAX: u64 = 1024 * 1024;

/// Why it cannot start.
#[derive(Debug)]
pub(crate) struct Problem {
    what: String,
    why: String,
}

impl Problem {
    /// What did not work, and why.
    pub(crate) fn new(what: impl Into<String>, why: impl fmt::Display) -> Self {
        Self { what: what.into(), why: why.to_string() }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.what, self.why)
    }
}

/// The configuration file. An unknown field is an error with its line.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct File {
    listen: Option<SocketAddr>,
    keys: Option<PathBuf>,
    usage: Option<PathBuf>,
    journal: Option<PathBuf>,
    when_full: WhenFull,
    host_names: Vec<String>,
    strategy: Strategy,
    keys_believed: Option<SignedDuration>,
    upstreams: BTreeMap<String, String>,
    token_endpoints: BTreeMap<String, String>,
    providers: BTreeMap<String, CustomProvider>,
    workspaces: Vec<Workspace>,
}

/// Who may ask.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Workspace {
    /// Whose usage it is.
    pub(crate) name: WorkspaceId,
    /// The team that pays.
    #[serde(default = "everyone")]
    pub(crate) team: TeamId,
    /// The SHA-256 of its token, in hex.
    pub(crate) token_sha256: String,
}

fn everyone() -> TeamId {
    "everyone".parse().expect("a name")
}

/// Everything that is to be known before the start.
#[derive(Debug)]
pub(crate) struct Settings {
    /// Where to listen.
    pub(crate) listen: SocketAddr,
    /// The key pool's file.
    pub(crate) keys: PathBuf,
    /// Where usage goes.
    pub(crate) usage: PathBuf,
    /// Who may ask.
    pub(crate) workspaces: Vec<Workspace>,
    /// The proxy's own part.
    pub(crate) sidecar: Config,
}

impl Settings {
    /// The settings of this command line.
    ///
    /// # Errors
    /// What is missing or odd, and what to do about it.
    pub(crate) fn new(cli: &Cli) -> Result<Self, Problem> {
        let file = cli.config.as_deref().map(read).transpose()?.unwrap_or_default();
        let mut workspaces = file.workspaces;
        workspaces.extend(from_environment(cli)?);
        check(&workspaces)?;
        let missing = |what: &str| Problem::new(format!("no {what}"), "see --help for examples");
        let usage = cli.usage.clone().or(file.usage).ok_or_else(|| missing("--usage FILE"))?;
        let beside = if usage == Path::new("-") { PathBuf::from("usage") } else { usage.clone() };
        let journal = file.journal.unwrap_or_else(|| beside.with_added_extension("journal"));
        let mut upstreams = file.upstreams;
        for upstream in &cli.upstreams {
            let odd =
                || Problem::new("--upstream", "it must look like anthropic=https://host/path");
            let (id, url) = upstream.split_once('=').ok_or_else(odd)?;
            upstreams.insert(id.to_owned(), url.to_owned());
        }
        Ok(Self {
            listen: cli.listen.or(file.listen).unwrap_or(LISTEN_DEFAULT),
            keys: cli.keys.clone().or(file.keys).ok_or_else(|| missing("--keys FILE"))?,
            usage,
            workspaces,
            sidecar: Config {
                upstreams,
                token_endpoints: file.token_endpoints,
                providers: file.providers,
                host_names: file.host_names,
                keep: Keep::Directory(journal),
                when_full: file.when_full,
                strategy: file.strategy,
                keys_believed: believed(file.keys_believed)?,
            },
        })
    }

    /// What would run, for a person.
    pub(crate) fn summary(&self) -> String {
        let names: Vec<&str> = self.workspaces.iter().map(|w| w.name.as_str()).collect();
        let journal = match &self.sidecar.keep {
            Keep::Directory(directory) => directory.display().to_string(),
            Keep::Memory => "memory".to_owned(),
        };
        format!(
            "listen     {}\nkeys       {}\nusage      {}\njournal    {journal}\nworkspaces {}\n",
            self.listen,
            self.keys.display(),
            self.usage.display(),
            names.join(" "),
        )
    }
}

/// Where it listens, or would.
///
/// # Errors
/// A configuration file that cannot be used.
pub(crate) fn listen(cli: &Cli) -> Result<SocketAddr, Problem> {
    let file = cli.config.as_deref().map(read).transpose()?.unwrap_or_default();
    Ok(cli.listen.or(file.listen).unwrap_or(LISTEN_DEFAULT))
}

/// How long the keys' file is believed without another look.
fn believed(asked: Option<SignedDuration>) -> Result<Duration, Problem> {
    let Some(asked) = asked else { return Ok(KEYS_BELIEVED_DEFAULT) };
    Duration::try_from(asked).map_err(|error| Problem::new("keys_believed", error))
}

/// Reads a configuration file; what it names is beside it, unless its path says otherwise.
fn read(path: &Path) -> Result<File, Problem> {
    let bad = |why: String| Problem::new(format!("the configuration {}", path.display()), why);
    let length = std::fs::metadata(path).map_err(|error| bad(error.to_string()))?.len();
    if length > FILE_BYTES_MAX {
        return Err(bad(format!("it is larger than {FILE_BYTES_MAX} bytes")));
    }
    let text = std::fs::read_to_string(path).map_err(|error| bad(error.to_string()))?;
    let mut file: File = toml::from_str(&text).map_err(|error| bad(error.to_string()))?;
    let beside = path.parent().unwrap_or_else(|| Path::new(""));
    for place in [&mut file.keys, &mut file.usage, &mut file.journal].into_iter().flatten() {
        if place != Path::new("-") {
            *place = beside.join(&place);
        }
    }
    Ok(file)
}

/// The workspace of the environment's token, if there is one.
fn from_environment(cli: &Cli) -> Result<Option<Workspace>, Problem> {
    let Some(token) = variable(TOKEN_VARIABLE) else { return Ok(None) };
    if token.len() < TOKEN_LENGTH_MIN {
        let why = format!("it is shorter than {TOKEN_LENGTH_MIN}: try tc_$(openssl rand -hex 32)");
        return Err(Problem::new(TOKEN_VARIABLE, why));
    }
    let name = cli.workspace.clone();
    Ok(Some(Workspace {
        name: name.unwrap_or_else(|| "agent".parse().expect("a name")),
        team: cli.team.clone().unwrap_or_else(everyone),
        token_sha256: token_hash(&token),
    }))
}

fn check(workspaces: &[Workspace]) -> Result<(), Problem> {
    if workspaces.is_empty() {
        let why = "nobody may ask: set TEAMCLAW_TOKEN, or add [[workspaces]] to the configuration";
        return Err(Problem::new("no workspace", why));
    }
    let mut seen = BTreeMap::new();
    for workspace in workspaces {
        let hash = &workspace.token_sha256;
        let hex = |b: u8| b.is_ascii_digit() || matches!(b, b'a'..=b'f');
        if hash.len() != 64 || !hash.bytes().all(hex) {
            let why = "token_sha256 is 64 hex digits: printf %s \"$TOKEN\" | sha256sum";
            return Err(Problem::new(format!("workspace {}", workspace.name), why));
        }
        if let Some(other) = seen.insert(hash.clone(), &workspace.name) {
            let why = format!("it has the token of {other}; each needs its own");
            return Err(Problem::new(format!("workspace {}", workspace.name), why));
        }
    }
    Ok(())
}
