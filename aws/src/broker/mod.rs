//! The lease broker: a lease's token in, credentials of one hour out, with which its sidecar may read
//! the pool and send usage, and nothing else.
//!
//! Whoever runs it owns the HTTP of it: `POST /lease` with `Authorization: Bearer TOKEN` and no body,
//! answered as [`wire`] says; and `GET /lease/used?since=TIME`, which tells a sidecar
//! what its workspace has used, for limits that reach back ([`used()`]). The token is what the sidecar alone has. The agent beside it knows only
//! [`events::token::agent_key`], which follows from the token and is worth nothing here.

pub mod policy;
#[cfg(feature = "sts")]
mod trade;
mod used;
pub mod wire;

#[cfg(feature = "sts")]
pub use trade::StsBroker;
pub use used::used;
pub use wire::{Refusal, Traded};
