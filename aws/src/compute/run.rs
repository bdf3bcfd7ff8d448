//! Starting a task: on record first, then ECS, then its name on record.
//!
//! ECS keeps a client token for a day, the record keeps the last start's for good. What the record has
//! no answer to within the day is asked of ECS by the same token; after the day it is looked for by
//! name, and refused when it is not found, for it may have lived and ended unseen.

use aws_sdk_ecs::operation::run_task::RunTaskError;
use aws_sdk_ecs::types::{
    AssignPublicIp, AwsVpcConfiguration, CapacityProviderStrategyItem, NetworkConfiguration,
};
use events::sight::token_is_believed;
use events::{Reason, ReasonClass, Sight, TaskId, WorkspaceId};
use jiff::Timestamp;
use ports::{Fault, Task, TaskSpec, TaskStatus};

use super::definition::{overrides, tag};
use super::names::started_by;
use super::record::{Registered, Start, State};
use super::role::{ENVIRONMENT_TAG, WORKSPACE_TAG};
use super::sorting::{self, Refusal, broken, failure};
use super::{EcsCompute, OPEN_FOR, SERVICE, failed};
use crate::error::Said;
use crate::marks::mark;

/// How often the place is asked for again when somebody else's change came between.
const CLAIMS_MAX: u32 = 4;

/// What asking for the place came to.
enum Claim {
    /// This start led to a task before.
    Known(TaskId),
    /// The place is this start's, and what is on record besides.
    Ours(Start, Box<State>),
}

impl EcsCompute {
    /// Starts a task, or gives the one that its token started before.
    pub(super) async fn run_task(&self, spec: &TaskSpec) -> Result<TaskId, Fault> {
        let id = &spec.workspace;
        let (start, state) = match self.claim(spec).await? {
            Claim::Known(task) => return Ok(task),
            Claim::Ours(start, state) => (start, state),
        };
        if !token_is_believed(start.at_ms, self.now_ms()) {
            return self.adopt_or_refuse(spec, &start).await;
        }
        let definition = match self.definition_for(spec, &state).await {
            Ok(definition) => definition,
            Err(fault) => {
                self.record.give_back(id, &start).await?;
                return Err(fault);
            }
        };
        // The place is this start's, so the sidecar of a start before it has ended.
        let until = self.clock.now().saturating_add(OPEN_FOR).unwrap_or(Timestamp::MAX);
        self.openings.open(&spec.token, (spec.generation, spec.attempt), until).await?;
        match self.ask(spec, &definition).await {
            Ok(arn) => self.keep(spec, &arn).await,
            Err(Refusal::Conflict(arns)) => self.adopt(spec, &arns).await,
            // The place stays with the start that may have led to a task.
            Err(Refusal::Unsure(fault)) => Err(fault),
            Err(Refusal::NoDefinition(fault)) => {
                self.record.undefine(id, &definition.arn).await?;
                self.record.give_back(id, &start).await?;
                Err(fault)
            }
            Err(Refusal::NotStarted(fault)) => {
                self.record.give_back(id, &start).await?;
                Err(fault)
            }
        }
    }

    /// Takes the workspace's one place for this start, or gives the place that it has.
    async fn claim(&self, spec: &TaskSpec) -> Result<Claim, Fault> {
        let wanted = mark(spec.generation, spec.attempt);
        let mut gone: Option<Start> = None;
        for _ in 0..CLAIMS_MAX {
            let known = match self.record.claim(spec, gone.as_ref(), self.now_ms()).await? {
                Ok(state) => return ours(state),
                Err(known) => known,
            };
            if let Some(task) = known.task_of(&spec.client_token) {
                return Ok(Claim::Known(task));
            }
            if known.stopped >= wanted {
                return Err(stopped(spec));
            }
            gone = match known.start {
                Some(start) if start.token == spec.client_token => {
                    match self.record.ask_again(spec, self.now_ms()).await? {
                        Ok(state) => return ours(state),
                        // Stopped, or given back by a twin of ours: look again.
                        Err(_) => None,
                    }
                }
                _ if known.is_past(&wanted) => return Err(overtaken(spec)),
                None => None,
                Some(other) => match self.sight(&spec.workspace, &other).await? {
                    Sight::Gone => Some(other),
                    Sight::Alive => {
                        let resource = format!("the one running agent of {}", spec.workspace);
                        return Err(Fault::Taken { resource });
                    }
                    Sight::Unseen => {
                        let words = "the start before this one is not seen yet";
                        return Err(Fault::unavailable(SERVICE, words));
                    }
                },
            };
        }
        Err(Fault::Conflict)
    }

    /// What is seen of a start.
    pub(super) async fn sight(&self, id: &WorkspaceId, start: &Start) -> Result<Sight, Fault> {
        let found = match &start.arn {
            Some(arn) => self.describe_task(&TaskId(arn.clone())).await?,
            None => {
                let all = self.tasks_of(id).await?;
                all.into_iter().find(|task| mark(task.generation, task.attempt) == start.mark)
            }
        };
        let lives = found.map(|task| !matches!(task.status, TaskStatus::Stopped(_)));
        Ok(Sight::of(lives, start.asked_ms, self.now_ms()))
    }

    /// Asks ECS for the task.
    async fn ask(&self, spec: &TaskSpec, definition: &Registered) -> Result<String, Refusal> {
        let TaskSpec { workspace, generation, attempt, .. } = spec;
        let not_started = |error| Refusal::NotStarted(broken(error));
        let network = AwsVpcConfiguration::builder()
            .set_subnets(Some(self.settings.subnets.clone()))
            .set_security_groups(Some(self.settings.security_groups.clone()))
            .assign_public_ip(AssignPublicIp::Disabled);
        let network = network.build().map_err(not_started)?;
        let network = NetworkConfiguration::builder().awsvpc_configuration(network).build();
        let provider = if self.settings.spot { "FARGATE_SPOT" } else { "FARGATE" };
        let provider = CapacityProviderStrategyItem::builder().capacity_provider(provider);
        let request = self.ecs.run_task().cluster(self.environment.cluster());
        let answer = request
            .client_token(&spec.client_token)
            .task_definition(&definition.arn)
            .started_by(started_by(&self.environment, workspace, *generation, *attempt))
            .count(1)
            .capacity_provider_strategy(provider.weight(1).build().map_err(not_started)?)
            .network_configuration(network)
            .overrides(overrides(spec))
            .enable_execute_command(false)
            .propagate_tags(aws_sdk_ecs::types::PropagateTags::TaskDefinition)
            .tags(tag(ENVIRONMENT_TAG, &self.environment.to_string()))
            .tags(tag(WORKSPACE_TAG, workspace.as_str()))
            .tags(tag("teamclaw:generation", &generation.to_string()))
            .tags(tag("teamclaw:attempt", &attempt.to_string()))
            .send()
            .await;
        let answer = match answer {
            Ok(answer) => answer,
            Err(error) => {
                let conflicting = match error.as_service_error() {
                    Some(RunTaskError::ConflictException(conflict)) => conflict.resource_ids(),
                    _ => &[],
                };
                return Err(match Said::of(&error) {
                    Some(said) => sorting::run(said, conflicting),
                    None => Refusal::Unsure(failed(&error)),
                });
            }
        };
        if let Some(arn) = answer.tasks().first().and_then(|task| task.task_arn()) {
            return Ok(arn.to_owned());
        }
        let failures = answer.failures().first();
        let reason = failures.and_then(|it| it.reason()).unwrap_or("no task and no reason");
        let detail = failures.and_then(|it| it.detail()).unwrap_or_default();
        Err(Refusal::NotStarted(failure(reason, detail)))
    }

    /// Writes the task's name down; one that was stopped or replaced meanwhile must not live.
    async fn keep(&self, spec: &TaskSpec, arn: &str) -> Result<TaskId, Fault> {
        let named = self.record.name(spec, arn).await?;
        let (state, ours) = match named {
            Ok(state) => (state, true),
            Err(state) => (*state, false),
        };
        let fenced = state.stopped >= mark(spec.generation, spec.attempt);
        if ours && !fenced {
            return Ok(TaskId(arn.to_owned()));
        }
        self.ask_to_stop(arn).await?;
        Err(if fenced { stopped(spec) } else { Fault::Conflict })
    }

    /// The token was used with other parameters, as after a new version of the functions between
    /// two deliveries: the task that it started is the one, if it is this start's.
    async fn adopt(&self, spec: &TaskSpec, arns: &[String]) -> Result<TaskId, Fault> {
        let found = self.describe_all(arns).await?;
        match found.iter().find(|task| is_of(task, spec)) {
            Some(task) => self.keep(spec, &task.id.0).await,
            None if found.is_empty() => {
                Err(Fault::unavailable(SERVICE, "the task of this start is not seen yet"))
            }
            None => Err(Fault::Taken { resource: arns.join(", ") }),
        }
    }

    /// ECS may have forgotten the token, so that asking again could start a second task.
    async fn adopt_or_refuse(&self, spec: &TaskSpec, start: &Start) -> Result<TaskId, Fault> {
        let found = self.tasks_of(&spec.workspace).await?;
        if let Some(task) = found.iter().find(|task| is_of(task, spec)) {
            return self.keep(spec, &task.id.0).await;
        }
        self.record.release(&spec.workspace, start).await?;
        let words = "a start of more than a day ago left no trace; start anew";
        Err(Fault::Refused(Reason::new(ReasonClass::DeadlinePassed, words)))
    }
}

fn is_of(task: &Task, spec: &TaskSpec) -> bool {
    task.workspace == spec.workspace
        && (task.generation, task.attempt) == (spec.generation, spec.attempt)
}

fn ours(mut state: State) -> Result<Claim, Fault> {
    let start = state.start.take().ok_or(Fault::Conflict)?;
    Ok(Claim::Ours(start, Box::new(state)))
}

fn overtaken(spec: &TaskSpec) -> Fault {
    let TaskSpec { generation, attempt, .. } = spec;
    let words = format!("a start after generation {generation}, try {attempt}, was faster");
    Fault::Refused(Reason::new(ReasonClass::Taken, words))
}

fn stopped(spec: &TaskSpec) -> Fault {
    let TaskSpec { generation, attempt, .. } = spec;
    let words = format!("generation {generation}, try {attempt}, was stopped");
    Fault::Refused(Reason::new(ReasonClass::Taken, words))
}
