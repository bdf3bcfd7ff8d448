//! The steps of a workspace's life, and what is fixed about each: its order, its permission
//! class, its deadline and whether it is taken back.

use std::net::SocketAddr;

use jiff::SignedDuration;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::ids::{Attempt, TaskId};
use crate::policy::Policy;
use crate::text::AddressText;

/// A provisioning step, declared in the order they run.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Step {
    /// The person's directory exists and is theirs.
    PrepareHome,
    /// What a task of this workspace looks like is known to the compute.
    RegisterTask,
    /// A token for this generation is known to the sidecar.
    GrantLease,
    /// The agent's task runs.
    RunTask,
    /// The task listens on an address.
    AwaitAddress,
    /// The router knows the address.
    OpenRoute,
    /// A real request through the route reaches this workspace.
    ProbeReady,
}

/// Every step, in running order; taken back in the reverse.
pub const STEPS: [Step; 7] = [
    Step::PrepareHome,
    Step::RegisterTask,
    Step::GrantLease,
    Step::RunTask,
    Step::AwaitAddress,
    Step::OpenRoute,
    Step::ProbeReady,
];

/// Which permissions a step needs: one queue, and on AWS one Lambda role, for each.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Class {
    /// Homes.
    Storage,
    /// Tasks and leases.
    Compute,
    /// Routes and what is asked through them.
    Routing,
    /// The key pool and the providers' word on a key.
    Keys,
}

impl Class {
    /// Every class.
    pub const ALL: [Self; 4] = [Self::Storage, Self::Compute, Self::Routing, Self::Keys];

    /// The queue's name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Storage => "storage",
            Self::Compute => "compute",
            Self::Routing => "routing",
            Self::Keys => "keys",
        }
    }
}

impl Step {
    /// The name on the wire, on the command line and on the screen.
    pub fn name(self) -> &'static str {
        match self {
            Self::PrepareHome => "prepare_home",
            Self::RegisterTask => "register_task",
            Self::GrantLease => "grant_lease",
            Self::RunTask => "run_task",
            Self::AwaitAddress => "await_address",
            Self::OpenRoute => "open_route",
            Self::ProbeReady => "probe_ready",
        }
    }

    /// What taking this step back is called; `None` when there is nothing to take back. What
    /// [outlives its generation](Step::is_kept) only a purge takes back.
    pub fn undo_name(self) -> Option<&'static str> {
        match self {
            Self::PrepareHome => Some("remove_home"),
            Self::RegisterTask => Some("deregister_task"),
            Self::GrantLease => Some("revoke_lease"),
            Self::RunTask => Some("stop_task"),
            Self::OpenRoute => Some("close_route"),
            Self::AwaitAddress | Self::ProbeReady => None,
        }
    }

    /// Whether what it makes outlives its generation, so that only a purge takes it back.
    pub fn is_kept(self) -> bool {
        match self {
            Self::PrepareHome | Self::RegisterTask => true,
            Self::GrantLease
            | Self::RunTask
            | Self::AwaitAddress
            | Self::OpenRoute
            | Self::ProbeReady => false,
        }
    }

    /// Whether every end of a generation takes it back.
    pub fn is_torn_down(self) -> bool {
        self.undo_name().is_some() && !self.is_kept()
    }

    /// Which permissions it needs, forward and back.
    pub fn class(self) -> Class {
        match self {
            Self::PrepareHome => Class::Storage,
            Self::RegisterTask | Self::GrantLease | Self::RunTask | Self::AwaitAddress => {
                Class::Compute
            }
            Self::OpenRoute | Self::ProbeReady => Class::Routing,
        }
    }

    /// How long the step may take, all tries together, before it is refused.
    pub fn deadline(self, policy: &Policy) -> SignedDuration {
        match self {
            Self::PrepareHome | Self::RegisterTask | Self::GrantLease | Self::OpenRoute => {
                SignedDuration::from_secs(60)
            }
            Self::RunTask => SignedDuration::from_secs(120),
            Self::AwaitAddress | Self::ProbeReady => policy.ready_within,
        }
    }
}

impl std::str::FromStr for Step {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let known = || STEPS.map(Self::name).join(", ");
        STEPS
            .into_iter()
            .find(|step| step.name() == text)
            .ok_or_else(|| format!("\"{text}\" is not a step; the steps are {}", known()))
    }
}

/// What a step made, as later steps refer to it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "snake_case", rename_all_fields = "camelCase")]
pub enum Output {
    /// Nothing that needs a name.
    Nothing,
    /// The home's address in its store (a directory, an access point).
    Home {
        /// As the homes port names it.
        place: String,
    },
    /// The lease was granted for this try; its token follows from that.
    Lease {
        /// The try that is part of the token's derivation.
        attempt: Attempt,
    },
    /// The task that runs.
    Task {
        /// As the compute names it.
        task: TaskId,
    },
    /// Where the task listens.
    Address {
        /// IP and port.
        #[schemars(with = "AddressText")]
        address: SocketAddr,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_and_a_class_have_the_names_that_are_on_the_wire() {
        for class in Class::ALL {
            assert_eq!(serde_json::json!(class), class.name());
        }
        for step in STEPS {
            assert_eq!(serde_json::json!(step), step.name());
        }
    }
}
