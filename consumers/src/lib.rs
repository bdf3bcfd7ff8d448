//! What acts on facts: one message moves one workspace one step.
//!
//! A message carries no authority; what happens follows from the journal alone ([`handle`]). The
//! [`observer`] writes down what the compute says, the [`sweeper`] finds what was lost or left
//! over, [`usage`] counts. The [`engine`] keeps all of it going.

pub mod engine;
pub mod handle;
pub mod idle;
pub mod observer;
mod pause;
mod renewal;
mod rotation;
pub mod steps;
pub mod sweeper;
pub mod usage;
pub mod world;

pub use engine::Engine;
pub use handle::{Verdict, handle};
pub use world::World;
