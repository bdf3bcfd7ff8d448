//! The outside world on AWS: every port over the service that DESIGN.md names for it, one file a
//! port, each service behind a feature, so that a program links only what it calls.
//!
//! Adapters decide nothing. What a service answers becomes a [`ports::Fault`] in [`error`] and in the
//! pure functions beside each adapter; names follow from the [`Environment`] alone.

pub mod environment;
pub mod error;
#[cfg(feature = "dynamodb")]
pub mod starts;
#[cfg(feature = "dynamodb")]
pub mod tables;

pub use environment::Environment;
