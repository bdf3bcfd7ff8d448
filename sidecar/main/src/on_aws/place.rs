//! Where the sidecar finds itself on AWS: what its task definition says in the environment.

use std::path::PathBuf;
use std::time::Duration;

use aws::Environment;
use events::Secret;

use crate::cli::variable;
use crate::settings::{Problem, TOKEN_LENGTH_MIN};

/// Holds the lease's token.
const TOKEN_VARIABLE: &str = "TEAMCLAW_LEASE_TOKEN";
/// Where the broker is, without the path of its one question.
const BROKER_VARIABLE: &str = "TEAMCLAW_BROKER_URL";
/// Which environment this is.
const ENVIRONMENT_VARIABLE: &str = "TEAMCLAW_ENV";
/// Which region this is; ECS sets it in every task on Fargate.
const REGION_VARIABLE: &str = "AWS_REGION";
/// A directory for what is not sent yet.
const JOURNAL_VARIABLE: &str = "TEAMCLAW_SIDECAR_JOURNAL";
/// Where that is unless somebody says otherwise: the task's volume for it, as the rest is read-only.
const JOURNAL_DEFAULT: &str = "/var/lib/teamclaw-sidecar/journal";
/// A rotated key is used by every sidecar after so long: a read a minute of each of thousands of
/// sidecars is far below Secrets Manager's 10,000 a second.
pub(crate) const KEYS_BELIEVED_DEFAULT: Duration = Duration::from_secs(60);

/// What the environment says. No `Debug`: it holds the token.
pub(crate) struct Place {
    pub(super) environment: Environment,
    pub(super) region: String,
    pub(super) broker: String,
    pub(super) token: Secret,
    /// Where usage is kept until it is sent, unless the configuration says otherwise.
    pub(crate) journal: PathBuf,
}

impl Place {
    /// Reads the environment.
    ///
    /// # Errors
    /// What is missing or odd.
    pub(crate) fn read() -> Result<Self, Problem> {
        let token = Secret::new(needed(TOKEN_VARIABLE)?);
        if token.expose().len() < TOKEN_LENGTH_MIN {
            let why = format!("it is shorter than {TOKEN_LENGTH_MIN}");
            return Err(Problem::new(TOKEN_VARIABLE, why));
        }
        let environment = needed(ENVIRONMENT_VARIABLE)?.parse();
        let journal = variable(JOURNAL_VARIABLE).unwrap_or_else(|| JOURNAL_DEFAULT.to_owned());
        Ok(Self {
            environment: environment.map_err(|bad| Problem::new(ENVIRONMENT_VARIABLE, bad))?,
            region: needed(REGION_VARIABLE)?,
            broker: needed(BROKER_VARIABLE)?,
            token,
            journal: PathBuf::from(journal),
        })
    }

    /// Where that is, for a person.
    pub(crate) fn summary(&self) -> String {
        let Self { environment, region, broker, .. } = self;
        format!("{environment} in {region}, with the broker at {broker}")
    }
}

fn needed(name: &str) -> Result<String, Problem> {
    variable(name).ok_or_else(|| Problem::new(name, "--aws needs it in the environment"))
}
