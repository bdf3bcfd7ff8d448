//! The lease broker: a lease's token in, credentials of a quarter of an hour out, with which its sidecar
//! may read the pool and send usage, and nothing else.
//!
//! Whoever runs it owns the HTTP of it: `POST /lease` with `Authorization: Bearer TOKEN`, the sidecar's
//! own name ([`wire::HOLDER_HEADER`]) and no body, answered as [`wire`] says; and
//! `GET /lease/used?since=TIME`, which tells a sidecar what its workspace has used, for limits that reach
//! back ([`used()`]).
//!
//! The token stands in the task's variables, where others may read it; it is good for the first who
//! shows it and for nobody after ([`HeldLeases`]). The agent beside the sidecar knows only
//! [`events::token::agent_key`], which follows from the token and is worth nothing here.

mod hold;
pub mod policy;
#[cfg(feature = "sts")]
mod trade;
mod used;
pub mod wire;

pub use hold::HeldLeases;
#[cfg(feature = "sts")]
pub use trade::StsBroker;
pub use used::used;
pub use wire::{Refusal, Traded};
