//! What tests with the real command stand on: an engine as a process of its own with a provider
//! that knows what it answered, and a person at its front door. It tries nothing itself.

#![allow(dead_code, reason = "each test program uses its part")]

pub(crate) mod engine;
mod ground;
pub(crate) mod person;
pub(crate) mod runtime;
