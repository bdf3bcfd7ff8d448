//! The journey that `up --demo` shows: a small agent that needs no npm, and a person who uses it
//! from outside. Both know the rest of the system by its addresses alone.

pub mod agent;
pub mod http;
pub mod journey;
