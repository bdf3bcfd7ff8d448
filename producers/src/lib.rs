//! What puts facts on the bus: logins, commands, activity, the idle check, the cron wake, key rotation.
//!
//! A producer decides whether a fact may be recorded and records it; it never acts on the outside
//! itself. That is the consumers' part.

pub mod activity;
pub mod bus;
pub mod command;
pub mod cron_wake;
pub mod idle_check;
pub mod parked;
pub mod pools;
pub mod rotation;
pub mod session;

pub use bus::{Bus, Put};
pub use pools::Pools;
