//! What the sidecar's tests stand on: ports in memory, a sidecar and a stand-in on real sockets,
//! and a provider of a few lines that answers exactly the bytes it is told to.

#![allow(
    dead_code,
    missing_docs,
    unreachable_pub,
    reason = "each test file is a crate of its own and uses its part"
)]

pub mod exposition;
pub mod gate;
pub mod outside;
pub mod raw;
pub mod recorder;
pub mod rig;
pub mod secure;
pub mod socket;
pub mod strict;
