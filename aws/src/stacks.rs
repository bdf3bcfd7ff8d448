//! The stacks of one environment, as CloudFormation sees them.

use aws_sdk_cloudformation::Client;
use aws_sdk_cloudformation::primitives::DateTime;
use aws_sdk_cloudformation::types::StackDriftStatus;
use jiff::Timestamp;
use ports::Fault;

use crate::error::{Said, fault};

/// The service, as an operator knows it.
const SERVICE: &str = "CloudFormation";

/// One stack.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stack {
    /// Its status in AWS's own words: `UPDATE_COMPLETE`.
    pub status: String,
    /// Whether it is still as it was deployed.
    pub drift: Drift,
    /// When somebody had CloudFormation look for that last.
    pub looked: Option<Timestamp>,
}

/// What the last look for drift found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Drift {
    /// It is as it was deployed.
    None,
    /// Somebody changed something by hand.
    Drifted,
    /// Nobody has looked yet.
    Unknown,
}

/// Looks one stack up by its name; none when it was never deployed, or is deleted.
///
/// # Errors
/// CloudFormation does not answer, or the credentials may not ask.
pub async fn find(client: &Client, name: &str) -> Result<Option<Stack>, Fault> {
    let answer = match client.describe_stacks().stack_name(name).send().await {
        Ok(answer) => answer,
        Err(error) if Said::of(&error).is_some_and(|said| is_absent(&said)) => return Ok(None),
        Err(error) => return Err(fault(SERVICE, &error)),
    };
    Ok(answer.stacks().first().map(|stack| {
        let status = stack.stack_status().map(|status| status.as_str()).unwrap_or_default();
        let information = stack.drift_information();
        let seen = information.and_then(|drift| drift.stack_drift_status());
        let looked = information.and_then(|drift| drift.last_check_timestamp()).and_then(time);
        Stack { status: status.to_owned(), drift: drift(seen), looked }
    }))
}

fn time(of: &DateTime) -> Option<Timestamp> {
    Timestamp::new(of.secs(), i32::try_from(of.subsec_nanos()).ok()?).ok()
}

/// CloudFormation has no code for it: the same ValidationError stands for a name that makes no sense
/// (AWSCloudFormation API reference, `DescribeStacks`).
fn is_absent(said: &Said) -> bool {
    said.code == "ValidationError" && said.words.contains("does not exist")
}

fn drift(seen: Option<&StackDriftStatus>) -> Drift {
    match seen {
        Some(StackDriftStatus::InSync) => Drift::None,
        Some(StackDriftStatus::Drifted) => Drift::Drifted,
        _ => Drift::Unknown,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stack_that_is_not_there_is_no_error_and_anything_else_is() {
        let said = |code: &str, words: &str| Said {
            code: code.to_owned(),
            words: words.to_owned(),
            status: 400,
            after: None,
        };
        let absent = "Stack with id tc-prod-admin does not exist";
        assert!(is_absent(&said("ValidationError", absent)));
        assert!(!is_absent(&said("ValidationError", "1 validation error detected")));
        assert!(!is_absent(&said("AccessDenied", absent)));
    }

    #[test]
    fn what_nobody_looked_at_is_not_called_sound() {
        assert_eq!(drift(None), Drift::Unknown);
        assert_eq!(drift(Some(&StackDriftStatus::NotChecked)), Drift::Unknown);
        assert_eq!(drift(Some(&StackDriftStatus::InSync)), Drift::None);
        assert_eq!(drift(Some(&StackDriftStatus::Drifted)), Drift::Drifted);
    }
}
