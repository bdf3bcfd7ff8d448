//! What a composition root tells the sidecar: where providers are, and by which names it is called.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

use http::Uri;
use serde::Deserialize;
use thiserror::Error;

use crate::offer::PLACE;
use crate::pool::Strategy;
use crate::providers::{ALL, Registry};
use crate::target::{good_provider_id, path_byte};

/// The sidecar's configuration.
#[derive(Clone, Debug, Default)]
pub struct Config {
    /// Provider id → base URL, for those that are not where the provider itself serves them:
    /// `https://gateway.acme.example/anthropic`, or `http://127.0.0.1:9000`. Plain http only to a
    /// loopback address.
    /// Those whose place is the company's own (`azure-openai`, `amazon-bedrock`, `vertex`) are not
    /// served before they are here.
    pub upstreams: BTreeMap<String, String>,
    /// Providers of the company's own, by an id of lower-case letters, digits and hyphens.
    pub providers: BTreeMap<String, CustomProvider>,
    /// Provider id → where its OAuth tokens are renewed, for those whose endpoint is reached
    /// elsewhere than usual. The same rules as for [`Config::upstreams`].
    pub token_endpoints: BTreeMap<String, String>,
    /// Names in lower case and without port by which clients call the sidecar, besides
    /// `localhost` and loopback addresses.
    pub host_names: Vec<String>,
    /// Where usage is kept until the ledger has it.
    pub keep: Keep,
    /// What becomes of a request whose usage cannot be kept.
    pub when_full: WhenFull,
    /// How the keys of a provider are shared out.
    pub strategy: Strategy,
    /// For how long what the pool's store said is believed, less or more by a tenth and for an
    /// hour at the most. Zero, as on one machine: the store is asked for each request, so that a
    /// removed key is out at once.
    pub keys_believed: Duration,
    /// The base URL of the collector that takes a span of each metered request, such as
    /// `http://127.0.0.1:4318`; without it there are none.
    #[cfg(feature = "otel")]
    pub collector: Option<String>,
    /// How long an answer may take to its end, and a WebSocket altogether, besides the limits on
    /// silence; four hours if it is not told.
    pub total_max: Option<Duration>,
    /// Whether requests share connections by HTTP/2 with providers that speak it. Off by default:
    /// HTTP/1.1 costs less for each request, and a connection of its own is slowed by nobody. It
    /// helps where connections are bounded, by a firewall or a NAT gateway.
    pub upstream_http2: bool,
    /// A PEM file of the company's own root certificates, which are trusted besides the public ones.
    pub tls_roots: Option<PathBuf>,
}

impl Config {
    /// Whether providers can be reached as it says, so that a root can refuse it before it starts
    /// anything.
    ///
    /// # Errors
    /// [`BadConfig`] for a provider that is not known or a base URL that cannot be used.
    pub fn check(&self) -> Result<(), BadConfig> {
        Upstreams::new(self).map(drop)
    }
}

/// A provider of the company's own.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CustomProvider {
    /// As its clients are told it: with the version for OpenAI's language
    /// (`https://llm.acme.example/v1`), without it for Anthropic's. The same rules as for
    /// [`Config::upstreams`].
    pub base_url: String,
    /// Whose language it speaks.
    pub family: Family,
}

/// Whose language a provider speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Family {
    /// OpenAI's: Chat Completions, Responses, Embeddings; the key as a bearer token.
    OpenAi,
    /// Anthropic's: Messages; the key as `x-api-key`.
    Anthropic,
}

/// Where usage is kept until the ledger has it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Keep {
    /// In memory: a process that is killed loses the last quarter of a second, and what was under
    /// way. For tests.
    #[default]
    Memory,
    /// In a directory for this sidecar alone, which it makes if there is none.
    Directory(PathBuf),
}

/// What becomes of a request whose usage cannot be kept, because the disk refuses or the bound on
/// what waits for the ledger is hit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WhenFull {
    /// It is refused, in the provider's own error shape.
    #[default]
    Refuse,
    /// It goes on, and is counted as far as memory and luck allow.
    CountAndGoOn,
}

/// A configuration that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum BadConfig {
    /// No provider has this id.
    #[error("there is no provider {0:?}: known are {known}", known = known())]
    UnknownProvider(String),
    /// The URL cannot be used.
    #[error("the base URL of {provider} cannot be used: {why}")]
    BadUrl {
        /// The provider's id.
        provider: String,
        /// What is wrong with it.
        why: &'static str,
    },
    /// The TLS library refused to start.
    #[error("TLS cannot be set up: {0}")]
    Tls(String),
    /// The company's root certificates cannot be used.
    #[error("the root certificates in {} cannot be used: {why}", file.display())]
    TlsRoots {
        /// The file.
        file: PathBuf,
        /// What is wrong with it.
        why: String,
    },
    /// The directory for usage cannot be used.
    #[error("usage cannot be kept in {}: {why}", directory.display())]
    Unfit {
        /// Which.
        directory: PathBuf,
        /// What is wrong with it.
        why: String,
    },
}

fn known() -> String {
    ALL.each_ref().map(|row| row.id).join(", ")
}

/// Which providers there are, and where.
#[derive(Debug)]
pub(crate) struct Upstreams {
    pub(crate) providers: Registry,
    /// Hosts that the configuration names; they may be private.
    pub(crate) named: BTreeSet<String>,
    /// Provider id → where its OAuth tokens are renewed, and as which client.
    pub(crate) token_endpoints: BTreeMap<String, (Uri, &'static str)>,
}

impl Upstreams {
    /// The table, with what the configuration says put over it.
    pub(crate) fn new(config: &Config) -> Result<Self, BadConfig> {
        let mut providers = Registry::of_table();
        let mut named = BTreeSet::new();
        let bad = |id: &str, why| BadConfig::BadUrl { provider: id.to_owned(), why };
        for (id, url) in &config.upstreams {
            let (base, host) = parse(url).map_err(|why| bad(id, why))?;
            if !providers.moved(id, base) {
                return Err(BadConfig::UnknownProvider(id.clone()));
            }
            named.insert(host);
        }
        for (id, custom) in &config.providers {
            let (base, host) = parse(&custom.base_url).map_err(|why| bad(id, why))?;
            if id == PLACE {
                return Err(bad(id, "the sidecar's own answers have this name"));
            }
            if !good_provider_id(id) {
                return Err(bad(
                    id,
                    "its id has other than lower-case letters, digits and hyphens",
                ));
            }
            if !providers.add(id, base, custom.family) {
                return Err(bad(id, "a known provider has this id: move that by `upstreams`"));
            }
            named.insert(host);
        }
        let mut token_endpoints = BTreeMap::new();
        for (id, sign_in) in providers.sign_ins() {
            let told = config.token_endpoints.get(id).map_or(sign_in.endpoint, String::as_str);
            let (place, host) = parse(told).map_err(|why| bad(id, why))?;
            let place = place.parse().map_err(|_| bad(id, "it is not a URL"))?;
            token_endpoints.insert(id.to_owned(), (place, sign_in.client));
            if config.token_endpoints.contains_key(id) {
                named.insert(host);
            }
        }
        if let Some(id) =
            config.token_endpoints.keys().find(|id| !token_endpoints.contains_key(*id))
        {
            return Err(bad(id, "it has no token endpoint: its keys are not renewed"));
        }
        Ok(Self { providers, named, token_endpoints })
    }
}

/// The place of a path at a base.
pub(crate) fn place(base: &str, path: &str, query: Option<&str>) -> Option<Uri> {
    let mark = if query.is_some() { "?" } else { "" };
    Uri::try_from([base, path, mark, query.unwrap_or_default()].concat()).ok()
}

/// A base without a trailing slash, and its host.
fn parse(url: &str) -> Result<(String, String), &'static str> {
    let base = url.strip_suffix('/').unwrap_or(url);
    let uri: Uri = base.parse().map_err(|_| "it is not a URL")?;
    let authority = uri.authority().ok_or("it has no host")?;
    if authority.as_str().contains('@') {
        return Err("it holds a user or a password");
    }
    if uri.query().is_some() || base.contains('#') {
        return Err("it has a query or a fragment");
    }
    let dotted = uri.path().split('/').any(|s| !s.is_empty() && s.bytes().all(|b| b == b'.'));
    if dotted
        || uri.path().contains("//") && uri.path() != "/"
        || !uri.path().bytes().all(path_byte)
    {
        return Err("its path is odd");
    }
    let host = authority.host().trim_start_matches('[').trim_end_matches(']').to_ascii_lowercase();
    let loopback = host.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback());
    match uri.scheme_str() {
        Some("https") => Ok((base.to_owned(), host)),
        Some("http") if loopback => Ok((base.to_owned(), host)),
        Some("http") => Err("plain http goes only to a loopback address such as 127.0.0.1"),
        _ => Err("it must begin with https://"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(url: &str) -> Result<Upstreams, BadConfig> {
        let upstreams = [("openai".to_owned(), url.to_owned())].into();
        Upstreams::new(&Config { upstreams, ..Config::default() })
    }

    #[test]
    fn a_base_may_be_elsewhere_but_plain_http_only_on_this_machine() {
        for (url, place) in [
            ("https://gateway.acme.example/llm/", "https://gateway.acme.example/llm/v1/responses"),
            ("http://127.0.0.1:9000", "http://127.0.0.1:9000/v1/responses"),
            ("http://[::1]:9000", "http://[::1]:9000/v1/responses"),
        ] {
            let upstreams = with(url).expect("good");
            let openai = upstreams.providers.find("openai").expect("in the table");
            let base = openai.base.as_deref().expect("a base");
            let uri = super::place(base, "/v1/responses", None).expect("a place");
            assert_eq!(uri.to_string(), place);
        }
        for url in [
            "",
            "api.openai.com",
            "ftp://x",
            "http://api.openai.com",
            "http://10.0.0.1",
            "http://localhost.evil.example",
            "http://localhost:1",
            "https://u:p@x",
            "https://x?a=b",
            "https://x/../y",
            "https://x/%2e%2e",
            "https://x#y",
            "file:///etc/passwd",
        ] {
            assert!(with(url).is_err(), "{url:?}");
        }
    }

    #[test]
    fn an_unknown_provider_is_a_mistake_and_not_ignored() {
        let upstreams = [("opnai".to_owned(), "https://x".to_owned())].into();
        let config = Config { upstreams, ..Config::default() };
        let error = Upstreams::new(&config).expect_err("no such provider");
        assert!(error.to_string().contains("openai, openai-codex"), "{error}");
    }

    fn custom(id: &str, base_url: &str, family: Family) -> Result<Upstreams, BadConfig> {
        let custom = CustomProvider { base_url: base_url.to_owned(), family };
        Upstreams::new(&Config { providers: [(id.to_owned(), custom)].into(), ..Config::default() })
    }

    #[test]
    fn tokens_are_renewed_at_their_provider_or_where_the_configuration_says() {
        let with = |id: &str, url: &str| {
            let token_endpoints = [(id.to_owned(), url.to_owned())].into();
            Upstreams::new(&Config { token_endpoints, ..Config::default() })
        };
        let moved = with("openai-codex", "http://127.0.0.1:9/oauth/token").expect("good");
        let place = |id: &str| moved.token_endpoints.get(id).map(|(place, _)| place.to_string());
        assert_eq!(place("openai-codex").as_deref(), Some("http://127.0.0.1:9/oauth/token"));
        let usual = "https://platform.claude.com/v1/oauth/token";
        assert_eq!(place("anthropic-token").as_deref(), Some(usual));
        assert_eq!(place("openai"), None);
        for (id, url) in [
            ("openai", "https://x.example"),
            ("nobody", "https://x.example"),
            ("openai-codex", "http://auth.openai.com/oauth/token"),
        ] {
            assert!(with(id, url).is_err(), "{id} {url}");
        }
    }

    #[test]
    fn a_company_has_providers_of_its_own() {
        for (family, base, spelled, upstream) in [
            (
                Family::OpenAi,
                "https://llm.acme.example/v1",
                "/chat/completions",
                "/chat/completions",
            ),
            (Family::OpenAi, "https://llm.acme.example/v1", "/v1/responses", "/responses"),
            (Family::Anthropic, "https://claude.acme.example", "/v1/messages", "/v1/messages"),
            (Family::Anthropic, "https://claude.acme.example", "/messages", "/v1/messages"),
        ] {
            let upstreams = custom("acme", base, family).expect("good");
            let acme = upstreams.providers.find("acme").expect("served");
            assert_eq!((&*acme.id, acme.base.as_deref()), ("acme", Some(base)));
            assert_eq!(acme.route(&http::Method::POST, spelled).expect("served").path, upstream);
        }
        for (id, base) in [
            ("openai", "https://x.example"),
            ("Acme", "https://x.example"),
            ("a/b", "https://x.example"),
            ("", "https://x.example"),
            ("acme", "http://x.example"),
            ("teamclaw", "https://x.example"),
        ] {
            assert!(custom(id, base, Family::OpenAi).is_err(), "{id:?} {base}");
        }
    }

    #[test]
    fn who_has_no_place_of_its_own_waits_for_the_configuration() {
        let upstreams = Upstreams::new(&Config::default()).expect("good");
        for id in ["amazon-bedrock", "azure-openai", "vertex"] {
            assert_eq!(upstreams.providers.find(id).expect("in the table").base, None);
        }
    }
}
