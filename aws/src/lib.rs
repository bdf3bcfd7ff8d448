//! The outside world on AWS: every port over the service that DESIGN.md names for it, one file a
//! port, each service behind a feature, so that a program links only what it calls.
//!
//! Adapters decide nothing. What a service answers becomes a [`ports::Fault`] in [`error`] and in the
//! pure functions beside each adapter; names follow from the [`Environment`] alone.

#[cfg(feature = "cloudwatch")]
pub mod alarms;
pub mod environment;
pub mod error;
#[cfg(feature = "sts")]
pub mod identity;
#[cfg(feature = "dynamodb")]
pub mod journal;
#[cfg(feature = "dynamodb")]
pub mod leases;
#[cfg(feature = "dynamodb")]
pub mod people;
#[cfg(feature = "ssm")]
pub mod published;
#[cfg(feature = "quotas")]
pub mod quotas;
#[cfg(feature = "dynamodb")]
pub mod rotations;
#[cfg(feature = "dynamodb")]
pub mod routes;
#[cfg(feature = "dynamodb")]
mod rows;
#[cfg(feature = "sqs")]
pub mod set_aside;
#[cfg(feature = "cloudformation")]
pub mod stacks;
#[cfg(feature = "dynamodb")]
pub mod starts;
#[cfg(feature = "dynamodb")]
pub mod suspects;
#[cfg(feature = "dynamodb")]
pub mod tables;
#[cfg(feature = "dynamodb")]
pub mod timers;

pub use environment::Environment;
