//! What the outside world must do for us: one trait a file, in our words and with only the calls
//! that we make.
//!
//! Every adapter (`local` and `aws`) passes the same suite, [`conformance`]. Nothing here
//! touches the outside itself.

pub mod agents;
pub mod clock;
pub mod compute;
#[cfg(feature = "conformance")]
pub mod conformance;
pub mod error;
pub mod homes;
pub mod ids;
pub mod journal;
pub mod keys;
pub mod leases;
pub mod people;
pub mod queue;
pub mod rotations;
pub mod routes;
pub mod staging;
pub mod starts;
pub mod suspects;
pub mod timers;
pub mod trial;
pub mod usage;

pub use agents::{Agents, Probe, Quiesce, Reach};
pub use async_trait::async_trait;
pub use clock::Clock;
pub use compute::{Compute, Task, TaskSpec, TaskStatus};
pub use error::{Fault, Retry};
/// What the pool's traits speak of.
pub use events::pool::{Grant, KeyInfo, PoolKey, Renewed, Turn};
pub use homes::Homes;
pub use ids::Ids;
pub use journal::{Cursor, Journal, Loaded, Projection, Query, Row};
pub use keys::Keys;
pub use leases::{Lease, LeaseLookup, Leases};
pub use people::{People, Person, Session};
pub use queue::{Delivery, Handle, Letter, Nudge, Outgoing, Queue};
pub use rotations::{Rotated, RotationLists};
pub use routes::{Route, Routes};
pub use staging::Staging;
pub use starts::{Admission, Starts};
pub use suspects::{Kind, Suspect, Suspects};
pub use timers::Timers;
pub use trial::{Trial, Tried};
pub use usage::{BatchBounds, Grouping, Spending, Usage, UsageSink, UsageTotals};
