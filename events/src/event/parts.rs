//! What facts about workspaces say besides names and numbers.

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::net::SocketAddr;

use crate::reason::Reason;
use crate::text::{AddressText, TimeText};

/// What asked for a start.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum StartCause {
    /// The person logged in.
    Login,
    /// The person used the sleeping workspace.
    Request,
    /// Scheduled work is due.
    Cron,
    /// An administrator.
    Admin,
}

/// Why a generation ends.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "snake_case", rename_all_fields = "camelCase")]
pub enum StopReason {
    /// Left alone for too long.
    Idle {
        /// The last activity that was known; the stop was conditional on it.
        #[schemars(with = "TimeText")]
        last_active: Timestamp,
    },
    /// An administrator.
    Admin,
    /// The person themselves.
    Person,
    /// A later generation began.
    Superseded,
}

/// What a task is doing.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "snake_case", rename_all_fields = "camelCase")]
pub enum TaskState {
    /// It runs and listens.
    Listening {
        /// Where.
        #[schemars(with = "AddressText")]
        address: SocketAddr,
    },
    /// It has ended.
    Stopped {
        /// Why, as far as anybody knows.
        reason: Reason,
    },
}

/// What counts as use. Pings, reconnects and health probes are not in this list, on purpose.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Activity {
    /// The person sent something.
    UserInput,
    /// The agent called a model as part of a turn that a person or a schedule began.
    AgentTurn,
    /// The agent was busy for longer than a heartbeat takes.
    ToolRunning,
    /// Scheduled work is due.
    CronDue,
}
