//! Amazon ECS: task definitions. Sources: AmazonECS/latest/APIReference, `API_RegisterTaskDefinition`,
//! `API_DeregisterTaskDefinition`, `API_DeleteTaskDefinitions`, `API_ListTaskDefinitions`.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::answer::Answer;
use crate::habits::Habits;
use crate::request::{Request, page};
use crate::{ACCOUNT, REGION};

/// The most definitions that one `DeleteTaskDefinitions` may name.
const DELETED_MAX: usize = 10;

/// Every revision of every family.
#[derive(Debug, Default)]
pub(crate) struct Definitions {
    revisions: BTreeMap<(String, u64), Revision>,
    /// A revision's number is never given again.
    last: BTreeMap<String, u64>,
}

#[derive(Clone, Debug)]
struct Revision {
    arn: String,
    active: bool,
    body: Value,
}

impl Definitions {
    pub(crate) fn call(&mut self, request: &Request, habits: &Habits) -> Answer {
        match request.call.as_str() {
            "ecs.RegisterTaskDefinition" => self.register(request),
            "ecs.DescribeTaskDefinition" => self.describe(request),
            "ecs.DeregisterTaskDefinition" => self.deregister(request),
            "ecs.DeleteTaskDefinitions" => self.delete(request),
            "ecs.ListTaskDefinitions" => self.list(request, habits),
            _ => Answer::error(400, "UnknownOperationException", "no call of this fake"),
        }
    }

    /// An active revision by its ARN, `family:revision`, or the newest one by `family`.
    pub(crate) fn find(&self, name: &str) -> Option<Value> {
        let revision = self.revision(name).filter(|revision| revision.active)?;
        Some(told(revision))
    }

    fn revision(&self, name: &str) -> Option<&Revision> {
        let name = name.rsplit('/').next()?;
        if let Some((family, number)) = name.split_once(':') {
            return self.revisions.get(&(family.to_owned(), number.parse().ok()?));
        }
        let of_family = |((family, _), revision): &(&(String, u64), &Revision)| {
            family == name && revision.active
        };
        self.revisions.iter().rev().find(of_family).map(|(_, revision)| revision)
    }

    fn register(&mut self, request: &Request) -> Answer {
        let family = request.text("family").to_owned();
        let number = self.last.entry(family.clone()).or_default();
        *number += 1;
        let arn = format!("arn:aws:ecs:{REGION}:{ACCOUNT}:task-definition/{family}:{number}");
        let revision = Revision { arn, active: true, body: request.body.clone() };
        let told = json!({ "taskDefinition": told(&revision), "tags": request.body["tags"] });
        self.revisions.insert((family, *number), revision);
        Answer::Json(told)
    }

    fn describe(&self, request: &Request) -> Answer {
        let Some(revision) = self.revision(request.text("taskDefinition")) else {
            return Answer::error(400, "ClientException", "Unable to describe task definition.");
        };
        Answer::Json(json!({ "taskDefinition": told(revision), "tags": revision.body["tags"] }))
    }

    fn deregister(&mut self, request: &Request) -> Answer {
        let arn = request.text("taskDefinition");
        let Some(revision) = self.revisions.values_mut().find(|revision| revision.arn == arn)
        else {
            let words = "The specified task definition does not exist.";
            return Answer::error(400, "ClientException", words);
        };
        revision.active = false;
        Answer::Json(json!({ "taskDefinition": told(revision) }))
    }

    fn delete(&mut self, request: &Request) -> Answer {
        let named = request.body["taskDefinitions"].as_array().cloned().unwrap_or_default();
        if named.len() > DELETED_MAX {
            let words = "You can specify up to 10 task definitions.";
            return Answer::error(400, "InvalidParameterException", words);
        }
        let mut failures = Vec::new();
        for arn in named.iter().filter_map(Value::as_str) {
            let active = self.revisions.values().any(|found| found.arn == arn && found.active);
            if active {
                failures.push(json!({ "arn": arn, "reason": "The specified task definition is still in ACTIVE status." }));
            } else {
                self.revisions.retain(|_, revision| revision.arn != arn);
            }
        }
        Answer::Json(json!({ "taskDefinitions": [], "failures": failures }))
    }

    fn list(&self, request: &Request, habits: &Habits) -> Answer {
        let inactive = request.text("status") == "INACTIVE";
        let wanted = |((family, _), revision): &(&(String, u64), &Revision)| {
            family == request.text("familyPrefix") && revision.active != inactive
        };
        let arns: Vec<&str> = self
            .revisions
            .iter()
            .filter(wanted)
            .map(|(_, revision)| revision.arn.as_str())
            .collect();
        let (arns, next) = page(&arns, request.text("nextToken"), habits.page);
        Answer::Json(json!({ "taskDefinitionArns": arns, "nextToken": next }))
    }
}

fn told(revision: &Revision) -> Value {
    let mut told = revision.body.clone();
    told["taskDefinitionArn"] = json!(revision.arn);
    told["status"] = json!(if revision.active { "ACTIVE" } else { "INACTIVE" });
    if let Some(fields) = told.as_object_mut() {
        fields.remove("tags");
    }
    told
}
