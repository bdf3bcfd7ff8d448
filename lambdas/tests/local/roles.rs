//! The roles that the stacks make, held against what was needed: does a role allow each call that was
//! made with it, on the very thing that it was made on, and is there nothing else that it allows?
//!
//! Evaluates what our roles are made of, `Allow` with `StringEquals`; anything else in one is an error
//! (IAM/latest/UserGuide/reference_policies_evaluation-logic.html).

use std::collections::BTreeMap;

use serde_json::Value;

use super::calls::Calls;
use super::needs::Need;
use super::template::Stacks;

/// One action on one kind of thing that a role allows.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Grant {
    /// Whose role it is.
    pub(crate) who: String,
    action: String,
    resource: String,
    /// Condition keys and the values that each may have.
    conditions: BTreeMap<String, Vec<String>>,
}

impl Grant {
    fn allows(&self, who: &str, need: &Need) -> bool {
        self.who == who
            && like(&self.action, &need.action)
            && like(&self.resource, &need.arn)
            && self.conditions.iter().all(|(key, values)| {
                need.context.get(key).is_some_and(|value| values.contains(value))
            })
    }

    /// As a person reads it: without what is the same in all of an environment's.
    pub(crate) fn line(&self, environment: &str) -> String {
        line(&self.who, &self.action, &self.resource, environment)
    }
}

/// What the role of this name allows whom it is lent to.
pub(crate) fn grants(stacks: &Stacks, role: &str, who: &str) -> Vec<Grant> {
    let found = stacks.all("AWS::IAM::Role").find(|(_, _, it)| it["RoleName"] == role);
    let (template, id, properties) = found.unwrap_or_else(|| panic!("no stack makes {role}"));
    let elsewhere = ["Policies", "ManagedPolicyArns"].map(|field| properties.get(field));
    assert_eq!(elsewhere, [None, None], "{role} has policies that nobody looks at here");
    let mut grants = Vec::new();
    for (of, _, policy) in stacks.all("AWS::IAM::Policy") {
        let roles = list(&policy["Roles"]).iter().any(|it| it["Ref"] == id);
        if !roles || !std::ptr::eq(of, template) {
            continue;
        }
        for statement in list(&policy["PolicyDocument"]["Statement"]) {
            grants.extend(of_statement(stacks, template, statement, who));
        }
    }
    grants
}

fn of_statement(stacks: &Stacks, template: &Value, statement: &Value, who: &str) -> Vec<Grant> {
    let known = ["Action", "Condition", "Effect", "Resource", "Sid"];
    let fields = statement.as_object().expect("a statement");
    assert!(fields.keys().all(|field| known.contains(&field.as_str())), "{statement}");
    assert_eq!(statement["Effect"], "Allow", "{statement}");
    let mut conditions = BTreeMap::new();
    if let Some(given) = fields.get("Condition").and_then(Value::as_object) {
        assert!(given.keys().all(|operator| operator == "StringEquals"), "{statement}");
        let given = given["StringEquals"].as_object().expect("conditions");
        for (key, values) in given {
            let values = list(values).iter().map(|value| stacks.resolved(template, value));
            conditions.insert(key.clone(), values.collect());
        }
    }
    let mut grants = Vec::new();
    for action in list(&statement["Action"]) {
        for resource in list(&statement["Resource"]) {
            let (who, action) = (who.to_owned(), stacks.resolved(template, action));
            let resource = stacks.resolved(template, resource);
            grants.push(Grant { who, action, resource, conditions: conditions.clone() });
        }
    }
    grants
}

/// What was needed and is not allowed, a line each; and what is allowed and was not needed.
pub(crate) fn held_against(
    grants: Vec<Grant>,
    calls: &Calls,
    environment: &str,
) -> (Vec<String>, Vec<Grant>) {
    let calls = calls.lock().expect("unpoisoned");
    let bounded: BTreeMap<&str, &Need> = {
        let made = calls.iter().filter(|(_, need)| need.action == "iam:CreateRole");
        made.map(|(_, need)| (need.arn.as_str(), need)).collect()
    };
    let mut used = vec![false; grants.len()];
    let mut missing = Vec::new();
    for (who, need) in &*calls {
        // A role's boundary is a key of every call that changes the role.
        let made = bounded.get(need.arn.as_str()).map_or(&need.context, |made| &made.context);
        let context = need.context.iter().chain(made);
        let context = context.map(|(key, value)| (key.clone(), value.clone())).collect();
        let need = Need { context, ..need.clone() };
        let by = |(_, grant): &(usize, &Grant)| grant.allows(who, &need);
        let by: Vec<usize> = grants.iter().enumerate().filter(by).map(|(at, _)| at).collect();
        if by.is_empty() {
            missing.push(line(who, &need.action, &need.arn, environment));
        }
        by.into_iter().for_each(|at| used[at] = true);
    }
    let unused = grants.into_iter().zip(used).filter(|(_, used)| !used);
    (missing, unused.map(|(grant, _)| grant).collect())
}

fn line(who: &str, action: &str, arn: &str, environment: &str) -> String {
    let thing = arn.splitn(6, ':').nth(5).unwrap_or(arn);
    let thing = thing.replace(&format!("tc-{environment}"), "tc-ENV");
    format!("{who} {action} {}", thing.replace(&format!("{environment}/"), "ENV/"))
}

/// `*` stands for anything, `?` for one character, as in `Action` and `Resource`.
fn like(pattern: &str, text: &str) -> bool {
    match (pattern.chars().next(), text.chars().next()) {
        (None, None) => true,
        (Some('*'), _) => {
            like(&pattern[1..], text)
                || text.chars().next().is_some_and(|c| like(pattern, &text[c.len_utf8()..]))
        }
        (Some(p), Some(c)) if p == '?' || p == c => {
            like(&pattern[p.len_utf8()..], &text[c.len_utf8()..])
        }
        _ => false,
    }
}

/// What CloudFormation takes alone or in a list.
fn list(value: &Value) -> &[Value] {
    match value {
        Value::Array(all) => all,
        Value::Null => &[],
        Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Object(_) => {
            std::slice::from_ref(value)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn need(action: &str, arn: &str, context: &[(&str, &str)]) -> Need {
        let context = context.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned()));
        Need { action: action.to_owned(), arn: arn.to_owned(), context: context.collect() }
    }

    #[test]
    fn a_star_stands_for_anything_and_a_question_mark_for_one() {
        for (pattern, text, alike) in [
            ("*", "", true),
            ("a*c", "abbc", true),
            ("a*c", "abbd", false),
            ("a?c", "abc", true),
            ("a?c", "ac", false),
            ("table/tc-t0-journal", "table/tc-t0-journal/index/by-team", false),
        ] {
            assert_eq!(like(pattern, text), alike, "{pattern} {text}");
        }
    }

    /// The same call on another's thing, in another environment, or with another boundary.
    #[test]
    fn what_is_only_nearly_the_same_is_not_allowed() {
        let stacks = Stacks::of("t0");
        let grants = grants(&stacks, "tc-t0-fn-compute", "compute");
        let allowed = |need: &Need| grants.iter().any(|grant| grant.allows("compute", need));
        let table = "arn:aws:dynamodb:eu-central-1:123456789012:table/";
        let put = |name: &str| need("dynamodb:PutItem", &format!("{table}{name}"), &[]);
        assert!(allowed(&put("tc-t0-leases")));
        for name in ["tc-t1-leases", "tc-t0-people", "tc-t0-leases/index/in-force"] {
            assert!(!allowed(&put(name)), "{name}");
        }
        let role = "arn:aws:iam::123456789012:role/teamclaw/agents/t0/tc-t0-agent-ann";
        let boundary = "arn:aws:iam::123456789012:policy/teamclaw/agents/t0/tc-t0-agent-boundary";
        let key = "iam:PermissionsBoundary";
        assert!(allowed(&need("iam:CreateRole", role, &[(key, boundary)])));
        assert!(!allowed(&need("iam:CreateRole", role, &[])));
        assert!(!allowed(&need("iam:CreateRole", role, &[(key, "another")])));
        let elsewhere = role.replace("/t0/", "/t1/");
        assert!(!allowed(&need("iam:CreateRole", &elsewhere, &[(key, boundary)])));
        let to = |service: &str| need("iam:PassRole", role, &[("iam:PassedToService", service)]);
        assert!(allowed(&to("ecs-tasks.amazonaws.com")) && !allowed(&to("ec2.amazonaws.com")));
    }

    /// A grant that nobody needs is seen, and so is a need that nobody grants.
    #[test]
    fn what_is_taken_out_of_a_role_is_missed_and_what_is_put_in_is_unused() {
        let stacks = Stacks::of("t0");
        let all = grants(&stacks, "tc-t0-fn-broker", "broker");
        let arn = "arn:aws:dynamodb:eu-central-1:123456789012:table/tc-t0-leases";
        let calls = Calls::default();
        let made = ("broker".to_owned(), need("dynamodb:UpdateItem", arn, &[]));
        calls.lock().expect("unpoisoned").insert(made);
        let of_lines = |unused: Vec<Grant>| -> Vec<String> {
            unused.iter().map(|grant| grant.line("t0")).collect()
        };
        let (missing, unused) = held_against(all.clone(), &calls, "t0");
        assert_eq!(missing, Vec::<String>::new());
        let unused = of_lines(unused);
        assert_eq!(unused.len(), all.len() - 1);
        assert!(unused.contains(&"broker sts:AssumeRole role/tc-ENV-lease".to_owned()));
        let without =
            all.into_iter().filter(|grant| grant.action != "dynamodb:UpdateItem").collect();
        let (missing, _) = held_against(without, &calls, "t0");
        assert_eq!(missing, ["broker dynamodb:UpdateItem table/tc-ENV-leases"]);
    }
}
