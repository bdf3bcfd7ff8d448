//! The load balancer: groups by name, rules by the group that they lead to.

use std::net::SocketAddr;

use aws_sdk_elasticloadbalancingv2::Client;
use aws_sdk_elasticloadbalancingv2::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_elasticloadbalancingv2::types::{
    Action, ActionTypeEnum, HostHeaderConditionConfig, ProtocolEnum, Rule, RuleCondition, Tag,
    TargetDescription, TargetTypeEnum,
};
use events::WorkspaceId;
use events::token::token_hash;
use ports::Fault;

use super::AlbSettings;
use super::sorting::{SERVICE, sort};
use crate::Environment;
use crate::error::{Said, fault};

/// How many characters a target group's name may have. It begins with the environment's name, so that a
/// role can be bounded by it (`infra/lib/grants.ts`), which leaves a hash of 14 for the longest.
const NAME_LENGTH: usize = 32;
/// What a group's port is when a target names none; every target of ours names its own.
const PORT: i32 = 18_789;
/// Where OpenClaw says that it is well.
const HEALTH: &str = "/healthz";

/// Whose a priority is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    Ours,
    SomebodyElses,
}

/// One listener and the groups behind it.
#[derive(Clone, Debug)]
pub(super) struct Balancer {
    client: Client,
    environment: Environment,
    settings: AlbSettings,
}

impl Balancer {
    pub(super) fn new(client: Client, environment: Environment, settings: AlbSettings) -> Self {
        Self { client, environment, settings }
    }

    fn group_name(&self, id: &WorkspaceId) -> String {
        let start = self.environment.named("c-");
        let mut hash = token_hash(&format!("group/{}/{id}", self.environment));
        hash.truncate(NAME_LENGTH.saturating_sub(start.len()));
        start + &hash
    }

    /// The ARN of a person's group, which is made if there is none. One of other settings, as an
    /// older version made it, is the same person's: the name says so.
    pub(super) async fn group(&self, id: &WorkspaceId) -> Result<String, Fault> {
        let make = self.client.create_target_group().name(self.group_name(id));
        let make = make.protocol(ProtocolEnum::Http).port(PORT).vpc_id(&self.settings.vpc);
        let make = make.target_type(TargetTypeEnum::Ip).health_check_path(HEALTH);
        let make = make.tags(tag("teamclaw:environment", &self.environment.to_string()));
        match make.tags(tag("teamclaw:workspace", id.as_str())).send().await {
            Ok(made) => {
                let arn = made.target_groups().first().and_then(|group| group.target_group_arn());
                arn.map(str::to_owned).ok_or_else(|| nonsense("a group without an ARN"))
            }
            Err(error) if code(&error) == Some("DuplicateTargetGroupName") => {
                let found = self.find_group(id).await?;
                found.ok_or_else(|| Fault::unavailable(SERVICE, "a group that comes and goes"))
            }
            Err(error) => Err(failed(&error)),
        }
    }

    /// The ARN of a person's group, if there is one.
    pub(super) async fn find_group(&self, id: &WorkspaceId) -> Result<Option<String>, Fault> {
        let ask = self.client.describe_target_groups().names(self.group_name(id));
        match ask.send().await {
            Ok(found) => {
                let arn = found.target_groups().first().and_then(|group| group.target_group_arn());
                Ok(arn.map(str::to_owned))
            }
            Err(error) if code(&error) == Some("TargetGroupNotFound") => Ok(None),
            Err(error) => Err(failed(&error)),
        }
    }

    /// Makes an address the group's only target.
    pub(super) async fn target(&self, group: &str, address: SocketAddr) -> Result<(), Fault> {
        let register = self.client.register_targets().target_group_arn(group);
        let register = register.targets(target(address));
        register.send().await.map_err(|error| failed(&error))?;
        let ask = self.client.describe_target_health().target_group_arn(group);
        let health = ask.send().await.map_err(|error| failed(&error))?;
        let wanted = target(address);
        let targets = health.target_health_descriptions().iter().filter_map(|it| it.target());
        let others: Vec<TargetDescription> = targets
            .filter(|it| (it.id(), it.port()) != (wanted.id(), wanted.port()))
            .cloned()
            .collect();
        if others.is_empty() {
            return Ok(());
        }
        let end = self.client.deregister_targets().target_group_arn(group);
        let end = end.set_targets(Some(others));
        end.send().await.map(drop).map_err(|error| failed(&error))
    }

    /// Takes a target away from a person's group, if there is one.
    pub(super) async fn untarget(
        &self,
        id: &WorkspaceId,
        address: SocketAddr,
    ) -> Result<(), Fault> {
        let Some(group) = self.find_group(id).await? else { return Ok(()) };
        let end = self.client.deregister_targets().target_group_arn(group);
        let end = end.targets(target(address));
        end.send().await.map(drop).map_err(|error| failed(&error))
    }

    /// The ARNs of the rules that lead to a group, of all pages.
    pub(super) async fn rules_to(&self, group: &str) -> Result<Vec<String>, Fault> {
        let rules = self.rules().await?;
        let rules = rules.iter().filter(|rule| leads_to(rule, group));
        Ok(rules.filter_map(|rule| rule.rule_arn()).map(str::to_owned).collect())
    }

    async fn rules(&self) -> Result<Vec<Rule>, Fault> {
        let ask = self.client.describe_rules().listener_arn(&self.settings.listener);
        let mut pages = ask.into_paginator().send();
        let mut rules = Vec::new();
        while let Some(page) = pages.next().await {
            let page = page.map_err(|error| failed(&error))?;
            rules.extend(page.rules.unwrap_or_default());
        }
        Ok(rules)
    }

    /// Makes the person's rule at a priority, or says whose the priority is.
    pub(super) async fn rule(
        &self,
        id: &WorkspaceId,
        group: &str,
        priority: u32,
    ) -> Result<Place, Fault> {
        let host = HostHeaderConditionConfig::builder();
        let host = host.values(format!("{id}.{}", self.settings.domain)).build();
        let host = RuleCondition::builder().field("host-header").host_header_config(host).build();
        let to = Action::builder().r#type(ActionTypeEnum::Forward).target_group_arn(group);
        let number = i32::try_from(priority).map_err(nonsense)?;
        let make = self.client.create_rule().listener_arn(&self.settings.listener);
        let make = make.priority(number).conditions(host).actions(to.build());
        let make = make.tags(tag("teamclaw:environment", &self.environment.to_string()));
        match make.tags(tag("teamclaw:workspace", id.as_str())).send().await {
            Ok(_) => Ok(Place::Ours),
            Err(error) if code(&error) == Some("PriorityInUse") => {
                let rules = self.rules().await?;
                let at = |rule: &&Rule| rule.priority() == Some(priority.to_string().as_str());
                Ok(match rules.iter().find(at) {
                    Some(rule) if leads_to(rule, group) => Place::Ours,
                    // One that is not shown yet may be ours: its slot is passed over, and the rule
                    // is found by its group the next time.
                    _ => Place::SomebodyElses,
                })
            }
            Err(error) => Err(failed(&error)),
        }
    }

    /// Removes a rule. None at all is a success.
    pub(super) async fn remove_rule(&self, rule: &str) -> Result<(), Fault> {
        match self.client.delete_rule().rule_arn(rule).send().await {
            Ok(_) => Ok(()),
            Err(error) if code(&error) == Some("RuleNotFound") => Ok(()),
            Err(error) => Err(failed(&error)),
        }
    }

    /// Removes a group, with its targets. ELBv2 itself takes none at all for a success.
    pub(super) async fn remove_group(&self, group: &str) -> Result<(), Fault> {
        let end = self.client.delete_target_group().target_group_arn(group).send().await;
        end.map(drop).map_err(|error| failed(&error))
    }
}

fn leads_to(rule: &Rule, group: &str) -> bool {
    rule.actions().iter().any(|action| action.target_group_arn() == Some(group))
}

fn target(address: SocketAddr) -> TargetDescription {
    let target = TargetDescription::builder().id(address.ip().to_string());
    target.port(i32::from(address.port())).build()
}

fn tag(key: &str, value: &str) -> Tag {
    Tag::builder().key(key).value(value).build()
}

fn nonsense(words: impl std::fmt::Display) -> Fault {
    Fault::Nonsense { service: SERVICE, words: words.to_string() }
}

fn code<E: ProvideErrorMetadata>(error: &SdkError<E>) -> Option<&str> {
    error.as_service_error().and_then(ProvideErrorMetadata::code)
}

fn failed<E: ProvideErrorMetadata>(error: &SdkError<E>) -> Fault {
    match Said::of(error) {
        Some(said) => sort(said),
        None => fault(SERVICE, error),
    }
}
