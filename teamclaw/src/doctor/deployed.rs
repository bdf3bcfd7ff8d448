//! Whether an environment is deployed whole, is as it was deployed, and has no trouble.

use std::collections::BTreeSet;

use jiff::Timestamp;

use super::{Account, Finding, Level, Plan, Seen, drift};

/// A stack.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stack {
    /// In CloudFormation's words: `UPDATE_COMPLETE`.
    pub status: String,
    /// Whether it is as it was deployed.
    pub drift: Drift,
    /// When somebody looked for that last.
    pub looked: Option<Timestamp>,
}

/// What the last look for drift found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Drift {
    /// Nothing.
    None,
    /// Somebody changed something by hand.
    Drifted,
    /// Nobody has looked.
    Unknown,
}

/// An alarm that rings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Alarm {
    /// Its name.
    pub name: String,
    /// What it is about.
    pub about: String,
    /// Why it rings.
    pub why: String,
}

/// Everything that is seen of an environment.
#[derive(Debug, Default)]
pub struct Deployed {
    /// Its name.
    pub name: String,
    /// The account.
    pub account: Account,
    /// Each stack by its full name; none where it is not deployed.
    pub stacks: Vec<(String, Seen<Option<Stack>>)>,
    /// The looks for drift that were wanted now and did not see everything, and why.
    pub half_looked: Vec<(String, String)>,
    /// Those that ring; none when nobody looked.
    pub alarms: Option<Seen<Vec<Alarm>>>,
    /// What each queue has set aside; none where there is no such queue.
    pub queues: Vec<(String, Seen<Option<u64>>)>,
    /// The parameters that are there, by what comes after `/tc/{env}/`; none when nobody looked.
    pub parameters: Option<Seen<BTreeSet<String>>>,
}

/// The parameters without which something that an operator or an agent needs does not work, and the
/// stack that writes each.
const PARAMETERS: [(&str, &str); 9] = [
    ("vpc/private-subnets", "foundation"),
    ("efs/file-system-id", "foundation"),
    ("secrets/api-keys", "foundation"),
    ("cluster/name", "cluster"),
    ("cluster/boundary", "cluster"),
    ("cluster/execution-role", "cluster"),
    ("issuer/url", "control-plane"),
    ("issuer/operators-audience", "control-plane"),
    ("admin/api-url", "admin"),
];

impl Deployed {
    /// What is to be said of it.
    pub fn findings(&self, plan: &Plan, now: Timestamp) -> Vec<Finding> {
        let mut found = self.account.findings(plan);
        found.extend(self.stacks.iter().map(|(name, seen)| self.stack(name, seen)));
        found.extend(drift::findings(self, now));
        if let Some(parameters) = &self.parameters {
            found.extend(self.missing(parameters));
        }
        if let Some(alarms) = &self.alarms {
            found.extend(ringing(alarms));
        }
        found.extend(self.queues.iter().map(|(name, seen)| self.queue(name, seen)));
        found
    }

    fn stack(&self, name: &str, seen: &Seen<Option<Stack>>) -> Finding {
        let deploy = format!("teamclaw deploy {}", self.name);
        let status = match seen {
            Ok(Some(stack)) => stack.status.as_str(),
            Ok(None) => {
                let what = format!("stack: {name} is not deployed");
                return Finding::new(Level::Bad, what, "there is none of this name here", deploy);
            }
            Err(why) => {
                let do_this = "allow cloudformation:DescribeStacks";
                return Finding::new(Level::Unknown, format!("stack: {name}"), why, do_this);
            }
        };
        let what = format!("stack: {name}: {status}");
        let events = format!("aws cloudformation describe-stack-events --stack-name {name}");
        if status.ends_with("_IN_PROGRESS") {
            return Finding::new(Level::Note, what, "it is being changed now", "look again later");
        }
        // A change that was taken back leaves a sound stack of the version before.
        if status.contains("ROLLBACK") || status.ends_with("_FAILED") {
            let why = "the last change of it did not work";
            return Finding::new(
                Level::Bad,
                what,
                why,
                format!("see why: {events}; then {deploy}"),
            );
        }
        Finding::good(what)
    }

    fn missing(&self, seen: &Seen<BTreeSet<String>>) -> Vec<Finding> {
        let there = match seen {
            Ok(there) => there,
            Err(why) => {
                let do_this = "allow ssm:GetParametersByPath";
                return vec![Finding::new(Level::Unknown, "parameters", why, do_this)];
            }
        };
        let absent = PARAMETERS.iter().filter(|(name, _)| !there.contains(*name));
        let absent = absent.map(|(name, stack)| {
            let what = format!("parameters: /tc/{}/{name} is missing", self.name);
            let why = format!("the stack {stack} writes it, and others read it");
            let do_this = format!("teamclaw deploy {} --only {stack}", self.name);
            Finding::new(Level::Bad, what, why, do_this)
        });
        let absent: Vec<Finding> = absent.collect();
        if absent.is_empty() {
            return vec![Finding::good(format!("parameters: {} are published", there.len()))];
        }
        absent
    }

    fn queue(&self, name: &str, seen: &Seen<Option<u64>>) -> Finding {
        match seen {
            Ok(Some(0)) => Finding::good(format!("set aside: {name}: none")),
            Ok(Some(count)) => {
                let at = format!("--backend aws --env {}", self.name);
                let do_this = format!("teamclaw parked {at}; mended, teamclaw parked redrive {at}");
                let why = "they were tried again and again and failed each time";
                Finding::new(
                    Level::Bad,
                    format!("set aside: {name}: {count} messages"),
                    why,
                    do_this,
                )
            }
            Ok(None) => {
                let why = "there is no such queue";
                let do_this = format!("teamclaw deploy {} --only control-plane", self.name);
                Finding::new(Level::Bad, format!("set aside: {name}"), why, do_this)
            }
            Err(why) => {
                let do_this = "allow sqs:GetQueueUrl and sqs:GetQueueAttributes";
                Finding::new(Level::Unknown, format!("set aside: {name}"), why, do_this)
            }
        }
    }
}

fn ringing(seen: &Seen<Vec<Alarm>>) -> Vec<Finding> {
    match seen {
        Ok(alarms) if alarms.is_empty() => vec![Finding::good("alarms: none rings")],
        Ok(alarms) => {
            let bad = |alarm: &Alarm| {
                let what = format!("alarm: {}: {}", alarm.name, alarm.about);
                Finding::new(Level::Bad, what, &alarm.why, "do what its description says")
            };
            alarms.iter().map(bad).collect()
        }
        Err(why) => {
            vec![Finding::new(Level::Unknown, "alarms", why, "allow cloudwatch:DescribeAlarms")]
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLAN: Plan = Plan { users: 10, vcpu: 1, spot: 0 };

    fn sound() -> Deployed {
        let stack = Stack { status: "UPDATE_COMPLETE".into(), drift: Drift::None, looked: None };
        Deployed {
            name: "prod".into(),
            account: Account { identity: Ok("1 as ann".into()), ..Account::default() },
            stacks: vec![("tc-prod-admin".into(), Ok(Some(stack)))],
            alarms: Some(Ok(Vec::new())),
            half_looked: Vec::new(),
            queues: vec![("tc-prod-usage-dlq".into(), Ok(Some(0)))],
            parameters: Some(Ok(PARAMETERS.iter().map(|(name, _)| (*name).to_owned()).collect())),
        }
    }

    fn levels(deployed: &Deployed) -> Vec<Level> {
        let found = deployed.findings(&PLAN, Timestamp::UNIX_EPOCH);
        found.iter().map(|finding| finding.level).filter(|level| *level != Level::Good).collect()
    }

    #[test]
    fn a_sound_environment_has_nothing_but_good_findings() {
        assert_eq!(levels(&sound()), []);
    }

    #[test]
    fn each_status_of_a_stack_has_its_meaning() {
        for (status, level) in [
            ("CREATE_COMPLETE", None),
            ("UPDATE_COMPLETE", None),
            ("IMPORT_COMPLETE", None),
            ("UPDATE_IN_PROGRESS", Some(Level::Note)),
            ("UPDATE_COMPLETE_CLEANUP_IN_PROGRESS", Some(Level::Note)),
            ("CREATE_FAILED", Some(Level::Bad)),
            ("DELETE_FAILED", Some(Level::Bad)),
            ("ROLLBACK_COMPLETE", Some(Level::Bad)),
            ("UPDATE_ROLLBACK_COMPLETE", Some(Level::Bad)),
            ("UPDATE_ROLLBACK_FAILED", Some(Level::Bad)),
        ] {
            let stack = Stack { status: status.into(), drift: Drift::None, looked: None };
            let stacks = vec![("tc-prod-admin".to_owned(), Ok(Some(stack)))];
            assert_eq!(levels(&Deployed { stacks, ..sound() }), Vec::from_iter(level), "{status}");
        }
        let stacks = vec![("tc-prod-admin".to_owned(), Ok(None))];
        assert_eq!(levels(&Deployed { stacks, ..sound() }), [Level::Bad]);
    }

    #[test]
    fn alarms_messages_and_missing_parameters_are_bad() {
        let alarm = Alarm { name: "tc-prod-parked".into(), about: "a".into(), why: "w".into() };
        let alarms = Some(Ok(vec![alarm]));
        assert_eq!(levels(&Deployed { alarms, ..sound() }), [Level::Bad]);
        for seen in [Ok(Some(1)), Ok(None)] {
            let queues = vec![("q".to_owned(), seen)];
            assert_eq!(levels(&Deployed { queues, ..sound() }), [Level::Bad]);
        }
        let parameters = Some(Ok(BTreeSet::new()));
        let all = levels(&Deployed { parameters, ..sound() });
        assert_eq!(all, vec![Level::Bad; PARAMETERS.len()]);
    }

    #[test]
    fn what_could_not_be_seen_says_which_right_is_missing() {
        let denied = || "not allowed".to_owned();
        let blind = Deployed {
            stacks: vec![("s".into(), Err(denied()))],
            alarms: Some(Err(denied())),
            queues: vec![("q".into(), Err(denied()))],
            parameters: Some(Err(denied())),
            ..sound()
        };
        assert_eq!(levels(&blind), [Level::Unknown; 4]);
        for finding in blind
            .findings(&PLAN, Timestamp::UNIX_EPOCH)
            .iter()
            .filter(|one| one.level == Level::Unknown)
        {
            assert!(finding.do_this.starts_with("allow "), "{finding:?}");
        }
    }
}
