//! The real `teamclaw-sidecar`, killed (-9) at random moments under load, before one provider and one
//! file of usage that live on. In the end each request that the provider billed is counted once; to
//! the token, whenever its client saw the end.
//!
//! Kills fall where the seed says, what they hit is the machine's choice.

pub mod command;
mod life;
mod provider;
mod truth;

use crate::bench::Failure;
