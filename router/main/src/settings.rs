//! What the router is told: by its arguments, or by the environment that its stack sets.

use std::error::Error;
use std::fmt;
use std::net::SocketAddr;

use aws::Environment;
use clap::Parser;
use events::Policy;

/// The front door of an environment on AWS.
///
/// Examples:
///   TEAMCLAW_ENV=prod TEAMCLAW_ORIGINS=https://claw.example.com teamclaw-router
///   teamclaw-router --env dev --origins http://127.0.0.1:8080 --listen 127.0.0.1:8080
#[derive(Parser, Debug)]
#[command(name = "teamclaw-router", version, verbatim_doc_comment)]
pub(crate) struct Settings {
    /// The environment's name
    #[arg(long, env = "TEAMCLAW_ENV", value_name = "NAME")]
    pub(crate) env: Environment,
    /// Under which addresses people reach the door, by commas; the first is told to them
    #[arg(
        long,
        env = "TEAMCLAW_ORIGINS",
        value_name = "URL",
        value_delimiter = ',',
        required = true
    )]
    pub(crate) origins: Vec<String>,
    /// Where to listen
    #[arg(long, env = "TEAMCLAW_LISTEN", value_name = "ADDRESS", default_value = "0.0.0.0:8080")]
    pub(crate) listen: SocketAddr,
    /// What people may decide and how long things take, as JSON [default: as everywhere]
    #[arg(long, env = "TEAMCLAW_POLICY", value_name = "JSON", value_parser = policy, default_value = "{}", hide_default_value = true)]
    pub(crate) policy: Policy,
}

impl Settings {
    /// The front door's own.
    ///
    /// # Errors
    /// An origin is none.
    pub(crate) fn door(&self) -> Result<router::Settings, Problem> {
        let origins: Vec<&str> = self.origins.iter().map(String::as_str).collect();
        router::Settings::new(&origins).map_err(|error| Problem::new("--origins", &error))
    }
}

/// As an administrator writes it.
fn policy(text: &str) -> Result<Policy, serde_json::Error> {
    Policy::given(serde_json::from_str::<serde_json::Value>(text)?)
}

/// Why the router does not start, for who reads its log.
#[derive(Debug, thiserror::Error)]
pub(crate) struct Problem(String);

impl Problem {
    pub(crate) fn new(what: &str, why: &dyn Error) -> Self {
        Self(format!("{what}: {why}"))
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_out_of_the_policy_is_as_everywhere() {
        assert_eq!(policy("{}").expect("a policy"), Policy::default());
        let some = policy(r#"{"idle_default":"PT10M"}"#).expect("a policy");
        assert_ne!(some, Policy::default());
        for bad in ["[]", r#"{"idle_default":"soon"}"#, r#"{"idle":"PT10M"}"#] {
            assert!(policy(bad).is_err(), "{bad}");
        }
    }
}
