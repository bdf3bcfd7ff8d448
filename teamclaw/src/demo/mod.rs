//! The journey that `up --demo` shows: a small agent that needs no npm, and a person who uses it
//! from outside. Both know the rest of the system by its addresses alone.

pub(crate) mod agent;
pub(crate) mod http;
pub(crate) mod journey;
