//! Has CloudFormation compare stacks with what is really there, and waits until it has. A look changes
//! nothing and takes minutes (AWSCloudFormation/latest/UserGuide/detect-drift-stack.html); what it found
//! stands in the stack afterwards ([`crate::stacks`]).

use std::time::Duration;

use aws_sdk_cloudformation::Client;
use aws_sdk_cloudformation::types::StackDriftDetectionStatus as Status;
use ports::Fault;
use tokio::time::{Instant, sleep};

use crate::error::fault;

/// The service, as an operator knows it.
const SERVICE: &str = "CloudFormation";
/// How often is asked whether a look is over.
const PAUSE: Duration = Duration::from_secs(3);
/// How long all looks may take together: they run side by side, and a stack of several hundred
/// resources takes some minutes.
pub const TIME_MAX: Duration = Duration::from_secs(10 * 60);

/// What became of one stack's look.
pub type Looked = (String, Result<(), Fault>);

/// Looks at all these stacks side by side. `told` hears of each as soon as it is known to be over.
///
/// A look that takes too long, or did not see every resource, is a fault; it goes on without us.
pub async fn detect(client: &Client, names: &[String], told: impl Fn(&Looked)) -> Vec<Looked> {
    let until = Instant::now() + TIME_MAX;
    let mut begun = Vec::with_capacity(names.len());
    for name in names {
        begun.push((name, begin(client, name).await));
    }
    let mut looked = Vec::with_capacity(names.len());
    for (name, look) in begun {
        let seen = match look {
            Ok(look) => wait(client, &look, until).await,
            Err(fault) => Err(fault),
        };
        looked.push((name.clone(), seen));
        looked.last().into_iter().for_each(&told);
    }
    looked
}

/// Lets a look begin. Gives its id.
async fn begin(client: &Client, name: &str) -> Result<String, Fault> {
    let begun = client.detect_stack_drift().stack_name(name).send().await;
    let begun = begun.map_err(|error| fault(SERVICE, &error))?;
    let nameless =
        || Fault::Nonsense { service: SERVICE, words: "a look for drift has no id".to_owned() };
    begun.stack_drift_detection_id().map(str::to_owned).ok_or_else(nameless)
}

async fn wait(client: &Client, look: &str, until: Instant) -> Result<(), Fault> {
    loop {
        let ask = client.describe_stack_drift_detection_status();
        let told = ask.stack_drift_detection_id(look).send().await;
        let told = told.map_err(|error| fault(SERVICE, &error))?;
        match told.detection_status() {
            Some(Status::DetectionComplete) => return Ok(()),
            Some(Status::DetectionFailed) => {
                let why = told.detection_status_reason().unwrap_or("it does not say why");
                return Err(Fault::unavailable(SERVICE, format!("not all of it was seen: {why}")));
            }
            _ if Instant::now() >= until => {
                let minutes = TIME_MAX.as_secs() / 60;
                let words = format!("it still looks after {minutes} minutes; ask again later");
                return Err(Fault::unavailable(SERVICE, words));
            }
            _ => sleep(PAUSE).await,
        }
    }
}
