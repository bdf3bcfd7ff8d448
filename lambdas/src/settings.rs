//! What the stacks decide for every function, as they put it into `TEAMCLAW_SETTINGS`: JSON, read once,
//! checked once. A field that nobody knows is an error, for it is somebody's wish that nobody heeds.

use std::collections::BTreeMap;
use std::path::PathBuf;

use aws::alb_routes::AlbSettings;
use aws::compute::TaskSettings;
use events::admission::Rate;
use events::{LimitsBook, Policy, TeamId};
use jiff::SignedDuration;
use serde::Deserialize;
use thiserror::Error;

use crate::person::Claims;

/// How long a sidecar believes what it read of the pool.
const KEYS_BELIEVED: SignedDuration = SignedDuration::from_secs(60);
/// How many calls of `RunTask` a second an account has ([`Rate::RUN_TASK`]).
const PER_SECOND: u32 = 20;

/// The settings. Whoever needs a field that is not there says so at its start.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Settings {
    /// The team of who belongs to none.
    pub default_team: TeamId,
    /// What people may decide, and within which bounds; what is left out is as everywhere.
    #[serde(default, deserialize_with = "Policy::given")]
    pub policy: Policy,
    /// What may be used, by whom.
    #[serde(default)]
    pub limits: LimitsBook,
    /// How long a sidecar believes what it read of the pool.
    #[serde(default = "keys_believed")]
    pub keys_believed: SignedDuration,
    /// Provider id → base URL, for those that are not where the provider itself serves them, as
    /// sidecars are told it: new keys are tried there.
    #[serde(default)]
    pub upstreams: BTreeMap<String, String>,
    /// Which claims of a person's token say who they are.
    #[serde(default)]
    pub claims: Claims,
    /// Where people go, without a slash at the end.
    #[serde(default)]
    pub front_door: String,
    /// The file system of homes, by its id.
    #[serde(default)]
    pub file_system: Option<String>,
    /// Where `/users` of that file system is mounted, in the function that has it.
    #[serde(default)]
    pub homes_mount: Option<PathBuf>,
    /// What every task has in common.
    #[serde(default)]
    pub tasks: Option<TaskSettings>,
    /// How fast tasks may be started.
    #[serde(default)]
    pub admission: Admission,
    /// The load balancer that leads to agents, where no router of ours does.
    #[serde(default)]
    pub load_balancer: Option<AlbSettings>,
    /// For whom the broker gives credentials.
    #[serde(default)]
    pub sidecars: Option<Sidecars>,
    /// Provider id → where its OAuth tokens are renewed, for those that are reached elsewhere than usual.
    #[serde(default)]
    pub token_endpoints: BTreeMap<String, String>,
}

/// How fast the account may start tasks, where that is not what AWS gives everybody.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct Admission {
    burst: Option<u32>,
    per_second: Option<u32>,
}

impl Admission {
    /// The rate.
    pub fn rate(self) -> Rate {
        match self {
            Self { burst: None, per_second: None } => Rate::RUN_TASK,
            Self { burst, per_second } => Rate::per_second(
                burst.unwrap_or(Rate::RUN_TASK.burst),
                per_second.unwrap_or(PER_SECOND),
            ),
        }
    }
}

/// The role that sidecars get, for an hour each.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Sidecars {
    /// Its ARN.
    pub role: String,
    /// The ARN of the key that the pool is encrypted with, if it is not Secrets Manager's own.
    #[serde(default)]
    pub pool_key: Option<String>,
}

/// Why the settings are none.
#[derive(Debug, Error)]
#[error("TEAMCLAW_SETTINGS: {0}")]
pub struct BadSettings(#[from] serde_json::Error);

impl Settings {
    /// Reads them.
    ///
    /// # Errors
    /// What is wrong, with its line and column.
    pub fn parse(text: &str) -> Result<Self, BadSettings> {
        Ok(serde_json::from_str(text)?)
    }
}

fn keys_believed() -> SignedDuration {
    KEYS_BELIEVED
}

#[cfg(test)]
mod tests {
    use serde_json::{Map, Value};

    use super::*;

    #[test]
    fn what_is_left_out_is_as_everywhere() {
        let settings = Settings::parse(r#"{"defaultTeam":"all"}"#).expect("enough");
        assert_eq!(settings.policy, Policy::default());
        assert_eq!(settings.claims, Claims::default());
        let text = r#"{"defaultTeam":"all","policy":{"idle_default":"PT10M"}}"#;
        let settings = Settings::parse(text).expect("one field of many");
        let idle_default = SignedDuration::from_mins(10);
        assert_eq!(settings.policy, Policy { idle_default, ..Policy::default() });
    }

    /// What the stacks write: they hold their own output to this file's fields.
    #[test]
    fn the_example_has_every_field() {
        let text = include_str!("../settings.json");
        let settings = Settings::parse(text).expect("settings");
        assert!(settings.tasks.is_some() && settings.sidecars.is_some());
        let rate = Rate::per_second(200, 40);
        assert_eq!(settings.admission.rate(), rate);
        assert_eq!(Admission::default().rate(), Rate::per_second(10, PER_SECOND));
        let fields: Map<String, Value> = serde_json::from_str(text).expect("JSON");
        let names: Vec<&str> = fields.keys().map(String::as_str).collect();
        let known = [
            "admission",
            "claims",
            "defaultTeam",
            "fileSystem",
            "frontDoor",
            "homesMount",
            "keysBelieved",
            "limits",
            "loadBalancer",
            "policy",
            "sidecars",
            "tasks",
            "tokenEndpoints",
            "upstreams",
        ];
        assert_eq!(names, known);
    }

    #[test]
    fn what_nobody_knows_is_refused() {
        for bad in [
            "",
            "{}",
            r#"{"defaultTeam":"All"}"#,
            r#"{"defaultTeam":"all","more":1}"#,
            r#"{"defaultTeam":"all","policy":{"idle":"PT1M"}}"#,
            r#"{"defaultTeam":"all","policy":{"idle_default":"soon"}}"#,
            r#"{"defaultTeam":"all","claims":{"name":"sub"}}"#,
        ] {
            assert!(Settings::parse(bad).is_err(), "{bad}");
        }
    }
}
