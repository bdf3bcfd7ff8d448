//! Whole journeys with the real command and real agents: what a person and an operator live
//! through, seen from outside.
//!
//! `openclaw` runs the unmodified OpenClaw that `scripts/test` installs; the others run small
//! agents, because what they try is the engine. Everything here is a real process, a real socket
//! and a real file.

#[path = "../support/mod.rs"]
mod support;

use support::{engine, person, runtime};

mod attack;

mod deleting;
mod demonstration;
mod failing;
mod hostile;
mod limits;
mod metrics;
mod openclaw;
mod openclaw_failing;
mod parked;
mod restarting;
mod rotation;
mod unprivileged;
