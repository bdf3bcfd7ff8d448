//! What time it is.

use jiff::Timestamp;

/// The wall clock. Rules take the time as an argument; this is where the argument comes from.
pub trait Clock: Send + Sync {
    /// Now.
    fn now(&self) -> Timestamp;
}
