//! The composition roots on AWS: what stands behind each port, and how Lambda calls us.
//!
//! Decides nothing about a workspace: `producers` and `consumers` do. A main is ten lines.

pub mod batch;
pub mod consume;
pub mod forbidden;
pub mod message;
pub mod metrics;
