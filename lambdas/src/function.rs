//! The functions by name. Which one a process is, its function's name says; `functions.json` lists what
//! starts each and what it may do, for the stacks.

use std::str::FromStr;

use aws::Environment;
use events::Class;
use thiserror::Error;

/// One function.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Function {
    /// The consumer of a permission class.
    Consumer(Class),
    /// Batches of usage.
    Usage,
    /// Puts what was recorded into the one order.
    Sequencer,
    /// Makes of what the pipe read what the bus is told.
    Announcer,
    /// Writes down what ECS says of tasks.
    Observer,
    /// Nudges who has been left alone.
    IdleCheck,
    /// Nudges whose timer is due.
    CronWake,
    /// Finds what was lost or left over.
    Sweeper,
    /// Empties purged homes.
    Cleaner,
    /// Renews the pool's OAuth tokens.
    Renewal,
    /// Asks for rotations of keys.
    Rotation,
    /// The person's own API.
    Session,
    /// Trades a lease's token for credentials.
    Broker,
    /// The operator's API.
    Operator,
}

/// A name that is none of ours.
#[derive(Debug, PartialEq, Eq, Error)]
#[error("\"{0}\" is no function; look into lambdas/functions.json")]
pub struct UnknownFunction(String);

impl Function {
    /// Every one.
    pub const ALL: [Self; 17] = [
        Self::Consumer(Class::Storage),
        Self::Consumer(Class::Compute),
        Self::Consumer(Class::Routing),
        Self::Consumer(Class::Keys),
        Self::Usage,
        Self::Sequencer,
        Self::Announcer,
        Self::Observer,
        Self::IdleCheck,
        Self::CronWake,
        Self::Sweeper,
        Self::Cleaner,
        Self::Renewal,
        Self::Rotation,
        Self::Session,
        Self::Broker,
        Self::Operator,
    ];

    /// Its name in `functions.json`; in Lambda it is an environment's ([`Environment::named`]).
    pub fn name(self) -> &'static str {
        match self {
            Self::Consumer(class) => class.name(),
            Self::Usage => "usage",
            Self::Sequencer => "sequencer",
            Self::Announcer => "announcer",
            Self::Observer => "observer",
            Self::IdleCheck => "idle-check",
            Self::CronWake => "cron-wake",
            Self::Sweeper => "sweeper",
            Self::Cleaner => "cleaner",
            Self::Renewal => "renewal",
            Self::Rotation => "rotation",
            Self::Session => "session",
            Self::Broker => "broker",
            Self::Operator => "operator",
        }
    }

    /// The function that Lambda calls `name`.
    ///
    /// # Errors
    /// There is none in this environment.
    pub fn called(name: &str, environment: &Environment) -> Result<Self, UnknownFunction> {
        let ours = Self::ALL.into_iter().find(|it| environment.named(it.name()) == name);
        ours.ok_or_else(|| UnknownFunction(name.to_owned()))
    }
}

impl FromStr for Function {
    type Err = UnknownFunction;

    fn from_str(text: &str) -> Result<Self, UnknownFunction> {
        let known = Self::ALL.into_iter().find(|function| function.name() == text);
        known.ok_or_else(|| UnknownFunction(text.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use serde_json::Value;

    use super::*;
    use crate::metrics::Metric;

    fn listed() -> Value {
        serde_json::from_str(include_str!("../functions.json")).expect("JSON")
    }

    fn names(list: &Value) -> Vec<&str> {
        let entries = list.as_array().expect("a list").iter();
        entries.map(|entry| entry["name"].as_str().expect("a name")).collect()
    }

    #[test]
    fn the_stacks_list_every_function_and_no_other() {
        let listed = listed();
        assert_eq!(names(&listed["functions"]), Function::ALL.map(Function::name));
        for name in names(&listed["functions"]) {
            assert_eq!(name.parse::<Function>().expect("ours").name(), name);
        }
        assert!("storage2".parse::<Function>().is_err());
        let prod: Environment = "prod".parse().expect("a name");
        let found = Function::called("tc-prod-idle-check", &prod);
        assert_eq!(found, Ok(Function::IdleCheck));
        for other in ["idle-check", "tc-test-idle-check", "tc-prod-", ""] {
            assert!(Function::called(other, &prod).is_err(), "{other}");
        }
    }

    #[test]
    fn the_stacks_list_every_metric_with_its_unit() {
        let listed = listed();
        assert_eq!(listed["metrics"]["namespace"], crate::metrics::NAMESPACE);
        let list = &listed["metrics"]["names"];
        assert_eq!(names(list), Metric::ALL.map(Metric::name));
        for (entry, metric) in list.as_array().expect("a list").iter().zip(Metric::ALL) {
            assert_eq!(entry["unit"], metric.unit());
            for function in entry["by"].as_array().expect("a list") {
                let name = function.as_str().expect("a name");
                assert!(name.parse::<Function>().is_ok(), "{name}");
            }
        }
    }

    /// A role is built from these entries and from nothing else.
    #[test]
    fn what_a_function_may_do_is_an_action_on_a_named_resource() {
        let listed = listed();
        for function in listed["functions"].as_array().expect("a list") {
            let name = &function["name"];
            let mut seen = BTreeSet::new();
            for grant in function["allows"].as_array().expect("a list") {
                let on = grant["on"].as_str().expect("a resource");
                // Everything is named, but for calls of ECS and ELB that know no resource.
                assert!(
                    on != "*"
                        || ["compute", "routing", "sweeper"]
                            .contains(&name.as_str().expect("text"))
                );
                for action in grant["actions"].as_array().expect("a list") {
                    let action = action.as_str().expect("an action");
                    let (service, call) = action.split_once(':').expect("service:Call");
                    assert!(!service.is_empty() && !call.contains('*'), "{name}: {action}");
                    assert!(seen.insert((action, on)), "{name}: {action} on {on} twice");
                }
            }
        }
    }

    /// AWS refuses a mapping whose queue hides messages for less time than its function may take, and
    /// advises six times as long (lambda/latest/dg/services-sqs-configure.html).
    #[test]
    fn a_queue_hides_its_messages_for_six_times_as_long_as_its_function_may_take() {
        let listed = listed();
        for function in listed["functions"].as_array().expect("a list") {
            let Some(visibility) = function["trigger"].get("visibilitySeconds") else { continue };
            let timeout = function["timeoutSeconds"].as_u64().expect("seconds");
            assert!(visibility.as_u64().expect("seconds") >= 6 * timeout, "{}", function["name"]);
        }
    }
}
