//! What a function is told from outside, read once: its name, its environment, its settings. From here
//! on nobody looks at an environment variable.

use std::sync::Arc;

use aws::Environment;
use aws_config::{BehaviorVersion, SdkConfig};
use lambda_runtime::Diagnostic;
use ports::{Clock, Fault, Ids};
use system::{SystemIds, WallClock};

use crate::function::Function;
use crate::metrics::Metrics;
use crate::settings::Settings;

/// What every function stands on.
pub struct Root {
    /// Which function this is.
    pub function: Function,
    /// Of which environment.
    pub environment: Environment,
    /// What the stacks decide.
    pub settings: Settings,
    /// Where AWS is and who we are.
    pub config: SdkConfig,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Identities.
    pub ids: Arc<dyn Ids>,
}

impl Root {
    /// Reads the process's environment: `TEAMCLAW_ENV`, `TEAMCLAW_SETTINGS`, what Lambda sets, and what
    /// AWS's own configuration is made of.
    ///
    /// # Errors
    /// What is missing or wrong, in words for who deploys.
    pub async fn from_environment() -> Result<Self, Diagnostic> {
        let environment: Environment = variable("TEAMCLAW_ENV")?.parse().map_err(cannot_start)?;
        let name = variable("AWS_LAMBDA_FUNCTION_NAME")?;
        let function = Function::called(&name, &environment).map_err(cannot_start)?;
        let settings = Settings::parse(&variable("TEAMCLAW_SETTINGS")?).map_err(cannot_start)?;
        let config = aws_config::load_defaults(BehaviorVersion::latest()).await;
        let (clock, ids) = (Arc::new(WallClock::default()), Arc::new(SystemIds::default()));
        Ok(Self { function, environment, settings, config, clock, ids })
    }

    /// Tells the numbers of one run.
    pub fn tell(&self, metrics: &Metrics) {
        use std::io::Write as _;
        let (environment, function) = (self.environment.to_string(), self.function.name());
        if let Some(line) = metrics.line(&environment, function, self.clock.now()) {
            // A reader that has gone away is no reason to stop.
            drop(writeln!(std::io::stdout().lock(), "{line}"));
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "this is a root")]
fn variable(name: &str) -> Result<String, Diagnostic> {
    std::env::var(name).map_err(|_| cannot_start(format!("{name} is not set")))
}

/// Why a function cannot start.
pub fn cannot_start(why: impl std::fmt::Display) -> Diagnostic {
    Diagnostic { error_type: "CannotStart".to_owned(), error_message: why.to_string() }
}

/// What a run ended with, so that Lambda counts it and tries again.
pub fn failed(fault: &Fault) -> Diagnostic {
    let reason = fault.reason();
    Diagnostic { error_type: format!("{:?}", reason.class), error_message: reason.words }
}
