//! What ECS's answers mean where they mean something of ECS's own. Pure, tested on its documented
//! bodies: AmazonECS/latest/APIReference (`API_RunTask`, `API_failures_messages`), and
//! AmazonECS/latest/developerguide (`task_execution_error` pages).

use ports::Fault;

use super::SERVICE;
use crate::error::Said;

/// An answer that cannot be, or a request that cannot be made.
pub(super) fn broken(error: impl std::fmt::Display) -> Fault {
    Fault::Nonsense { service: SERVICE, words: error.to_string() }
}

/// What became of asking for a task.
#[derive(Debug)]
pub(super) enum Refusal {
    /// The token was used with other parameters, for these tasks.
    Conflict(Vec<String>),
    /// The definition is not there or not active any more.
    NoDefinition(Fault),
    /// Nothing was started.
    NotStarted(Fault),
    /// Something may have been started.
    Unsure(Fault),
}

/// An error of `RunTask`.
pub(super) fn run(said: Said, conflicting: &[String]) -> Refusal {
    let Said { code, words, .. } = &said;
    let unavailable = || Fault::unavailable(SERVICE, format!("{code}: {words}"));
    match code.as_str() {
        "ConflictException" => Refusal::Conflict(conflicting.to_vec()),
        // A role that was made seconds ago is not known everywhere yet
        // (IAM/latest/UserGuide/troubleshoot, "eventual consistency").
        "ClientException" if words.contains("unable to assume the role") => {
            Refusal::NotStarted(unavailable())
        }
        "ClientException" if words.contains("TaskDefinition") => {
            Refusal::NoDefinition(unavailable())
        }
        _ => {
            let fault = said.fault(SERVICE);
            let unsure = matches!(fault, Fault::Unavailable { .. });
            if unsure { Refusal::Unsure(fault) } else { Refusal::NotStarted(fault) }
        }
    }
}

/// A reason among the `failures` of `RunTask`'s 200: nothing was started.
pub(super) fn failure(reason: &str, detail: &str) -> Fault {
    let words = if detail.is_empty() { reason.to_owned() } else { format!("{reason}: {detail}") };
    match reason {
        "AGENT" | "INACTIVE" => Fault::unavailable(SERVICE, words),
        _ => Fault::NoCapacity { what: "Fargate", words },
    }
}

/// An error of `RegisterTaskDefinition`.
pub(super) fn register(said: Said) -> Fault {
    if said.code == "ClientException" && said.words.contains("Too many concurrent attempts") {
        return Fault::Throttled { service: SERVICE, after: said.after };
    }
    // A role that was made seconds ago is not known everywhere yet.
    if said.code == "ClientException" && said.words.contains("Role is not valid") {
        return Fault::unavailable(SERVICE, format!("{}: {}", said.code, said.words));
    }
    said.fault(SERVICE)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(status: u16, code: &str, words: &str) -> Said {
        Said { code: code.to_owned(), words: words.to_owned(), status, after: None }
    }

    #[test]
    fn a_start_that_was_refused_started_nothing_and_one_that_failed_may_have() {
        let role = "ECS was unable to assume the role 'arn:aws:iam::1:role/x' that was provided for \
                    this task. Please verify that the role being passed has the proper trust \
                    relationship and permissions and that your IAM user has permissions to pass \
                    this role.";
        let refused = run(said(400, "ClientException", role), &[]);
        assert!(matches!(refused, Refusal::NotStarted(Fault::Unavailable { .. })), "{refused:?}");
        let gone = run(said(400, "ClientException", "TaskDefinition is inactive"), &[]);
        assert!(matches!(gone, Refusal::NoDefinition(Fault::Unavailable { .. })), "{gone:?}");
        let often = run(said(400, "ThrottlingException", "Rate exceeded"), &[]);
        assert!(matches!(often, Refusal::NotStarted(Fault::Throttled { .. })), "{often:?}");
        let down = run(said(500, "ServerException", "Service Unavailable."), &[]);
        assert!(matches!(down, Refusal::Unsure(Fault::Unavailable { .. })), "{down:?}");
        let odd = run(said(400, "InvalidParameterException", "No subnets."), &[]);
        assert!(matches!(odd, Refusal::NotStarted(Fault::Nonsense { .. })), "{odd:?}");
        let ids = ["arn:1".to_owned()];
        let conflict = run(said(400, "ConflictException", ""), &ids);
        assert!(matches!(conflict, Refusal::Conflict(arns) if arns == ids));
    }

    /// The reasons are those of `API_failures_messages` and of Fargate's quotas.
    #[test]
    fn no_room_is_told_from_no_answer() {
        for reason in [
            "RESOURCE:ENI",
            "RESOURCE:MEMORY",
            "Capacity is unavailable at this time. Please try again later or in a different \
             availability zone",
            "You've reached the limit on the number of vCPUs you can run concurrently",
        ] {
            let fault = failure(reason, "");
            assert!(matches!(fault, Fault::NoCapacity { what: "Fargate", .. }), "{reason}");
        }
        assert!(matches!(failure("AGENT", "gone"), Fault::Unavailable { .. }));
    }

    #[test]
    fn two_registrations_at_once_and_a_fresh_role_are_asked_again() {
        let words =
            "Too many concurrent attempts to create a new revision of the specified family.";
        let fault = register(said(400, "ClientException", words));
        assert!(matches!(fault, Fault::Throttled { .. }));
        let early = register(said(400, "ClientException", "Role is not valid"));
        assert!(matches!(early, Fault::Unavailable { .. }));
        let odd = register(said(400, "ClientException", "Invalid 'cpu' setting for task."));
        assert!(matches!(odd, Fault::Nonsense { .. }));
    }
}
