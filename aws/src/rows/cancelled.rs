//! What it means that DynamoDB did not make a transaction, as pure functions of what it says.
//!
//! The reasons are those of the API page of TransactWriteItems: one for each action, in the order of
//! the actions, `None` for an action that would have worked.

use aws_sdk_dynamodb::config::http::HttpResponse;
use aws_sdk_dynamodb::error::SdkError;
use aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsError;
use ports::Fault;

use super::{SERVICE, failed, nonsense};

/// Reasons that mean "too often".
const THROTTLES: [&str; 2] = ["ProvisionedThroughputExceeded", "ThrottlingError"];

/// Why nothing was written.
#[derive(Debug)]
pub(crate) enum Unwritten {
    /// The conditions of these actions did not hold, by their place.
    Conditions(Vec<usize>),
    /// Another transaction has one of the items in hand just now.
    Busy,
    /// Anything else; where it is no answer at all, it may have been written.
    Fault(Fault),
}

/// What a failed transaction means.
pub(crate) fn unwritten(error: &SdkError<TransactWriteItemsError, HttpResponse>) -> Unwritten {
    match error.as_service_error() {
        Some(TransactWriteItemsError::TransactionCanceledException(cancelled)) => {
            let reasons = cancelled.cancellation_reasons().iter();
            let texts = reasons.map(|reason| {
                (reason.code().unwrap_or_default(), reason.message().unwrap_or_default())
            });
            sort(&texts.collect::<Vec<_>>())
        }
        _ => Unwritten::Fault(failed(error)),
    }
}

/// What the reasons of one transaction mean, each a code and words. What can never work is said
/// before what may work later, and what waits before what must be looked at.
fn sort(reasons: &[(&str, &str)]) -> Unwritten {
    let known = |code: &str| {
        ["None", "", "ConditionalCheckFailed", "TransactionConflict"].contains(&code)
            || THROTTLES.contains(&code)
    };
    if let Some((code, words)) = reasons.iter().find(|(code, _)| !known(code)) {
        return Unwritten::Fault(nonsense(format!("{code}: {words}")));
    }
    let failed = |wanted: &str| {
        let places = reasons.iter().enumerate().filter(|(_, (code, _))| *code == wanted);
        places.map(|(place, _)| place).collect::<Vec<_>>()
    };
    let conditions = failed("ConditionalCheckFailed");
    if !conditions.is_empty() {
        return Unwritten::Conditions(conditions);
    }
    if reasons.iter().any(|(code, _)| THROTTLES.contains(code)) {
        return Unwritten::Fault(Fault::Throttled { service: SERVICE, after: None });
    }
    Unwritten::Busy
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sorted(codes: &[&str]) -> Unwritten {
        sort(&codes.iter().map(|code| (*code, "words")).collect::<Vec<_>>())
    }

    #[test]
    fn conditions_that_failed_are_told_by_their_place() {
        let failed = sorted(&["ConditionalCheckFailed", "None", "ConditionalCheckFailed"]);
        assert!(matches!(failed, Unwritten::Conditions(places) if places == [0, 2]));
        // A lost race for one item says nothing about another's condition.
        let mixed = sorted(&["TransactionConflict", "ConditionalCheckFailed"]);
        assert!(matches!(mixed, Unwritten::Conditions(places) if places == [1]));
    }

    #[test]
    fn who_was_too_often_there_waits_and_who_met_another_looks_again() {
        for code in ["ProvisionedThroughputExceeded", "ThrottlingError"] {
            let answer = sorted(&["None", code, "TransactionConflict"]);
            assert!(matches!(answer, Unwritten::Fault(Fault::Throttled { .. })), "{answer:?}");
        }
        assert!(matches!(sorted(&["TransactionConflict", "None"]), Unwritten::Busy));
    }

    #[test]
    fn what_can_never_work_is_said_first() {
        for code in ["ValidationError", "ItemCollectionSizeLimitExceeded", "AccessDenied"] {
            let answer = sorted(&["ConditionalCheckFailed", code]);
            assert!(matches!(answer, Unwritten::Fault(Fault::Nonsense { .. })), "{answer:?}");
        }
    }
}
