//! Amazon ECS as its papers describe it, in its own words, with the parts that bite: a client token
//! that lives a day and conflicts when the parameters change, an answer of 200 that holds failures,
//! a Describe that misses a fresh task and forgets a stopped one after an hour.
//!
//! Sources: AmazonECS/latest/APIReference (`RunTask`, `DescribeTasks`, `ListTasks`, `StopTask`,
//! `ECS_Idempotency`). It only keeps tasks; what runs in them is [`super::compute`]'s.

use std::collections::BTreeMap;

/// How long a client token stands for its task.
pub const TOKEN_LIFE_MS: i64 = 24 * 60 * 60 * 1_000;
/// How long a stopped task is still described.
pub const STOPPED_KEPT_MS: i64 = 60 * 60 * 1_000;
/// The most characters of a client token.
pub const CLIENT_TOKEN_MAX: usize = 64;

/// What `RunTask` is asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunTask {
    /// The idempotency key.
    pub client_token: String,
    /// `startedBy`.
    pub started_by: String,
    /// `taskDefinition`, and with it everything else that must not change under the same token.
    pub task_definition: String,
}

/// `lastStatus`, as far as anybody here cares.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LastStatus {
    /// `PROVISIONING` to `RUNNING`.
    Alive,
    /// `STOPPED`.
    Stopped,
}

/// A task as `DescribeTasks` gives it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Described {
    /// Its ARN.
    pub arn: String,
    /// Who started it.
    pub started_by: String,
    /// What it is doing.
    pub last_status: LastStatus,
}

/// Why a call was not carried out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EcsError {
    /// `ConflictException`: the token was used with other parameters, for these tasks.
    Conflict {
        /// `resourceIds`.
        resource_ids: Vec<String>,
    },
    /// `ThrottlingException`.
    Throttled,
    /// `InvalidParameterException`.
    InvalidParameter(&'static str),
}

/// What `RunTask` answers with 200.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RunAnswer {
    /// `tasks` holds it.
    Task(String),
    /// `tasks` is empty and `failures` gives the reason: `RESOURCE:ENI`, `Capacity is unavailable`.
    Failure(&'static str),
}

#[derive(Clone, Debug)]
struct Task {
    started_by: String,
    stopped_ms: Option<i64>,
    /// Not described before this.
    seen_from_ms: i64,
}

#[derive(Clone, Debug)]
struct Used {
    at_ms: i64,
    request: RunTask,
    arn: String,
}

/// So many at once, so many a second: how AWS throttles.
#[derive(Clone, Copy, Debug)]
pub struct Quota {
    /// How many the bucket holds.
    pub burst: u32,
    /// How many flow into it in a second.
    pub per_second: u32,
}

/// A token bucket, in thousandths of a token.
#[derive(Clone, Copy, Debug)]
struct Tokens {
    quota: Quota,
    left: i64,
    at_ms: i64,
}

impl Tokens {
    fn full(quota: Quota) -> Self {
        Self { quota, left: i64::from(quota.burst) * 1_000, at_ms: 0 }
    }

    /// Takes a token if there is one.
    fn take(&mut self, now_ms: i64) -> bool {
        let flown = (now_ms - self.at_ms).max(0).saturating_mul(i64::from(self.quota.per_second));
        self.left = self.left.saturating_add(flown).min(i64::from(self.quota.burst) * 1_000);
        self.at_ms = self.at_ms.max(now_ms);
        let enough = self.left >= 1_000;
        self.left -= if enough { 1_000 } else { 0 };
        enough
    }
}

/// How fast an account may start (AmazonECS/latest/developerguide/throttling.html).
#[derive(Clone, Copy, Debug)]
struct Throttle {
    calls: Tokens,
    launches: Tokens,
}

/// One cluster.
#[derive(Clone, Debug, Default)]
pub struct Cluster {
    tasks: BTreeMap<String, Task>,
    tokens: BTreeMap<String, Used>,
    made: u64,
    throttle: Option<Throttle>,
    /// How often `RunTask` was called.
    pub runs: u64,
    /// How many of the calls were throttled.
    pub throttled: u64,
}

impl Cluster {
    /// From now on calls of `RunTask` and launches are throttled.
    pub fn throttle(&mut self, calls: Quota, launches: Quota) {
        let (calls, launches) = (Tokens::full(calls), Tokens::full(launches));
        self.throttle = Some(Throttle { calls, launches });
    }

    fn is_throttled(&mut self, now_ms: i64, launches: bool) -> bool {
        let Some(throttle) = &mut self.throttle else { return false };
        let taken =
            if launches { throttle.launches.take(now_ms) } else { throttle.calls.take(now_ms) };
        self.throttled += u64::from(!taken);
        !taken
    }

    /// `RunTask` for one task. `room` is why there is none, if so; a fresh task is missed by
    /// `DescribeTasks` for `unseen_ms`.
    ///
    /// # Errors
    /// [`EcsError::Conflict`] when the token was used with other parameters,
    /// [`EcsError::Throttled`] when there were too many.
    pub fn run_task(
        &mut self,
        request: &RunTask,
        now_ms: i64,
        room: Result<(), &'static str>,
        unseen_ms: i64,
    ) -> Result<RunAnswer, EcsError> {
        if request.client_token.len() > CLIENT_TOKEN_MAX || !request.client_token.is_ascii() {
            return Err(EcsError::InvalidParameter("clientToken: at most 64 ASCII characters"));
        }
        self.runs += 1;
        if self.is_throttled(now_ms, false) {
            return Err(EcsError::Throttled);
        }
        let used = self.tokens.get(&request.client_token);
        if let Some(used) = used.filter(|used| now_ms - used.at_ms < TOKEN_LIFE_MS) {
            if used.request != *request {
                return Err(EcsError::Conflict { resource_ids: vec![used.arn.clone()] });
            }
            return Ok(RunAnswer::Task(used.arn.clone()));
        }
        if let Err(reason) = room {
            return Ok(RunAnswer::Failure(reason));
        }
        if self.is_throttled(now_ms, true) {
            return Err(EcsError::Throttled);
        }
        self.made += 1;
        let arn = format!("arn:aws:ecs:us-east-1:111122223333:task/teamclaw/{:032x}", self.made);
        let (started_by, seen_from_ms) = (request.started_by.clone(), now_ms + unseen_ms);
        self.tasks.insert(arn.clone(), Task { started_by, stopped_ms: None, seen_from_ms });
        let used = Used { at_ms: now_ms, request: request.clone(), arn: arn.clone() };
        self.tokens.insert(request.client_token.clone(), used);
        Ok(RunAnswer::Task(arn))
    }

    /// `DescribeTasks` for one task; `None` is the failure `MISSING`.
    pub fn describe_task(&self, arn: &str, now_ms: i64) -> Option<Described> {
        let task = self.tasks.get(arn).filter(|task| task.seen_from_ms <= now_ms)?;
        let forgotten = |at: i64| now_ms - at >= STOPPED_KEPT_MS;
        if task.stopped_ms.is_some_and(forgotten) {
            return None;
        }
        let last_status = match task.stopped_ms {
            Some(_) => LastStatus::Stopped,
            None => LastStatus::Alive,
        };
        let started_by = task.started_by.clone();
        Some(Described { arn: arn.to_owned(), started_by, last_status })
    }

    /// `ListTasks` with `startedBy` (which allows no other filter), those that are to run.
    pub fn list_tasks(&self, started_by: Option<&str>, now_ms: i64) -> Vec<String> {
        let wanted = |task: &Task| {
            task.stopped_ms.is_none()
                && task.seen_from_ms <= now_ms
                && started_by.is_none_or(|by| task.started_by == by)
        };
        self.tasks.iter().filter(|(_, task)| wanted(task)).map(|(arn, _)| arn.clone()).collect()
    }

    /// A task has ended, for whatever reason.
    pub fn stopped(&mut self, arn: &str, now_ms: i64) {
        if let Some(task) = self.tasks.get_mut(arn) {
            task.stopped_ms.get_or_insert(now_ms);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(token: &str, definition: &str) -> RunTask {
        RunTask {
            client_token: token.to_owned(),
            started_by: "ann".to_owned(),
            task_definition: definition.to_owned(),
        }
    }

    fn arn(answer: Result<RunAnswer, EcsError>) -> String {
        match answer {
            Ok(RunAnswer::Task(arn)) => arn,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_token_gives_its_task_for_a_day_even_when_it_has_stopped_and_then_starts_another() {
        let mut cluster = Cluster::default();
        let mut run = |now| {
            let first = arn(cluster.run_task(&request("t", "ann:1"), now, Ok(()), 0));
            cluster.stopped(&first, now);
            first
        };
        let first = run(0);
        assert_eq!(run(TOKEN_LIFE_MS - 1), first);
        assert_ne!(run(TOKEN_LIFE_MS), first);
    }

    #[test]
    fn other_parameters_under_a_token_are_a_conflict_that_names_the_task() {
        let mut cluster = Cluster::default();
        let first = arn(cluster.run_task(&request("t", "ann:1"), 0, Ok(()), 0));
        let again = cluster.run_task(&request("t", "ann:2"), 1, Ok(()), 0);
        assert_eq!(again, Err(EcsError::Conflict { resource_ids: vec![first] }));
    }

    #[test]
    fn calls_and_launches_are_throttled_each_by_a_bucket_of_its_own() {
        let mut cluster = Cluster::default();
        let (calls, launches) =
            (Quota { burst: 4, per_second: 2 }, Quota { burst: 2, per_second: 1 });
        cluster.throttle(calls, launches);
        let mut run = |token: &str, now| cluster.run_task(&request(token, "ann:1"), now, Ok(()), 0);
        for token in ["a", "b"] {
            arn(run(token, 0));
        }
        assert_eq!(run("c", 0), Err(EcsError::Throttled), "no launch is left");
        arn(run("a", 0));
        assert_eq!(run("a", 0), Err(EcsError::Throttled), "no call is left");
        assert_eq!(run("c", 999), Err(EcsError::Throttled), "a call is, and no launch yet");
        arn(run("c", 1_000));
        assert_eq!((cluster.runs, cluster.throttled), (7, 3));
    }

    #[test]
    fn no_room_is_an_answer_and_uses_up_no_token() {
        let mut cluster = Cluster::default();
        let full = cluster.run_task(&request("t", "ann:1"), 0, Err("RESOURCE:ENI"), 0);
        assert_eq!(full, Ok(RunAnswer::Failure("RESOURCE:ENI")));
        arn(cluster.run_task(&request("t", "ann:1"), 1, Ok(()), 0));
    }

    #[test]
    fn a_fresh_task_is_missed_and_a_stopped_one_is_forgotten_after_an_hour() {
        let mut cluster = Cluster::default();
        let task = arn(cluster.run_task(&request("t", "ann:1"), 0, Ok(()), 500));
        assert_eq!(cluster.describe_task(&task, 499), None);
        assert!(cluster.list_tasks(Some("ann"), 499).is_empty());
        assert_eq!(cluster.list_tasks(Some("ann"), 500), std::slice::from_ref(&task));
        assert!(cluster.list_tasks(Some("bob"), 500).is_empty());
        cluster.stopped(&task, 1_000);
        let kept = cluster.describe_task(&task, 1_000).expect("described");
        assert_eq!(kept.last_status, LastStatus::Stopped);
        assert_eq!(cluster.describe_task(&task, 1_000 + STOPPED_KEPT_MS), None);
        let long = cluster.run_task(&request(&"t".repeat(65), "ann:1"), 0, Ok(()), 0);
        assert!(matches!(long, Err(EcsError::InvalidParameter(_))));
    }
}
