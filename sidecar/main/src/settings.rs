//! What to run, from the configuration file, the command line and the environment: read once,
//! checked once. A token never leaves here but as its SHA-256.

use std::collections::BTreeMap;
use std::fmt;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use events::token::token_hash;
use events::{Limits, TeamId, WorkspaceId};
use jiff::SignedDuration;
use serde::Deserialize;
use sidecar::{Config, CustomProvider, Keep, Strategy, WhenFull};

use crate::cli::{Cli, LogFormat, variable};

/// Loopback, so that nothing is open to a network by accident.
const LISTEN_DEFAULT: SocketAddr =
    SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 4141);
/// Holds the token of the one workspace.
const TOKEN_VARIABLE: &str = "TEAMCLAW_TOKEN";
/// Holds the token that metrics want.
const OPERATOR_VARIABLE: &str = "TEAMCLAW_OPERATOR_TOKEN";
/// Where spans go, by OpenTelemetry's own name
/// (opentelemetry.io/docs/specs/otel/protocol/exporter).
#[cfg(feature = "otel")]
const COLLECTOR_VARIABLE: &str = "OTEL_EXPORTER_OTLP_ENDPOINT";
/// The shortest token: 128 bits in hex. Shorter ones can be guessed.
pub(crate) const TOKEN_LENGTH_MIN: usize = 32;
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
    total_max: Option<SignedDuration>,
    upstream_http2: bool,
    tls_roots: Option<PathBuf>,
    upstreams: BTreeMap<String, String>,
    token_endpoints: BTreeMap<String, String>,
    providers: BTreeMap<String, CustomProvider>,
    limits: Limits,
    operator: Option<SocketAddr>,
    operator_token_sha256: Option<String>,
    log_format: Option<LogFormat>,
    collector: Option<String>,
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
    /// What it may be used for.
    #[serde(default)]
    pub(crate) limits: Limits,
}

fn everyone() -> TeamId {
    "everyone".parse().expect("a name")
}

/// Where keys come from, where usage goes, and who may ask.
pub(crate) enum Stores {
    /// Files, and tokens that are configured.
    Files {
        /// The key pool's file.
        keys: PathBuf,
        /// Where usage goes.
        usage: PathBuf,
        /// Who may ask.
        workspaces: Vec<Workspace>,
    },
    /// Services of AWS, and the one workspace of this task.
    #[cfg(feature = "aws")]
    Aws(crate::on_aws::Place),
}

/// Everything that is to be known before the start.
pub(crate) struct Settings {
    /// Where to listen.
    pub(crate) listen: SocketAddr,
    /// Where keys come from, where usage goes, and who may ask.
    pub(crate) stores: Stores,
    /// Where the operator asks.
    pub(crate) operator: Option<SocketAddr>,
    /// The SHA-256 of the token that metrics want; without one there are none.
    pub(crate) operator_token_sha256: Option<String>,
    /// How the log looks.
    pub(crate) log_format: LogFormat,
    /// The proxy's own part.
    pub(crate) sidecar: Config,
}

impl Settings {
    /// The settings of this command line.
    ///
    /// # Errors
    /// What is missing or odd, and what to do about it.
    pub(crate) fn new(cli: &Cli) -> Result<Self, Problem> {
        let mut file = cli.config.as_deref().map(read).transpose()?.unwrap_or_default();
        let (stores, beside) = stores(cli, &mut file)?;
        let journal = file.journal.unwrap_or(beside);
        let mut upstreams = file.upstreams;
        for upstream in &cli.upstreams {
            let odd =
                || Problem::new("--upstream", "it must look like anthropic=https://host/path");
            let (id, url) = upstream.split_once('=').ok_or_else(odd)?;
            upstreams.insert(id.to_owned(), url.to_owned());
        }
        #[cfg(not(feature = "otel"))]
        if file.collector.is_some() {
            let why = "this program was built without traces: build it with --features otel";
            return Err(Problem::new("collector", why));
        }
        let keys_believed = believed(file.keys_believed, &stores)?;
        Ok(Self {
            stores,
            listen: cli.listen.or(file.listen).unwrap_or(LISTEN_DEFAULT),
            operator: cli.operator.or(file.operator),
            operator_token_sha256: operator_token(file.operator_token_sha256)?,
            log_format: cli.log_format.or(file.log_format).unwrap_or_default(),
            sidecar: Config {
                upstreams,
                token_endpoints: file.token_endpoints,
                providers: file.providers,
                host_names: file.host_names,
                keep: Keep::Directory(journal),
                when_full: file.when_full,
                strategy: file.strategy,
                keys_believed,
                #[cfg(feature = "otel")]
                collector: variable(COLLECTOR_VARIABLE).or(file.collector),
                total_max: total_max(file.total_max)?,
                upstream_http2: file.upstream_http2,
                tls_roots: file.tls_roots,
            },
        })
    }

    /// What would run, for a person.
    pub(crate) fn summary(&self) -> String {
        let journal = match &self.sidecar.keep {
            Keep::Directory(directory) => directory.display().to_string(),
            Keep::Memory => "memory".to_owned(),
        };
        let metrics = self.operator_token_sha256.as_ref().map_or("no metrics", |_| "metrics");
        let operator = match self.operator {
            Some(address) => format!("{address}, {metrics}"),
            None => "nowhere".to_owned(),
        };
        let (stores, names) = match &self.stores {
            Stores::Files { keys, usage, workspaces } => {
                let names: Vec<&str> = workspaces.iter().map(|w| w.name.as_str()).collect();
                let (keys, usage) = (keys.display(), usage.display());
                let stores = format!("keys       {keys}\nusage      {usage}\n");
                (stores, format!("workspaces {}\n", names.join(" ")))
            }
            #[cfg(feature = "aws")]
            Stores::Aws(place) => (format!("aws        {}\n", place.summary()), String::new()),
        };
        let listen = self.listen;
        format!("listen     {listen}\n{stores}journal    {journal}\n{names}operator   {operator}\n")
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

/// The stores, and where usage is kept beside them until it is there.
fn stores(cli: &Cli, file: &mut File) -> Result<(Stores, PathBuf), Problem> {
    #[cfg(feature = "aws")]
    if cli.aws {
        if !file.workspaces.is_empty() || file.limits != Limits::default() {
            let why = "with --aws the lease tells the workspace and its limits";
            return Err(Problem::new("the configuration", why));
        }
        let place = crate::on_aws::Place::read()?;
        let journal = place.journal.clone();
        return Ok((Stores::Aws(place), journal));
    }
    let mut workspaces = std::mem::take(&mut file.workspaces);
    workspaces.extend(from_environment(cli)?);
    check(&workspaces)?;
    for workspace in &mut workspaces {
        workspace.limits = workspace.limits.over(&file.limits);
    }
    let missing = |what: &str| Problem::new(format!("no {what}"), "see --help for examples");
    let usage = cli.usage.clone().or(file.usage.take()).ok_or_else(|| missing("--usage FILE"))?;
    check_memory(&workspaces, &usage)?;
    let keys = cli.keys.clone().or(file.keys.take()).ok_or_else(|| missing("--keys FILE"))?;
    let beside = if usage == Path::new("-") { PathBuf::from("usage") } else { usage.clone() };
    Ok((Stores::Files { keys, usage, workspaces }, beside.with_added_extension("journal")))
}

/// How long what the keys' store said is believed without another look.
fn believed(asked: Option<SignedDuration>, stores: &Stores) -> Result<Duration, Problem> {
    let Some(asked) = asked else {
        return Ok(match stores {
            Stores::Files { .. } => KEYS_BELIEVED_DEFAULT,
            #[cfg(feature = "aws")]
            Stores::Aws(_) => crate::on_aws::KEYS_BELIEVED_DEFAULT,
        });
    };
    Duration::try_from(asked).map_err(|error| Problem::new("keys_believed", error))
}

/// How long an answer may take at the most.
fn total_max(asked: Option<SignedDuration>) -> Result<Option<Duration>, Problem> {
    let bad = |why: String| Problem::new("total_max", why);
    let asked = asked.map(Duration::try_from).transpose().map_err(|e| bad(e.to_string()))?;
    if asked == Some(Duration::ZERO) {
        return Err(bad("no answer takes no time".to_owned()));
    }
    Ok(asked)
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
    let places = [&mut file.keys, &mut file.usage, &mut file.journal, &mut file.tls_roots];
    for place in places.into_iter().flatten() {
        if place != Path::new("-") {
            *place = beside.join(&place);
        }
    }
    Ok(file)
}

/// The workspace of the environment's token, if there is one.
fn from_environment(cli: &Cli) -> Result<Option<Workspace>, Problem> {
    let Some(token_sha256) = hashed(TOKEN_VARIABLE)? else { return Ok(None) };
    let name = cli.workspace.clone();
    Ok(Some(Workspace {
        name: name.unwrap_or_else(|| "agent".parse().expect("a name")),
        team: cli.team.clone().unwrap_or_else(everyone),
        token_sha256,
        limits: Limits::default(),
    }))
}

/// The SHA-256 of the token that metrics want: the environment's, or the configuration's.
fn operator_token(configured: Option<String>) -> Result<Option<String>, Problem> {
    let token = hashed(OPERATOR_VARIABLE)?.or(configured);
    match &token {
        Some(hash) if !is_hash(hash) => Err(Problem::new("operator_token_sha256", HASH_LOOKS_LIKE)),
        _ => Ok(token),
    }
}

/// The SHA-256 of a token in the environment.
fn hashed(name: &str) -> Result<Option<String>, Problem> {
    let Some(token) = variable(name) else { return Ok(None) };
    if token.len() < TOKEN_LENGTH_MIN {
        let why = format!("it is shorter than {TOKEN_LENGTH_MIN}: try tc_$(openssl rand -hex 32)");
        return Err(Problem::new(name, why));
    }
    Ok(Some(token_hash(&token)))
}

/// How to make a hash.
const HASH_LOOKS_LIKE: &str = "it is 64 hex digits: printf %s \"$TOKEN\" | sha256sum";

fn is_hash(text: &str) -> bool {
    text.len() == 64 && text.bytes().all(|b| b.is_ascii_digit() || matches!(b, b'a'..=b'f'))
}

fn check(workspaces: &[Workspace]) -> Result<(), Problem> {
    if workspaces.is_empty() {
        let why = "nobody may ask: set TEAMCLAW_TOKEN, or add [[workspaces]] to the configuration";
        return Err(Problem::new("no workspace", why));
    }
    let mut seen = BTreeMap::new();
    for workspace in workspaces {
        let hash = &workspace.token_sha256;
        if !is_hash(hash) {
            let what = format!("token_sha256 of workspace {}", workspace.name);
            return Err(Problem::new(what, HASH_LOOKS_LIKE));
        }
        if let Some(other) = seen.insert(hash.clone(), &workspace.name) {
            let why = format!("it has the token of {other}; each needs its own");
            return Err(Problem::new(format!("workspace {}", workspace.name), why));
        }
    }
    Ok(())
}

/// What is limited by the day or month must be known after a restart.
fn check_memory(workspaces: &[Workspace], usage: &Path) -> Result<(), Problem> {
    let limited = workspaces.iter().find(|workspace| workspace.limits.reaches_back());
    match limited {
        Some(workspace) if usage == Path::new("-") => {
            let why = "limits by the day or month need a file of usage, in which a restarted \
                sidecar finds what was used: --usage FILE";
            Err(Problem::new(format!("workspace {}", workspace.name), why))
        }
        _ => Ok(()),
    }
}
