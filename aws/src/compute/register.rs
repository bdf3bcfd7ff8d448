//! Registering a person's task: the role, then the definition; and taking both back.

use aws_sdk_ecs::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_ecs::types::{Tag, TaskDefinitionField, TaskDefinitionStatus};
use events::{Gen, Reason, ReasonClass, WorkspaceId};
use ports::{Fault, TaskSpec};

use super::definition::{Person, TEMPLATE_TAG, definition, template};
use super::record::{Registered, State};
use super::{EcsCompute, SERVICE, failed, names, sorting};
use crate::error::Said;
use crate::homes::Home;

/// The most definitions that one `DeleteTaskDefinitions` takes.
const DELETED_MAX: usize = 10;

impl EcsCompute {
    /// Registers what a task of this workspace looks like, if its home is known; a home that is
    /// prepared later is registered by the start.
    pub(super) async fn register_task(
        &self,
        id: &WorkspaceId,
        generation: Gen,
    ) -> Result<Option<Registered>, Fault> {
        let known = self.record.register(id, generation).await?;
        let known = known.map_err(|_| deregistered(generation))?;
        let Some(home) = self.homes.find(id).await? else { return Ok(None) };
        let wanted = template(&self.settings, &home.place()).map_err(sorting::broken)?;
        if let Some(same) = known.definition.filter(|known| known.template == wanted) {
            return Ok(Some(same));
        }
        let roles = &self.roles;
        let role = roles.ensure(id, &self.settings, &home.file_system, &home.arn).await?;
        let arn = match self.find_definition(id, &wanted).await? {
            Some(arn) => arn,
            None => self.make_definition(id, role, &home, &wanted).await?,
        };
        let made = Registered { arn, template: wanted };
        match self.record.define(id, generation, &made).await? {
            Ok(_) => Ok(Some(made)),
            Err(_) => {
                // A deregistration was faster, and may have found nothing.
                self.remove(id).await?;
                Err(deregistered(generation))
            }
        }
    }

    /// The newest definition of the person's family, if it is the wanted one: an earlier delivery
    /// may have died before it wrote it down.
    async fn find_definition(
        &self,
        id: &WorkspaceId,
        wanted: &str,
    ) -> Result<Option<String>, Fault> {
        let ask = self.ecs.describe_task_definition();
        let ask = ask.task_definition(names::family(&self.environment, id));
        match ask.include(TaskDefinitionField::Tags).send().await {
            Ok(found) => {
                let same =
                    |tag: &Tag| tag.key() == Some(TEMPLATE_TAG) && tag.value() == Some(wanted);
                let arn = found.task_definition().and_then(|it| it.task_definition_arn());
                Ok(arn.filter(|_| found.tags().iter().any(same)).map(str::to_owned))
            }
            Err(error) => match code(&error) {
                Some("ClientException") => Ok(None),
                _ => Err(failed(&error)),
            },
        }
    }

    async fn make_definition(
        &self,
        id: &WorkspaceId,
        role: String,
        home: &Home,
        template: &str,
    ) -> Result<String, Fault> {
        let environment = self.environment.to_string();
        let family = names::family(&self.environment, id);
        let person = Person { environment: &environment, workspace: id, family, role, home };
        let input = definition(&self.settings, &person, template).map_err(sorting::broken)?;
        let made = input.send_with(&self.ecs).await.map_err(|error| match Said::of(&error) {
            Some(said) => sorting::register(said),
            None => failed(&error),
        })?;
        let arn = made.task_definition().and_then(|it| it.task_definition_arn());
        arn.map(str::to_owned).ok_or_else(|| sorting::broken("a definition without an ARN"))
    }

    /// Forgets a workspace's definitions and role, if no later generation has registered.
    pub(super) async fn deregister_task(
        &self,
        id: &WorkspaceId,
        generation: Gen,
    ) -> Result<(), Fault> {
        let known = self.record.deregister(id, generation).await?;
        if known.registered > Some(generation.0) {
            return Ok(());
        }
        if let Some(definition) = &known.definition {
            self.record.undefine(id, &definition.arn).await?;
        }
        self.remove(id).await
    }

    async fn remove(&self, id: &WorkspaceId) -> Result<(), Fault> {
        let active = self.definitions(id, TaskDefinitionStatus::Active).await?;
        for arn in &active {
            let end = self.ecs.deregister_task_definition().task_definition(arn);
            match end.send().await {
                Ok(_) => {}
                // Somebody else was faster.
                Err(error) if code(&error) == Some("ClientException") => {}
                Err(error) => return Err(failed(&error)),
            }
        }
        let inactive = self.definitions(id, TaskDefinitionStatus::Inactive).await?;
        for some in inactive.chunks(DELETED_MAX) {
            let delete = self.ecs.delete_task_definitions();
            let delete = delete.set_task_definitions(Some(some.to_vec()));
            // What it names as failures is gone already, or will be asked for again.
            delete.send().await.map_err(|error| failed(&error))?;
        }
        self.roles.remove(id).await
    }

    /// Every definition of the person's family in a state, all pages or a fault.
    async fn definitions(
        &self,
        id: &WorkspaceId,
        status: TaskDefinitionStatus,
    ) -> Result<Vec<String>, Fault> {
        let ask = self.ecs.list_task_definitions().status(status);
        let ask = ask.family_prefix(names::family(&self.environment, id));
        let mut pages = ask.into_paginator().items().send();
        let mut arns = Vec::new();
        while let Some(arn) = pages.next().await {
            arns.push(arn.map_err(|error| failed(&error))?);
        }
        Ok(arns)
    }
}

fn deregistered(generation: Gen) -> Fault {
    let words = format!("everything of generation {generation} was deleted");
    Fault::Refused(Reason::new(ReasonClass::Taken, words))
}

pub(super) fn code<E: ProvideErrorMetadata>(error: &SdkError<E>) -> Option<&str> {
    error.as_service_error().and_then(ProvideErrorMetadata::code)
}

impl EcsCompute {
    /// The definition by which a start mounts the home that it was given: the one on record, as the
    /// start found it when it took its place, if that is still what is wanted.
    pub(super) async fn definition_for(
        &self,
        spec: &TaskSpec,
        known: &State,
    ) -> Result<Registered, Fault> {
        let TaskSpec { workspace: id, generation, home, .. } = spec;
        let wanted = template(&self.settings, home).map_err(sorting::broken)?;
        if let Some(registered) = known.defined(*generation, &wanted) {
            return Ok(registered.clone());
        }
        let definition = self.register_task(id, *generation).await?;
        definition.filter(|it| it.template == wanted).ok_or_else(|| Fault::Nonsense {
            service: SERVICE,
            words: format!("{home} is not the home that is on record for {id}"),
        })
    }
}
