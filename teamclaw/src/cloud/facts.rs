//! Gathers what `doctor` judges. One thing that cannot be seen hides no other.

use ::aws::published::Published;
use ::aws::quotas::Quotas;
use ::aws::stacks::Drift as Found;
use ::aws::{Environment, alarms, drift, identity, set_aside, stacks};
use aws_config::{Region, SdkConfig};
use ports::Fault;

use crate::cli::STACKS;
use crate::doctor::{Account, Alarm, Deployed, Drift, NEEDS, Plan, Seen, Stack};

/// IAM is one for all regions, and so are its quotas.
const IAM_REGION: &str = "us-east-1";

/// What the account is and may have.
pub(super) async fn account(config: &SdkConfig, plan: &Plan) -> Account {
    let sts = aws_sdk_sts::Client::new(config);
    let who = identity::identity(&sts).await.map(|who| format!("{} as {}", who.account, who.arn));
    let here = Quotas::new(aws_sdk_servicequotas::Client::new(config));
    let global = aws_sdk_servicequotas::config::Builder::from(config)
        .region(Region::new(IAM_REGION))
        .build();
    let global = Quotas::new(aws_sdk_servicequotas::Client::from_conf(global));
    let mut quotas = Vec::with_capacity(NEEDS.len());
    // Without credentials each question fails alike, and slowly.
    if who.is_ok() {
        for need in NEEDS.iter().filter(|need| need.of(plan) > 0) {
            let place = if need.global { &global } else { &here };
            quotas.push((need, place.value(need.service, need.code).await.map_err(said)));
        }
    }
    let region = config.region().map(ToString::to_string);
    Account { identity: who.map_err(said), region, quotas }
}

/// What is deployed, and what it says of itself. With `look`, CloudFormation looks for drift first, and
/// it hears how far that is.
pub(super) async fn deployed(
    config: &SdkConfig,
    environment: &Environment,
    account: Account,
    look: Option<&dyn Fn(&str)>,
) -> Deployed {
    let name = environment.to_string();
    if account.identity.is_err() {
        return Deployed { name, account, ..Deployed::default() };
    }
    let cloudformation = aws_sdk_cloudformation::Client::new(config);
    let half_looked = match look {
        Some(told) => look_for_drift(&cloudformation, environment, told).await,
        None => Vec::new(),
    };
    let found = find(&cloudformation, environment).await;
    let sqs = aws_sdk_sqs::Client::new(config);
    let mut queues = Vec::new();
    for queue in set_aside::queues(environment) {
        let count = set_aside::count(&sqs, &queue).await.map_err(said);
        queues.push((queue, count));
    }
    let ringing = alarms::ringing(&aws_sdk_cloudwatch::Client::new(config), environment).await;
    let alarm =
        |alarm: alarms::Alarm| Alarm { name: alarm.name, about: alarm.about, why: alarm.why };
    let parameters = Published::new(aws_sdk_ssm::Client::new(config), environment).all().await;
    Deployed {
        name,
        account,
        stacks: found,
        half_looked,
        alarms: Some(ringing.map(|all| all.into_iter().map(alarm).collect()).map_err(said)),
        queues,
        parameters: Some(parameters.map(|all| all.into_keys().collect()).map_err(said)),
    }
}

/// The environment's stacks, whatever becomes of each question.
async fn find(
    client: &aws_sdk_cloudformation::Client,
    environment: &Environment,
) -> Vec<(String, Seen<Option<Stack>>)> {
    let mut found = Vec::with_capacity(STACKS.len());
    for stack in STACKS {
        let stack = environment.named(stack);
        let seen = stacks::find(client, &stack).await;
        found.push((stack, seen.map(|stack| stack.map(of)).map_err(said)));
    }
    found
}

/// Looks at every stack that is there. Gives those of which not everything was seen, and why.
async fn look_for_drift(
    client: &aws_sdk_cloudformation::Client,
    environment: &Environment,
    told: &dyn Fn(&str),
) -> Vec<(String, String)> {
    let found = find(client, environment).await;
    let there = found.into_iter().filter(|(_, seen)| matches!(seen, Ok(Some(_))));
    let names: Vec<String> = there.map(|(name, _)| name).collect();
    told(&format!("CloudFormation looks at {} stacks, which takes minutes", names.len()));
    let tell = |(name, seen): &drift::Looked| {
        let how = if seen.is_ok() { "looked at" } else { "not wholly looked at" };
        told(&format!("{name}: {how}"));
    };
    let looked = drift::detect(client, &names, tell).await;
    looked.into_iter().filter_map(|(name, seen)| Some((name, said(seen.err()?)))).collect()
}

fn of(stack: stacks::Stack) -> Stack {
    let drift = match stack.drift {
        Found::None => Drift::None,
        Found::Drifted => Drift::Drifted,
        Found::Unknown => Drift::Unknown,
    };
    Stack { status: stack.status, drift, looked: stack.looked }
}

fn said(fault: Fault) -> String {
    fault.reason().words
}
