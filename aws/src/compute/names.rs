//! What a person's task, its definition and its role are called, and how a start is told from the
//! name it was given. Pure.

use events::{Attempt, Gen, WorkspaceId};

use crate::Environment;

/// How every `startedBy` of ours begins.
const OURS: &str = "tc";

/// A start of ours, as `startedBy` names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Started {
    pub(crate) environment: Environment,
    pub(crate) workspace: WorkspaceId,
    pub(crate) generation: Gen,
    pub(crate) attempt: Attempt,
}

/// `startedBy`: at most 84 of the 128 letters, digits, hyphens, slashes and underscores that ECS
/// takes (`API_RunTask`), by which `ListTasks` finds a start and events name it.
pub(crate) fn started_by(
    environment: &Environment,
    id: &WorkspaceId,
    generation: Gen,
    attempt: Attempt,
) -> String {
    format!("{OURS}/{environment}/{id}/{generation}/{attempt}")
}

/// Whose start it is. `None`: not one of ours.
pub(crate) fn parse_started_by(text: &str) -> Option<Started> {
    let mut parts = text.split('/');
    let mut next = || parts.next();
    let ours = next()? == OURS;
    let started = Started {
        environment: next()?.parse().ok()?,
        workspace: next()?.parse().ok()?,
        generation: Gen(next()?.parse().ok()?),
        attempt: Attempt(next()?.parse().ok()?),
    };
    (ours && next().is_none()).then_some(started)
}

/// The family of a person's task definitions: at most 53 characters of the 255.
pub(crate) fn family(environment: &Environment, id: &WorkspaceId) -> String {
    environment.named(&format!("agent-{id}"))
}

/// The name of a person's role: at most 58 characters of the 64 that IAM takes.
pub(crate) fn role(environment: &Environment, id: &WorkspaceId) -> String {
    environment.named(&format!("agent-{id}"))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn prod() -> Environment {
        "prod".parse().expect("a good name")
    }

    proptest! {
        #[test]
        fn a_start_is_told_from_its_name(
            name in "[a-z0-9]{1,36}", generation in any::<u64>(), attempt in any::<u32>(),
        ) {
            let workspace: WorkspaceId = name.parse().expect("a good name");
            let (generation, attempt) = (Gen(generation), Attempt(attempt));
            let text = started_by(&prod(), &workspace, generation, attempt);
            prop_assert!(text.len() <= 128);
            let told = Started { environment: prod(), workspace, generation, attempt };
            prop_assert_eq!(parse_started_by(&text), Some(told));
        }
    }

    #[test]
    fn what_others_start_is_not_ours() {
        for other in [
            "",
            "ann",
            "ecs-svc/123",
            "tc/prod/ann/1",
            "tc/prod/ann/1/2/3",
            "tc/Prod/ann/1/2",
            "tc/prod/../1/2",
            "xx/prod/ann/1/2",
            "tc/prod/ann/-1/2",
        ] {
            assert_eq!(parse_started_by(other), None, "{other}");
        }
    }

    #[test]
    fn the_longest_names_fit() {
        let environment: Environment = "abcdefghijkl".parse().expect("a good name");
        let id: WorkspaceId = "a".repeat(36).parse().expect("a good name");
        assert!(role(&environment, &id).len() <= 64);
        let longest = started_by(&environment, &id, Gen(u64::MAX), Attempt(u32::MAX));
        assert!(longest.len() <= 128, "{longest}");
    }
}
