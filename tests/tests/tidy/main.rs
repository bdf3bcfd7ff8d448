//! The habits of this repository that no compiler checks: which crate may see which, how long a
//! file is, one word for one thing. Each check is a function, and has a test that it can fail.

mod arrows;
mod papers;
mod secrets;
mod shape;
mod sources;
mod words;
