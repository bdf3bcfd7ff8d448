//! What every task of an environment has in common, as the stacks tell it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// What a task is made of. Part of it goes into the template's hash, so that a change reaches
/// everybody at their next start.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct TaskSettings {
    /// The region's name, for the log driver.
    pub region: String,
    /// Where tasks get their addresses: subnets of at least two zones.
    pub subnets: Vec<String>,
    /// What an agent may be reached from and reach.
    pub security_groups: Vec<String>,
    /// The ARN of the policy that no agent's role can exceed.
    pub boundary: String,
    /// The ARN of the role by which Fargate pulls images and writes logs.
    pub execution_role: String,
    /// OpenClaw's image, by digest.
    pub agent_image: String,
    /// The sidecar's image, by digest.
    pub sidecar_image: String,
    /// The log group of agents. Anything may stand in it.
    pub agent_log_group: String,
    /// The log group of sidecars, apart from it: their lines are counted.
    pub sidecar_log_group: String,
    /// CPU units of the whole task: 1024 are one virtual CPU.
    #[serde(default = "cpu")]
    pub cpu: u32,
    /// Memory of the whole task in MiB: OpenClaw needs about 760.
    #[serde(default = "memory")]
    pub memory: u32,
    /// Which processor.
    #[serde(default)]
    pub architecture: Architecture,
    /// Spare capacity at a third of the price, which AWS may take back with two minutes' notice.
    #[serde(default)]
    pub spot: bool,
    /// Variables for agents, such as `TEAMCLAW_ORIGINS`. Nothing secret: a definition can be read.
    #[serde(default)]
    pub agent_environment: BTreeMap<String, String>,
    /// Variables for sidecars, such as where the broker is. Nothing secret.
    #[serde(default)]
    pub sidecar_environment: BTreeMap<String, String>,
}

/// Which processor.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Architecture {
    /// Graviton: a fifth cheaper.
    #[default]
    Arm64,
    /// Intel and AMD.
    X86_64,
}

fn cpu() -> u32 {
    1_024
}

fn memory() -> u32 {
    2_048
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// Settings as a stack would tell them.
    pub(in crate::compute) fn settings() -> TaskSettings {
        serde_json::from_str(
            r#"{
                "region": "eu-central-1",
                "subnets": ["subnet-a", "subnet-b"],
                "securityGroups": ["sg-agents"],
                "boundary": "arn:aws:iam::123456789012:policy/tc-prod-boundary",
                "executionRole": "arn:aws:iam::123456789012:role/tc-prod-execution",
                "agentImage": "registry/agent@sha256:a",
                "sidecarImage": "registry/sidecar@sha256:b",
                "agentLogGroup": "/tc/prod/agents",
                "sidecarLogGroup": "/tc/prod/sidecars",
                "agentEnvironment": { "TEAMCLAW_ORIGINS": "https://claw.example.com" },
                "sidecarEnvironment": { "TEAMCLAW_BROKER_URL": "https://broker.example.com" }
            }"#,
        )
        .expect("settings")
    }

    #[test]
    fn what_a_stack_leaves_out_is_the_default_and_what_nobody_knows_is_an_error() {
        let settings = settings();
        assert_eq!((settings.cpu, settings.memory, settings.spot), (1_024, 2_048, false));
        assert_eq!(settings.architecture, Architecture::Arm64);
        let odd = serde_json::from_str::<TaskSettings>(r#"{ "nobody": 1 }"#);
        assert!(odd.is_err());
    }
}
