//! The composition roots on AWS: what stands behind each port, and how Lambda calls us.
//!
//! Decides nothing about a workspace: `producers` and `consumers` do. There is one program for all
//! functions (`bin/bootstrap.rs`); each runs with a role of its own (`functions.json`).

pub mod answer;
pub mod batch;
pub mod broker;
pub mod cleaner;
pub mod consume;
pub mod forbidden;
pub mod function;
pub mod log;
pub mod message;
pub mod metrics;
pub mod minute;
pub mod operator;
pub mod person;
pub mod renewal;
pub mod root;
pub mod rotate;
pub mod serve;
pub mod session;
pub mod settings;
pub mod timeline;
pub mod usage;
pub mod world;
