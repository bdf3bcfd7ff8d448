//! The outside world on one machine: every port, over SQLite, files and child processes.
//!
//! What is recorded is durable when a call returns. Nothing outside this crate knows where it is.

mod columns;
pub mod compute;
pub mod confine;
pub mod database;
pub mod error;
pub mod homes;
mod journal;
mod keys;
mod leases;
pub mod lock;
mod messages;
mod people;
mod purge;
mod queue;
mod readers;
mod rotations;
mod routes;
#[cfg(test)]
mod scratch;
mod search;
mod secrets;
pub mod signals;
mod steady;
pub mod store;
mod suspects;
mod timers;
mod turns;
mod usage;
mod writer;

pub use database::Database;
pub use error::{Error, OpenError};
pub use keys::keys_at;
pub use lock::DirectoryLock;
pub use signals::{News, Topic};
pub use store::Local;
