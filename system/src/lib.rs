//! The machine's clock and chance: the two ports that every program takes from the machine it runs on,
//! wherever that is.
//!
//! Stores nothing and calls nobody.

mod clock;
mod random;
mod wall;

pub use clock::SystemClock;
pub use random::SystemIds;
pub use wall::WallClock;
