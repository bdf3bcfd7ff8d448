//! What people, sidecars and operators do in a deployed environment, and what is to be seen of it: each
//! file one journey through functions that run as they do on AWS.

pub(crate) mod keys;
pub(crate) mod life;
pub(crate) mod operator;
pub(crate) mod sweep;
pub(crate) mod usage;

mod cloud;
mod provider;

pub(crate) use cloud::{Cloud, FUNCTIONS};
