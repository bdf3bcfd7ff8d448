//! Whether the stacks are as they were deployed, and how long ago somebody looked. Pure.

use jiff::{SignedDuration, Timestamp};

use super::{Deployed, Drift, Finding, Level};
use crate::words;

/// A look that is older says little: people change things by hand every week.
const STALE: SignedDuration = SignedDuration::from_hours(7 * 24);

/// What is to be said of all stacks of an environment.
pub(super) fn findings(deployed: &Deployed, now: Timestamp) -> Vec<Finding> {
    let of = |drift| {
        let seen = deployed.stacks.iter().filter_map(|(name, seen)| match seen {
            Ok(Some(stack)) => Some((name.as_str(), stack)),
            Ok(None) | Err(_) => None,
        });
        seen.filter(move |(_, stack)| stack.drift == drift)
    };
    let look = format!("teamclaw doctor {} --drift", deployed.name);
    let mut found: Vec<Finding> = deployed.half_looked.iter().map(half_looked).collect();
    for (name, stack) in of(Drift::Drifted) {
        let when = stack.looked.map(|at| format!(", seen {}", words::relative(at, now)));
        let what = format!("drift: {name}{}", when.unwrap_or_default());
        let why = "somebody changed by hand what the stack made; the next deployment may undo it";
        let do_this =
            format!("aws cloudformation describe-stack-resource-drifts --stack-name {name}");
        found.push(Finding::new(Level::Bad, what, why, do_this));
    }
    let unseen: Vec<&str> = of(Drift::Unknown).map(|(name, _)| name).collect();
    if !unseen.is_empty() {
        let what = format!("drift: nobody has looked at {}", unseen.join(", "));
        let why = "CloudFormation looks when asked";
        found.push(Finding::new(Level::Note, what, why, look.clone()));
    }
    let sound = of(Drift::None).filter_map(|(_, stack)| stack.looked);
    if let Some(oldest) = sound.min() {
        let when = words::relative(oldest, now);
        found.push(if now.duration_since(oldest) > STALE {
            let what = format!("drift: none was found {when}, and nobody has looked since");
            Finding::new(Level::Note, what, "CloudFormation looks when asked", look)
        } else {
            Finding::good(format!("drift: none was found, looked {when}"))
        });
    }
    found
}

fn half_looked((name, why): &(String, String)) -> Finding {
    let do_this = "allow cloudformation:DetectStackDrift, DescribeStackDriftDetectionStatus and the reading of \
                   what the stack holds; or look again later";
    Finding::new(Level::Unknown, format!("drift: {name}"), why, do_this)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::Stack;

    fn now() -> Timestamp {
        "2026-11-26T08:00:00Z".parse().expect("a time")
    }

    /// Stacks named a, b, ... each with what was found and how many hours ago.
    fn told(seen: &[(Drift, Option<i64>)]) -> Vec<(Level, String)> {
        let stack = |(drift, hours): &(Drift, Option<i64>)| {
            let looked = hours.map(|hours| now() - SignedDuration::from_hours(hours));
            Ok(Some(Stack { status: "CREATE_COMPLETE".into(), drift: *drift, looked }))
        };
        let names = ["a", "b", "c"].map(str::to_owned).into_iter();
        let stacks = names.zip(seen.iter().map(stack)).collect();
        let deployed = Deployed { name: "prod".into(), stacks, ..Deployed::default() };
        findings(&deployed, now()).into_iter().map(|it| (it.level, it.what)).collect()
    }

    fn one(level: Level, what: &str) -> Vec<(Level, String)> {
        vec![(level, what.to_owned())]
    }

    #[test]
    fn drift_is_bad_and_an_unseen_one_is_told_once() {
        let seen = [(Drift::Unknown, None), (Drift::Drifted, Some(2)), (Drift::Unknown, None)];
        let bad = one(Level::Bad, "drift: b, seen 2 h ago");
        let note = one(Level::Note, "drift: nobody has looked at a, c");
        assert_eq!(told(&seen), [bad, note].concat());
    }

    #[test]
    fn the_oldest_look_counts_and_after_a_week_it_says_little() {
        let [young, old] = [(Drift::None, Some(1)), (Drift::None, Some(48))];
        let good = one(Level::Good, "drift: none was found, looked 2 d ago");
        assert_eq!(told(&[young, old]), good);
        let week = 7 * 24;
        assert_eq!(told(&[(Drift::None, Some(week))])[0].0, Level::Good);
        let stale = "drift: none was found 7 d 1 h ago, and nobody has looked since";
        assert_eq!(told(&[young, (Drift::None, Some(week + 1))]), one(Level::Note, stale));
        assert_eq!(told(&[(Drift::None, None)]), [], "CloudFormation does not say when");
    }

    #[test]
    fn a_look_that_saw_not_everything_is_no_good_finding() {
        let half_looked = vec![("a".to_owned(), "not authorized".to_owned())];
        let found = findings(&Deployed { half_looked, ..Deployed::default() }, now());
        assert_eq!((found.len(), found[0].level), (1, Level::Unknown));
        assert!(found[0].do_this.starts_with("allow "), "{found:?}");
    }
}
