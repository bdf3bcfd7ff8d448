//! ELBv2's target groups and rules. Sources: elasticloadbalancing/latest/APIReference,
//! `API_CreateTargetGroup`, `API_CreateRule`, `API_DescribeRules`, `API_DeleteTargetGroup`,
//! `API_RegisterTargets`, `API_DescribeTargetHealth`.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::answer::Answer;
use crate::habits::Habits;
use crate::request::{Request, page};
use crate::{ACCOUNT, REGION};

/// The highest priority of a rule.
const PRIORITY_MAX: u32 = 50_000;
/// The most characters of a target group's name.
const NAME_MAX: usize = 32;

/// Every listener's rules and every target group.
#[derive(Debug, Default)]
pub(crate) struct Elb {
    /// By name.
    groups: BTreeMap<String, Group>,
    /// By listener and priority.
    rules: BTreeMap<(String, u32), Rule>,
    made: u64,
}

#[derive(Clone, Debug)]
struct Group {
    arn: String,
    asked: Value,
    /// `address:port`.
    targets: BTreeSet<(String, String)>,
}

#[derive(Clone, Debug)]
struct Rule {
    arn: String,
    group: String,
    host: String,
}

impl Elb {
    pub(crate) fn call(&mut self, request: &Request, habits: &Habits) -> Answer {
        match request.call.as_str() {
            "elb.CreateTargetGroup" => self.create_group(request),
            "elb.DescribeTargetGroups" => self.describe_groups(request, habits),
            "elb.DeleteTargetGroup" => self.delete_group(request),
            "elb.CreateRule" => self.create_rule(request),
            "elb.DescribeRules" => self.describe_rules(request, habits),
            "elb.DeleteRule" => self.delete_rule(request),
            "elb.RegisterTargets" => self.targets(request, true),
            "elb.DeregisterTargets" => self.targets(request, false),
            "elb.DescribeTargetHealth" => self.health(request),
            _ => Answer::error(400, "InvalidAction", "no call of this fake"),
        }
    }

    /// What there is.
    pub(crate) fn names(&self) -> Vec<String> {
        let groups = self.groups.keys().map(|name| format!("target group {name}"));
        let rules =
            self.rules.iter().map(|((_, priority), rule)| format!("rule {priority} {}", rule.host));
        groups.chain(rules).collect()
    }

    /// A rule that somebody made by hand.
    pub(crate) fn foreign_rule(&mut self, listener: &str, priority: u32) {
        let arn = self.name("listener-rule/app/other");
        let (group, host) = ("arn:other".to_owned(), "other.example.com".to_owned());
        self.rules.insert((listener.to_owned(), priority), Rule { arn, group, host });
    }

    fn name(&mut self, what: &str) -> String {
        self.made += 1;
        format!("arn:aws:elasticloadbalancing:{REGION}:{ACCOUNT}:{what}/{:016x}", self.made)
    }

    /// The same name with the same settings is the same group; with others it is an error.
    fn create_group(&mut self, request: &Request) -> Answer {
        let name = request.text("Name").to_owned();
        if name.len() > NAME_MAX {
            return invalid("Target group name cannot be longer than '32' characters");
        }
        let settings = |body: &Value| {
            ["Protocol", "Port", "VpcId", "TargetType"].map(|field| body[field].clone())
        };
        if let Some(group) = self.groups.get(&name) {
            if settings(&group.asked) != settings(&request.body) {
                let words = format!(
                    "A target group with the same name '{name}' exists, but with different settings"
                );
                return Answer::error(400, "DuplicateTargetGroupName", words);
            }
            return Answer::Xml(format!("<TargetGroups>{}</TargetGroups>", group.told(&name)));
        }
        let arn = self.name(&format!("targetgroup/{name}"));
        let group = Group { arn, asked: request.body.clone(), targets: BTreeSet::new() };
        let told = group.told(&name);
        self.groups.insert(name, group);
        Answer::Xml(format!("<TargetGroups>{told}</TargetGroups>"))
    }

    fn describe_groups(&self, request: &Request, habits: &Habits) -> Answer {
        let names = request.members("Names");
        if let Some(name) = names.iter().find(|name| !self.groups.contains_key(*name)) {
            return missing_group(name);
        }
        let wanted = |(name, _): &(&String, &Group)| names.is_empty() || names.contains(name);
        let all: Vec<String> =
            self.groups.iter().filter(wanted).map(|(name, group)| group.told(name)).collect();
        let (groups, next) = page(&all, request.text("Marker"), habits.page);
        Answer::Xml(format!("<TargetGroups>{}</TargetGroups>{}", groups.concat(), marker(next)))
    }

    fn delete_group(&mut self, request: &Request) -> Answer {
        let arn = request.text("TargetGroupArn");
        if self.rules.values().any(|rule| rule.group == arn) {
            let words = format!("Target group '{arn}' is currently in use by a listener or a rule");
            return Answer::error(400, "ResourceInUse", words);
        }
        // One that is not there is a success.
        self.groups.retain(|_, group| group.arn != arn);
        Answer::Xml(String::new())
    }

    fn create_rule(&mut self, request: &Request) -> Answer {
        let listener = request.text("ListenerArn").to_owned();
        let Some(priority) = request.text("Priority").parse().ok().filter(|it| *it <= PRIORITY_MAX)
        else {
            return invalid("The rule priority must be between 1 and 50000");
        };
        let key = (listener, priority);
        if self.rules.contains_key(&key) {
            let words = format!("Priority '{priority}' is currently in use");
            return Answer::error(400, "PriorityInUse", words);
        }
        let group = request.text("Actions.member.1.TargetGroupArn").to_owned();
        if !self.groups.values().any(|known| known.arn == group) {
            return missing_group(&group);
        }
        let host = "Conditions.member.1.HostHeaderConfig.Values.member.1";
        let host = request.text(host).to_owned();
        let rule = Rule { arn: self.name("listener-rule/app/tc"), group, host };
        let told = rule.told(priority);
        self.rules.insert(key, rule);
        Answer::Xml(format!("<Rules>{told}</Rules>"))
    }

    fn describe_rules(&self, request: &Request, habits: &Habits) -> Answer {
        let listener = request.text("ListenerArn");
        let of_listener = self.rules.iter().filter(|((of, _), _)| of == listener);
        let all: Vec<String> =
            of_listener.map(|((_, priority), rule)| rule.told(*priority)).collect();
        let (rules, next) = page(&all, request.text("Marker"), habits.page);
        Answer::Xml(format!("<Rules>{}</Rules>{}", rules.concat(), marker(next)))
    }

    fn delete_rule(&mut self, request: &Request) -> Answer {
        let arn = request.text("RuleArn");
        let before = self.rules.len();
        self.rules.retain(|_, rule| rule.arn != arn);
        if self.rules.len() == before {
            return Answer::error(
                400,
                "RuleNotFound",
                format!("One or more rules not found: '{arn}'"),
            );
        }
        Answer::Xml(String::new())
    }

    fn targets(&mut self, request: &Request, register: bool) -> Answer {
        let arn = request.text("TargetGroupArn");
        let Some(group) = self.groups.values_mut().find(|group| group.arn == arn) else {
            return missing_group(arn);
        };
        let target = |number: usize| {
            let text = |what: &str| {
                request.body[format!("Targets.member.{number}.{what}")].as_str().map(str::to_owned)
            };
            Some((text("Id")?, text("Port")?))
        };
        for target in (1..).map_while(target) {
            if register {
                group.targets.insert(target);
            } else {
                group.targets.remove(&target);
            }
        }
        Answer::Xml(String::new())
    }

    fn health(&self, request: &Request) -> Answer {
        let arn = request.text("TargetGroupArn");
        let Some(group) = self.groups.values().find(|group| group.arn == arn) else {
            return missing_group(arn);
        };
        let told = |(id, port): &(String, String)| {
            format!(
                "<member><Target><Id>{id}</Id><Port>{port}</Port></Target>\
                 <TargetHealth><State>healthy</State></TargetHealth></member>"
            )
        };
        let members: String = group.targets.iter().map(told).collect();
        Answer::Xml(format!("<TargetHealthDescriptions>{members}</TargetHealthDescriptions>"))
    }
}

impl Group {
    fn told(&self, name: &str) -> String {
        format!(
            "<member><TargetGroupArn>{}</TargetGroupArn><TargetGroupName>{name}</TargetGroupName>\
             <VpcId>{}</VpcId></member>",
            self.arn,
            self.asked["VpcId"].as_str().unwrap_or_default()
        )
    }
}

impl Rule {
    fn told(&self, priority: u32) -> String {
        let Self { arn, group, host } = self;
        format!(
            "<member><RuleArn>{arn}</RuleArn><Priority>{priority}</Priority><IsDefault>false</IsDefault>\
             <Conditions><member><Field>host-header</Field><HostHeaderConfig><Values><member>{host}\
             </member></Values></HostHeaderConfig></member></Conditions>\
             <Actions><member><Type>forward</Type><TargetGroupArn>{group}</TargetGroupArn></member>\
             </Actions></member>"
        )
    }
}

fn marker(next: Option<String>) -> String {
    next.map(|next| format!("<NextMarker>{next}</NextMarker>")).unwrap_or_default()
}

fn invalid(words: &str) -> Answer {
    Answer::error(400, "ValidationError", words)
}

fn missing_group(name: &str) -> Answer {
    Answer::error(
        400,
        "TargetGroupNotFound",
        format!("One or more target groups not found: '{name}'"),
    )
}
