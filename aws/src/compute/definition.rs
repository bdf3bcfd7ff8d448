//! What a person's task looks like: the definition, which mounts that person's home and nothing
//! else, and what one start adds to it. Pure.
//!
//! Sources: AmazonECS/latest/developerguide, `task_definition_parameters` (Fargate's limits
//! included) and `efs-volumes`; `API_RunTask` for what a start may change: variables, never volumes.

use std::collections::BTreeMap;

use aws_sdk_ecs::operation::register_task_definition::RegisterTaskDefinitionInput;
use aws_sdk_ecs::operation::register_task_definition::builders::RegisterTaskDefinitionInputBuilder;
use aws_sdk_ecs::types::builders::ContainerDefinitionBuilder;
use aws_sdk_ecs::types::{
    Compatibility, ContainerCondition, ContainerDefinition, ContainerDependency, ContainerOverride,
    CpuArchitecture, EfsAuthorizationConfig, EfsAuthorizationConfigIam, EfsTransitEncryption,
    EfsVolumeConfiguration, HealthCheck, KernelCapabilities, KeyValuePair, LinuxParameters,
    LogConfiguration, LogDriver, MountPoint, NetworkMode, OsFamily, PortMapping, RuntimePlatform,
    Tag, TaskOverride, Volume,
};
use aws_smithy_types::error::operation::BuildError;
use events::WorkspaceId;
use events::token::{agent_key, token_hash};
use ports::TaskSpec;

use super::role::{ENVIRONMENT_TAG, WORKSPACE_TAG};
use super::settings::{Architecture, TaskSettings};
use crate::homes::Home;

/// Raise it with every change of this file's definition: it tells the old ones from the new.
const TEMPLATE: u32 = 2;
/// The tag that holds the template's hash.
pub(super) const TEMPLATE_TAG: &str = "teamclaw:template";

/// The part in which OpenClaw runs.
pub(super) const AGENT: &str = "agent";
/// The part that swaps tokens for keys.
pub(super) const SIDECAR: &str = "sidecar";
/// Where an agent listens: the one port that the router may reach.
pub(super) const AGENT_PORT: u16 = 18_789;
/// Where the sidecar listens, for the task alone.
const SIDECAR_URL: &str = "http://127.0.0.1:4141";
/// Where the home is mounted.
const HOME: &str = "/home/agent";
/// Where the sidecar keeps what it has counted and not yet handed over. Fargate empties it with the
/// task.
const SIDECAR_DIRECTORY: &str = "/var/lib/teamclaw";
/// The sidecar's user: nobody's, as distroless images call it.
const SIDECAR_USER: &str = "65532:65532";
/// How long an agent may take to end, in seconds: Fargate's default. Its turn is finished before, by
/// the step `quiesce`.
const AGENT_STOP_S: i32 = 30;
/// How long the sidecar may take to hand over what it counted; it is asked after the agent has ended.
const SIDECAR_STOP_S: i32 = 60;

/// What a definition is made of besides the settings.
pub(super) struct Person<'a> {
    pub(super) environment: &'a str,
    pub(super) workspace: &'a WorkspaceId,
    pub(super) family: String,
    pub(super) role: String,
    pub(super) home: &'a Home,
}

/// By what two definitions of a person are the same: all that goes into them. An access point is never
/// changed, so the home's place stands for its ARN and its user too.
///
/// # Errors
/// None: every part has a form in JSON.
pub(super) fn template(settings: &TaskSettings, place: &str) -> Result<String, serde_json::Error> {
    Ok(token_hash(&serde_json::to_string(&(TEMPLATE, settings, place))?))
}

/// The definition of a person's task.
///
/// # Errors
/// None: every field that must be there is.
pub(super) fn definition(
    settings: &TaskSettings,
    person: &Person<'_>,
    template: &str,
) -> Result<RegisterTaskDefinitionInputBuilder, BuildError> {
    let architecture = match settings.architecture {
        Architecture::Arm64 => CpuArchitecture::Arm64,
        Architecture::X86_64 => CpuArchitecture::X8664,
    };
    let platform = RuntimePlatform::builder().cpu_architecture(architecture);
    let platform = platform.operating_system_family(OsFamily::Linux).build();
    Ok(RegisterTaskDefinitionInput::builder()
        .family(&person.family)
        .task_role_arn(&person.role)
        .execution_role_arn(&settings.execution_role)
        .network_mode(NetworkMode::Awsvpc)
        .requires_compatibilities(Compatibility::Fargate)
        .runtime_platform(platform)
        .cpu(settings.cpu.to_string())
        .memory(settings.memory.to_string())
        .container_definitions(sidecar(settings, person)?)
        .container_definitions(agent(settings, person)?)
        .volumes(home_volume(person.home)?)
        .volumes(Volume::builder().name(SIDECAR).build())
        .tags(tag(ENVIRONMENT_TAG, person.environment))
        .tags(tag(WORKSPACE_TAG, person.workspace.as_str()))
        .tags(tag(TEMPLATE_TAG, template)))
}

fn home_volume(home: &Home) -> Result<Volume, BuildError> {
    let by_role = EfsAuthorizationConfig::builder().access_point_id(&home.access_point);
    let by_role = by_role.iam(EfsAuthorizationConfigIam::Enabled).build();
    let efs = EfsVolumeConfiguration::builder().file_system_id(&home.file_system);
    let efs = efs.transit_encryption(EfsTransitEncryption::Enabled);
    let efs = efs.authorization_config(by_role).build()?;
    Ok(Volume::builder().name("home").efs_volume_configuration(efs).build())
}

fn sidecar(
    settings: &TaskSettings,
    person: &Person<'_>,
) -> Result<ContainerDefinition, BuildError> {
    let own = [("TEAMCLAW_WORKSPACE", person.workspace.to_string())];
    let health = HealthCheck::builder().command("CMD").command("teamclaw-sidecar");
    let health = health.command("--health").interval(5).timeout(5).retries(3).start_period(10);
    let scratch = MountPoint::builder().source_volume(SIDECAR).container_path(SIDECAR_DIRECTORY);
    Ok(confined(SIDECAR, (settings, &*settings.sidecar_log_group), person.workspace)?
        .image(&settings.sidecar_image)
        .user(SIDECAR_USER)
        .set_environment(Some(variables(&settings.sidecar_environment, own)))
        .health_check(health.build()?)
        .mount_points(scratch.build())
        .stop_timeout(SIDECAR_STOP_S)
        .build())
}

/// The agent starts when the sidecar is well; what is started later is ended first
/// (`task_definition_parameters`, dependsOn).
fn agent(settings: &TaskSettings, person: &Person<'_>) -> Result<ContainerDefinition, BuildError> {
    let uid = person.home.uid;
    let own = [
        ("HOME", HOME.to_owned()),
        ("TEAMCLAW_HOME", HOME.to_owned()),
        ("TEAMCLAW_PORT", AGENT_PORT.to_string()),
        ("TEAMCLAW_SIDECAR", SIDECAR_URL.to_owned()),
        ("TEAMCLAW_WORKSPACE", person.workspace.to_string()),
    ];
    let sidecar = ContainerDependency::builder().container_name(SIDECAR);
    let home = MountPoint::builder().source_volume("home").container_path(HOME).read_only(false);
    let port = PortMapping::builder().container_port(i32::from(AGENT_PORT)).build();
    Ok(confined(AGENT, (settings, &*settings.agent_log_group), person.workspace)?
        .image(&settings.agent_image)
        .user(format!("{uid}:{uid}"))
        .set_environment(Some(variables(&settings.agent_environment, own)))
        .depends_on(sidecar.condition(ContainerCondition::Healthy).build()?)
        .mount_points(home.build())
        .port_mappings(port)
        .stop_timeout(AGENT_STOP_S)
        .build())
}

/// What both have in common: nothing that is not needed. The log's driver names the stream after
/// workspace, part and task, and writes it by the execution role, which nothing in a task can use
/// (`using_awslogs`): a part writes to its own stream of its own group, whatever it says.
fn confined(
    name: &str,
    (settings, log_group): (&TaskSettings, &str),
    workspace: &WorkspaceId,
) -> Result<ContainerDefinitionBuilder, BuildError> {
    let none = KernelCapabilities::builder().drop("ALL").build();
    let linux = LinuxParameters::builder().capabilities(none).init_process_enabled(true).build();
    let log = LogConfiguration::builder()
        .log_driver(LogDriver::Awslogs)
        .options("awslogs-group", log_group)
        .options("awslogs-region", &settings.region)
        .options("awslogs-stream-prefix", workspace.as_str())
        // An agent that writes much must not stand still for its log.
        .options("mode", "non-blocking")
        .options("max-buffer-size", "4m");
    Ok(ContainerDefinition::builder()
        .name(name)
        .essential(true)
        .privileged(false)
        .readonly_root_filesystem(true)
        .linux_parameters(linux)
        .log_configuration(log.build()?))
}

/// Variables in order; what belongs to the task stands against what an operator set.
fn variables<const N: usize>(
    set: &BTreeMap<String, String>,
    own: [(&str, String); N],
) -> Vec<KeyValuePair> {
    let mut all = set.clone();
    all.extend(own.map(|(name, value)| (name.to_owned(), value)));
    all.iter().map(|(name, value)| variable(name, value)).collect()
}

fn variable(name: &str, value: &str) -> KeyValuePair {
    KeyValuePair::builder().name(name).value(value).build()
}

pub(super) fn tag(key: &str, value: &str) -> Tag {
    Tag::builder().key(key).value(value).build()
}

/// What one start adds. ECS shows it to whoever may describe the task or hears its events, so nothing of
/// it may be worth much for long: the lease's token is good for the first who shows it to the broker, which
/// the sidecar does as it starts; the agent's key opens the sidecar beside it only, and the
/// pass an agent that only the router can reach.
pub(super) fn overrides(spec: &TaskSpec) -> TaskOverride {
    let sidecar = ContainerOverride::builder().name(SIDECAR);
    let sidecar = sidecar.environment(variable("TEAMCLAW_LEASE_TOKEN", spec.token.expose()));
    let agent = ContainerOverride::builder().name(AGENT);
    let agent = agent.environment(variable("TEAMCLAW_TOKEN", agent_key(&spec.token).expose()));
    let agent = agent.environment(variable("TEAMCLAW_PASS", spec.pass.expose()));
    TaskOverride::builder()
        .container_overrides(sidecar.build())
        .container_overrides(agent.build())
        .build()
}

#[cfg(test)]
mod tests;
