//! Amazon ECS: the calls. Sources: AmazonECS/latest/APIReference, `API_RunTask`, `ECS_Idempotency`,
//! `API_DescribeTasks`, `API_ListTasks`, `API_StopTask`; the states of a task:
//! AmazonECS/latest/developerguide/task-lifecycle-explanation.

mod definitions;
mod process;
mod task;

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::answer::Answer;
use crate::habits::Habits;
use crate::request::{Request, page};
use definitions::Definitions;
use task::{Begin, Task};

/// How long a client token stands for its task: 24 hours at the most.
const TOKEN_LIFE_MS: u64 = 24 * 60 * 60 * 1_000;
/// How long a stopped task is still described: "at least one hour".
const STOPPED_KEPT_MS: u64 = 60 * 60 * 1_000;
/// The most tasks that one `DescribeTasks` may name.
const DESCRIBED_MAX: usize = 100;
/// The most characters of a client token and of `startedBy`.
const CLIENT_TOKEN_MAX: usize = 64;
const STARTED_BY_MAX: usize = 128;
/// The most characters of overrides, JSON's own included.
const OVERRIDES_MAX: usize = 8_192;

/// Every cluster of the region.
#[derive(Debug)]
pub(crate) struct Ecs {
    /// The server's own port, from which tasks' addresses follow.
    port: u16,
    definitions: Definitions,
    tasks: BTreeMap<String, Task>,
    tokens: BTreeMap<(String, String), Used>,
    pub(crate) events: Vec<Value>,
    made: u64,
}

/// What a client token was used for.
#[derive(Debug)]
struct Used {
    at_ms: u64,
    body: Value,
    arn: String,
}

impl Ecs {
    pub(crate) fn new(port: u16) -> Self {
        let (definitions, tasks) = (Definitions::default(), BTreeMap::new());
        Self { port, definitions, tasks, tokens: BTreeMap::new(), events: Vec::new(), made: 0 }
    }

    /// Carries a call out. `failure` is why there is no room for a task, if there is none.
    pub(crate) fn call(
        &mut self,
        request: &Request,
        failure: Option<&str>,
        habits: &Habits,
        now_ms: u64,
    ) -> Answer {
        match request.call.as_str() {
            "ecs.RunTask" => self.run(request, failure, habits, now_ms),
            "ecs.DescribeTasks" => self.describe(request, now_ms),
            "ecs.ListTasks" => self.list(request, habits, now_ms),
            "ecs.StopTask" => self.stop(request, now_ms),
            _ => self.definitions.call(request, habits),
        }
    }

    /// Lets everything happen that is due.
    pub(crate) fn tick(&mut self, now_ms: u64) {
        for task in self.tasks.values_mut() {
            while task.advance(now_ms) {
                if !task.untold {
                    self.events.push(task.event(now_ms));
                }
            }
        }
    }

    /// Tasks that are not stopped: their ARNs and `startedBy`.
    pub(crate) fn living(&self) -> Vec<(String, String)> {
        let living = self.tasks.values().filter(|task| !task.is_stopped());
        living.map(|task| (task.arn.clone(), task.started_by.clone())).collect()
    }

    /// AWS ends a task by itself.
    pub(crate) fn end(&mut self, arn: &str, code: &str, reason: &str, now_ms: u64) {
        if let Some(task) = self.tasks.get_mut(arn) {
            task.told_to_stop(code, reason, now_ms);
        }
    }

    /// Whatever becomes of a task is told nobody from now on.
    pub(crate) fn lose_events_of(&mut self, arn: &str) {
        if let Some(task) = self.tasks.get_mut(arn) {
            task.untold = true;
        }
    }

    /// Nothing runs any more.
    pub(crate) fn end_all(&mut self) {
        self.tasks.clear();
    }

    fn run(
        &mut self,
        request: &Request,
        failure: Option<&str>,
        habits: &Habits,
        now_ms: u64,
    ) -> Answer {
        let (token, by) = (request.text("clientToken"), request.text("startedBy"));
        let by_is_odd = |c: char| !(c.is_ascii_alphanumeric() || ['-', '/', '_'].contains(&c));
        if token.len() > CLIENT_TOKEN_MAX || !token.bytes().all(|byte| (33..127).contains(&byte)) {
            return invalid("clientToken must be at most 64 ASCII characters, 33 to 126.");
        }
        if by.len() > STARTED_BY_MAX || by.contains(by_is_odd) {
            return invalid("startedBy must be at most 128 letters, numbers, -, / and _.");
        }
        if request.body["overrides"].to_string().len() > OVERRIDES_MAX {
            return invalid("Overrides length must be at most 8192.");
        }
        let cluster = request.text("cluster").to_owned();
        let key = (cluster.clone(), token.to_owned());
        let used = self.tokens.get(&key).filter(|used| now_ms < used.at_ms + TOKEN_LIFE_MS);
        if let Some(used) = used.filter(|_| !token.is_empty()) {
            if used.body != request.body {
                let words = "The specified clientToken was used with other parameters.";
                let ids = json!({ "resourceIds": [used.arn] });
                return Answer::Error(400, "ConflictException", words.to_owned(), ids);
            }
            let task = self.tasks.get(&used.arn).map(|task| task.described(true));
            return Answer::Json(json!({ "tasks": [task], "failures": [] }));
        }
        let Some(definition) = self.definitions.find(request.text("taskDefinition")) else {
            return Answer::error(400, "ClientException", "TaskDefinition not found.");
        };
        if let Some(reason) = failure {
            return Answer::Json(json!({ "tasks": [], "failures": [{ "reason": reason }] }));
        }
        self.made += 1;
        let begin = Begin { cluster, number: self.made, port: self.port, habits, now_ms };
        let task = Task::begin(&begin, &request.body, definition);
        let arn = task.arn.clone();
        let described = task.described(true);
        self.events.push(task.event(now_ms));
        self.tasks.insert(arn.clone(), task);
        self.tokens.insert(key, Used { at_ms: now_ms, body: request.body.clone(), arn });
        Answer::Json(json!({ "tasks": [described], "failures": [] }))
    }

    fn describe(&self, request: &Request, now_ms: u64) -> Answer {
        let named = request.body["tasks"].as_array().cloned().unwrap_or_default();
        if named.len() > DESCRIBED_MAX {
            return invalid("Tasks cannot be more than 100.");
        }
        let (mut tasks, mut failures) = (Vec::new(), Vec::new());
        let with_tags =
            request.body["include"].as_array().is_some_and(|all| all.contains(&json!("TAGS")));
        for name in named.iter().filter_map(Value::as_str) {
            let id = name.rsplit('/').next().unwrap_or_default();
            if id.len() != 32 {
                return invalid("taskId length should be one of [32,36]");
            }
            match self.tasks.get(name).filter(|task| is_seen(task, now_ms)) {
                Some(task) => tasks.push(task.described(with_tags)),
                None => failures.push(json!({ "arn": name, "reason": "MISSING" })),
            }
        }
        Answer::Json(json!({ "tasks": tasks, "failures": failures }))
    }

    fn list(&self, request: &Request, habits: &Habits, now_ms: u64) -> Answer {
        let (family, by) = (request.text("family"), request.text("startedBy"));
        let desired = request.text("desiredStatus");
        let alone = family.is_empty() && desired.is_empty();
        if !by.is_empty() && !alone {
            return invalid("startedBy must be the only filter.");
        }
        let desired = if desired.is_empty() { "RUNNING" } else { desired };
        let wanted = |task: &&Task| {
            task.cluster == request.text("cluster")
                && is_seen(task, now_ms)
                && task.desired == desired
                && (by.is_empty() || task.started_by == by)
                && (family.is_empty() || task.family() == family)
        };
        let arns: Vec<&str> =
            self.tasks.values().filter(wanted).map(|task| task.arn.as_str()).collect();
        let (arns, next) = page(&arns, request.text("nextToken"), habits.page);
        Answer::Json(json!({ "taskArns": arns, "nextToken": next }))
    }

    fn stop(&mut self, request: &Request, now_ms: u64) -> Answer {
        let Some(task) =
            self.tasks.get_mut(request.text("task")).filter(|task| is_seen(task, now_ms))
        else {
            return invalid("The referenced task was not found.");
        };
        task.told_to_stop("UserInitiated", request.text("reason"), now_ms);
        Answer::Json(json!({ "task": task.described(false) }))
    }
}

fn is_seen(task: &Task, now_ms: u64) -> bool {
    let forgotten = |at: u64| now_ms > at + STOPPED_KEPT_MS;
    task.seen_from_ms <= now_ms && !task.stopped_ms.is_some_and(forgotten)
}

fn invalid(words: &str) -> Answer {
    Answer::error(400, "InvalidParameterException", words)
}
