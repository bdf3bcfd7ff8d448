//! Asks AWS with the credentials and the region that are set up here, as every tool of AWS finds
//! them. Decides nothing: what is seen is judged in `doctor`.

use std::time::Duration;

use ::aws::Environment;
use ::aws::published::{API_URL, ISSUER, OPERATORS, Published};
use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, SdkConfig};
use events::Secret;
use ports::Fault;

use super::facts;
use crate::doctor::{Account, Deployed, Plan};
use crate::problem::{EXIT_UNREACHABLE, EXIT_USAGE, Problem};
use crate::target::{Target, variable};

/// How long AWS may take to accept a connection, and to answer with all repetitions: a person waits.
const CONNECT_TIME_MAX: Duration = Duration::from_secs(5);
const ANSWER_TIME_MAX: Duration = Duration::from_secs(20);

/// Finds the operator's API of a deployed environment in its parameters. The token is the person's
/// own: an access token of the environment's issuer, for its operators.
///
/// # Errors
/// Nothing of that name is deployed, AWS does not answer, or no token is set.
pub async fn target(name: &str) -> Result<Target, Problem> {
    let token = variable("TEAMCLAW_TOKEN").map(Secret::new);
    if let (Some(url), Some(token)) = (variable("TEAMCLAW_URL"), &token) {
        return Ok(Target { url: url.trim_end_matches('/').to_owned(), token: token.clone() });
    }
    let environment = environment(name)?;
    let client = aws_sdk_ssm::Client::new(&config().await);
    let found = Published::new(client, &environment).all().await;
    let found = found.map_err(|fault| unreadable(name, &fault))?;
    let Some(url) = found.get(API_URL) else {
        let why = format!("there is no parameter {}", environment.parameter(API_URL));
        let do_this = format!("check account and region, or deploy it: teamclaw deploy {name}");
        return Err(Problem::new(format!("{name} is not deployed here"), why, do_this)
            .with_code(EXIT_UNREACHABLE));
    };
    let token = token.ok_or_else(|| {
        let said = |key| found.get(key).map_or("its issuer", String::as_str);
        let why = "TEAMCLAW_TOKEN is not set, and an engine on AWS knows its operators by it";
        let do_this = format!(
            "put an access token of {} for {} into TEAMCLAW_TOKEN",
            said(ISSUER),
            found.get(OPERATORS).map_or("its operators", String::as_str)
        );
        Problem::new("nobody would let you in", why, do_this).with_code(EXIT_USAGE)
    })?;
    Ok(Target { url: url.trim_end_matches('/').to_owned(), token })
}

/// Looks at everything that a deployed environment needs; with `look` at drift as well, which takes
/// minutes, and `look` hears how far that is.
///
/// # Errors
/// The name makes no sense. What cannot be seen is a fact, too.
pub async fn examine(
    name: &str,
    plan: &Plan,
    look: Option<&dyn Fn(&str)>,
) -> Result<Deployed, Problem> {
    let environment = environment(name)?;
    let config = config().await;
    let account = facts::account(&config, plan).await;
    Ok(facts::deployed(&config, &environment, account, look).await)
}

/// Looks at what a deployment needs of the account.
///
/// # Errors
/// None; what cannot be seen is a fact, too.
pub async fn preflight(plan: &Plan) -> Result<Account, Problem> {
    Ok(facts::account(&config().await, plan).await)
}

async fn config() -> SdkConfig {
    let times = TimeoutConfig::builder()
        .connect_timeout(CONNECT_TIME_MAX)
        .operation_timeout(ANSWER_TIME_MAX)
        .build();
    aws_config::defaults(BehaviorVersion::latest()).timeout_config(times).load().await
}

fn environment(name: &str) -> Result<Environment, Problem> {
    name.parse().map_err(|bad: ::aws::environment::BadEnvironment| {
        let what = "the environment's name makes no sense";
        Problem::new(what, bad.to_string(), "correct it").with_code(EXIT_USAGE)
    })
}

fn unreadable(name: &str, fault: &Fault) -> Problem {
    let do_this = "see that credentials and region are set: AWS_PROFILE or AWS_ACCESS_KEY_ID, and \
                   AWS_REGION; of a session by single sign-on, `aws configure export-credentials` \
                   prints them";
    Problem::new(format!("where {name} is cannot be read"), fault.to_string(), do_this)
        .with_code(EXIT_UNREACHABLE)
}
