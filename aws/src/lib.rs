//! The outside world on AWS: every port over the service that DESIGN.md names for it, one file a
//! port, each service behind a feature, so that a program links only what it calls.
//!
//! Adapters decide nothing. What a service answers becomes a [`ports::Fault`] in [`error`] and in the
//! pure functions beside each adapter; names follow from the [`Environment`] alone.

#[cfg(feature = "elb")]
pub mod alb_routes;
#[cfg(feature = "ecs")]
pub mod compute;
pub mod environment;
pub mod error;
#[cfg(any(feature = "ecs", feature = "efs"))]
pub mod homes;
#[cfg(any(feature = "ecs", feature = "elb"))]
mod marks;
#[cfg(any(feature = "ecs", feature = "efs", feature = "elb"))]
#[cfg_attr(not(feature = "all"), allow(dead_code, reason = "each service uses a part of it"))]
mod rows;
#[cfg(feature = "dynamodb")]
pub mod tables;

pub use environment::Environment;
