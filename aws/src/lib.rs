//! The outside world on AWS: every port over the service that DESIGN.md names for it, one file a
//! port, each service behind a feature, so that a program links only what it calls.
//!
//! Adapters decide nothing. What a service answers becomes a [`ports::Fault`] in [`error`] and in the
//! pure functions beside each adapter; names follow from the [`Environment`] alone.

pub mod broker;
pub mod environment;
pub mod error;
#[cfg(feature = "secrets")]
pub mod keys;
#[cfg(feature = "ssm")]
pub mod parameters;
#[cfg(feature = "sqs")]
pub mod queue;
#[cfg(feature = "dynamodb")]
pub mod tables;
pub mod usage_queue;

pub use environment::Environment;
