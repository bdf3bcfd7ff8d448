//! What ELBv2's own errors mean (elasticloadbalancing/latest/APIReference, the errors of each call).
//! Pure.

use ports::Fault;

use crate::error::Said;

/// The service, as an operator knows it.
pub(super) const SERVICE: &str = "the load balancer";

/// An error of ELBv2.
pub(super) fn sort(said: Said) -> Fault {
    match said.code.as_str() {
        "TooManyRules"
        | "TooManyTargets"
        | "TooManyTargetGroups"
        | "TooManyRegistrationsForTargetId"
        | "TooManyUniqueTargetGroupsPerLoadBalancer"
        | "TargetGroupAssociationLimit" => {
            let words = format!("{}; the router has no such limit", said.words);
            Fault::NoCapacity { what: "load balancer rules", words }
        }
        // What was made or removed a moment ago is not known everywhere yet.
        "TargetGroupNotFound" | "ResourceInUse" => {
            Fault::unavailable(SERVICE, format!("{}: {}", said.code, said.words))
        }
        _ => said.fault(SERVICE),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(code: &str) -> Said {
        Said { code: code.to_owned(), status: 400, ..Said::default() }
    }

    #[test]
    fn what_is_full_what_is_late_and_what_is_wrong_are_told_apart() {
        for full in ["TooManyRules", "TooManyUniqueTargetGroupsPerLoadBalancer"] {
            assert!(matches!(sort(said(full)), Fault::NoCapacity { .. }), "{full}");
        }
        for late in ["TargetGroupNotFound", "ResourceInUse"] {
            assert!(matches!(sort(said(late)), Fault::Unavailable { .. }), "{late}");
        }
        assert!(matches!(sort(said("Throttling")), Fault::Throttled { .. }));
        assert!(matches!(sort(said("ListenerNotFound")), Fault::Nonsense { .. }));
    }
}
