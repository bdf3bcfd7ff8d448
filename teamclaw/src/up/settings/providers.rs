//! Where providers are and how the pool's keys are shared out: the part of the settings that is the
//! sidecar's. Its words are the stand-alone sidecar's.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::SignedDuration;
use serde::Deserialize;
use sidecar::{BadConfig, Config, CustomProvider, Strategy};

use super::wrong;
use crate::problem::{EXIT_USAGE, Problem};

/// The longest belief: a key that was removed must be out within the hour.
const BELIEVED_MAX: SignedDuration = SignedDuration::from_hours(1);

/// The file's `[keys]`.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Keys {
    strategy: Strategy,
    believed: Option<SignedDuration>,
}

/// The parts of the file that are the sidecar's.
pub(super) struct Told {
    pub(super) upstreams: BTreeMap<String, String>,
    pub(super) token_endpoints: BTreeMap<String, String>,
    pub(super) providers: BTreeMap<String, CustomProvider>,
    pub(super) keys: Keys,
}

/// Checked: a sidecar can be started with them.
#[derive(Clone, Debug, Default)]
pub(in crate::up) struct Providers {
    /// Those that are reached elsewhere than usual.
    pub(in crate::up) upstreams: BTreeMap<String, String>,
    /// The company's own.
    pub(in crate::up) own: BTreeMap<String, CustomProvider>,
    token_endpoints: BTreeMap<String, String>,
    strategy: Strategy,
    /// How long the pool's file is believed without another look.
    believed: Duration,
}

impl Providers {
    /// Puts the file's parts together with `--upstream`, which wins.
    ///
    /// # Errors
    /// What no sidecar could be started with.
    pub(super) fn read(told: Told, arguments: &[String]) -> Result<Self, Problem> {
        let Told { mut upstreams, token_endpoints, providers: own, keys } = told;
        for upstream in arguments {
            let (provider, url) = upstream
                .split_once('=')
                .ok_or_else(|| wrong("an upstream", "write it as PROVIDER=URL"))?;
            upstreams.insert(provider.to_owned(), url.to_owned());
        }
        let believed = keys.believed.unwrap_or_default();
        let in_bounds = believed <= BELIEVED_MAX;
        let believed = Duration::try_from(believed).ok().filter(|_| in_bounds);
        let believed = believed.ok_or_else(|| {
            wrong("keys.believed", "use a time from 0s, which is no belief, to 1h")
        })?;
        let strategy = keys.strategy;
        let all = Self { upstreams, own, token_endpoints, strategy, believed };
        all.config().check().map_err(|error| refused(&error))?;
        Ok(all)
    }

    /// A sidecar's configuration that holds this, and nothing else.
    pub(in crate::up) fn config(&self) -> Config {
        Config {
            upstreams: self.upstreams.clone(),
            providers: self.own.clone(),
            token_endpoints: self.token_endpoints.clone(),
            strategy: self.strategy,
            keys_believed: self.believed,
            ..Config::default()
        }
    }
}

fn refused(error: &BadConfig) -> Problem {
    let words = "the place of a provider cannot be used";
    let do_this = "correct --upstream, or [upstreams] and [providers] in the configuration file";
    Problem::new(words, error.to_string(), do_this).with_code(EXIT_USAGE)
}

#[cfg(test)]
mod tests {
    use super::super::File;
    use super::*;

    fn read(text: &str, arguments: &[&str]) -> Result<Providers, String> {
        let mut file: File = toml::from_str(text).map_err(|error| error.to_string())?;
        let arguments: Vec<String> = arguments.iter().map(|&text| text.to_owned()).collect();
        Providers::read(file.told(), &arguments).map_err(|problem| format!("{problem:?}"))
    }

    #[test]
    fn the_file_that_the_readme_shows_is_one() {
        let readme = include_str!("../../../../README.md");
        let shown = readme.split("```toml").nth(1).and_then(|rest| rest.split("```").next());
        read(shown.expect("it shows one"), &[]).expect("good");
    }

    #[test]
    fn the_file_says_where_providers_are_and_the_command_line_wins() {
        let text = r#"
            [upstreams]
            anthropic = "https://gateway.acme.example/anthropic"
            azure-openai = "https://acme.openai.azure.com"

            [providers.local]
            base_url = "https://llm.acme.example/v1"
            family = "openai"

            [keys]
            strategy = "least_loaded"
            believed = "30s"
        "#;
        let config = read(text, &["anthropic=http://127.0.0.1:9"]).expect("good").config();
        assert_eq!(config.upstreams["anthropic"], "http://127.0.0.1:9");
        assert_eq!(config.upstreams["azure-openai"], "https://acme.openai.azure.com");
        assert_eq!(config.providers["local"].base_url, "https://llm.acme.example/v1");
        assert_eq!(config.strategy, Strategy::LeastLoaded);
        assert_eq!(config.keys_believed, Duration::from_secs(30));
        let plain = read("", &[]).expect("good").config();
        assert_eq!(plain.keys_believed, Duration::ZERO, "a removed key is out at once");
    }

    #[test]
    fn what_no_sidecar_could_start_with_is_refused_with_words() {
        for (text, words) in [
            ("[upstreams]\nopnai = \"https://x.example\"", "there is no provider \\\"opnai\\\""),
            ("[upstreams]\nopenai = \"http://10.0.0.1\"", "plain http goes only to a loopback"),
            (
                "[providers.Own]\nbase_url = \"https://x.example\"\nfamily = \"openai\"",
                "lower-case",
            ),
            (
                "[providers.openai]\nbase_url = \"https://x.example\"\nfamily = \"openai\"",
                "a known provider",
            ),
            (
                "[providers.own]\nbase_url = \"https://x.example\"\nfamily = \"google\"",
                "unknown variant",
            ),
            ("[providers.own]\nfamily = \"openai\"", "missing field `base_url`"),
            ("[keys]\nstrategy = \"random\"", "unknown variant `random`"),
            ("[keys]\nbelieved = \"2h\"", "to 1h"),
            ("[keys]\nbelieved = \"-1s\"", "to 1h"),
            ("[token_endpoints]\nopenai = \"https://x.example\"", "has no token endpoint"),
            ("[keys]\nbelief = \"1s\"", "unknown field `belief`"),
        ] {
            let told = read(text, &[]).expect_err(text);
            assert!(told.contains(words), "{text}: {told}");
        }
    }
}
