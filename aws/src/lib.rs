//! The outside world on AWS: every port over the service that DESIGN.md names for it, one file a
//! port, each service behind a feature, so that a program links only what it calls.
//!
//! Adapters decide nothing. What a service answers becomes a [`ports::Fault`] in [`error`] and in the
//! pure functions beside each adapter; names follow from the [`Environment`] alone.

#[cfg(feature = "cloudwatch")]
pub mod alarms;
#[cfg(feature = "elb")]
pub mod alb_routes;
pub mod broker;
#[cfg(feature = "ecs")]
pub mod compute;
#[cfg(any(feature = "ecs", feature = "efs", feature = "elb"))]
#[cfg_attr(not(feature = "all"), allow(dead_code, reason = "each service uses a part of it"))]
mod conditions;
#[cfg(feature = "cloudformation")]
pub mod drift;
pub mod environment;
pub mod error;
#[cfg(any(feature = "ecs", feature = "efs"))]
pub mod homes;
#[cfg(feature = "sts")]
pub mod identity;
#[cfg(feature = "dynamodb")]
pub mod journal;
#[cfg(feature = "secrets")]
pub mod keys;
#[cfg(feature = "dynamodb")]
pub mod leases;
#[cfg(feature = "dynamodb")]
mod marks;
#[cfg(feature = "dynamodb")]
pub mod people;
#[cfg(feature = "ssm")]
pub mod published;
#[cfg(feature = "sqs")]
pub mod queue;
#[cfg(feature = "quotas")]
pub mod quotas;
#[cfg(feature = "dynamodb")]
pub mod rotations;
#[cfg(feature = "dynamodb")]
pub mod routes;
#[cfg(feature = "dynamodb")]
mod rows;
#[cfg(feature = "secrets")]
pub mod secret_text;
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
#[cfg(feature = "dynamodb")]
pub mod usage;
pub mod usage_queue;

pub use environment::Environment;
