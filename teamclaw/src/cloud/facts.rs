//! Gathers what `doctor` judges. One thing that cannot be seen hides no other.

use ::aws::published::Published;
use ::aws::quotas::Quotas;
use ::aws::stacks::Drift as Seen;
use ::aws::{Environment, alarms, identity, set_aside, stacks};
use aws_config::{Region, SdkConfig};
use ports::Fault;

use crate::cli::STACKS;
use crate::doctor::{Account, Alarm, Deployed, Drift, NEEDS, Plan, Stack};

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

/// What is deployed, and what it says of itself.
pub(super) async fn deployed(
    config: &SdkConfig,
    environment: &Environment,
    account: Account,
) -> Deployed {
    let name = environment.to_string();
    if account.identity.is_err() {
        return Deployed { name, account, ..Deployed::default() };
    }
    let cloudformation = aws_sdk_cloudformation::Client::new(config);
    let mut found = Vec::with_capacity(STACKS.len());
    for stack in STACKS {
        let stack = environment.named(stack);
        let seen = stacks::find(&cloudformation, &stack).await;
        found.push((stack, seen.map(|stack| stack.map(of)).map_err(said)));
    }
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
        alarms: Some(ringing.map(|all| all.into_iter().map(alarm).collect()).map_err(said)),
        queues,
        parameters: Some(parameters.map(|all| all.into_keys().collect()).map_err(said)),
    }
}

fn of(stack: stacks::Stack) -> Stack {
    let drift = match stack.drift {
        Seen::None => Drift::None,
        Seen::Drifted => Drift::Drifted,
        Seen::Unknown => Drift::Unknown,
    };
    Stack { status: stack.status, drift }
}

#[expect(clippy::needless_pass_by_value, reason = "it is what `map_err` gives")]
fn said(fault: Fault) -> String {
    fault.reason().words
}
