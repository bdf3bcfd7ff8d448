//! What is on the wire: the committed schema is the one that the types give, everything that was
//! ever released can still be read, and three validators agree on a corpus of good and bad events.
//!
//! `UPDATE_EXPECT=1 cargo test -p tests --test schema` rewrites the schema and the bad events, and
//! adds good events that are not there yet. It never touches what was released.

mod agreement;
mod bad;
mod compat;
mod compat_rules;
mod corpus;
mod drift;
mod golden;
mod good;
mod texts;
