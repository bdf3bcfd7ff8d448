//! The pure core: the vocabulary of facts and the rules that follow from them.
//!
//! Nothing here knows a clock, randomness, a network, a file or async; time comes in as an
//! argument. Everything else in the workspace depends on this crate, and it depends on none.

pub mod admission;
pub mod envelope;
pub mod event;
pub mod ids;
pub mod json;
pub mod limits;
pub mod merge;
pub mod policy;
pub mod pool;
pub mod price;
pub mod provider;
pub mod reason;
pub mod rotation;
pub mod schema;
pub mod secret;
pub mod sight;
pub mod step;
mod text;
pub mod token;
pub mod usage;
pub mod workspace;

pub use admission::{Deferral, InLine};
pub use envelope::{Envelope, Stamp};
pub use event::{Activity, Event, StartCause, StopReason, TaskState};
pub use ids::{Attempt, EventId, Gen, KeyPrint, TaskId, TeamId, Version, WorkspaceId};
pub use limits::{Limits, LimitsBook};
pub use policy::Policy;
pub use provider::{ProviderId, Subject};
pub use reason::{Reason, ReasonClass};
pub use rotation::{KeyStep, RotationId, Rotations};
pub use secret::Secret;
pub use sight::Sight;
pub use step::{Class, Output, Step};
pub use usage::UsageRecord;
pub use workspace::{Next, Status, Workspace, next};
