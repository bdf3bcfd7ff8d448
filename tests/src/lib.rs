//! What several tests share: the fake [`world`] that the crash matrix and the simulation play in, and
//! the [`bench`] of the real one. The tests themselves stand in `tests/tests/`, one folder for each
//! promise; nothing in the workspace depends on this crate.

pub mod bench;
pub mod herd;
pub mod killed;
pub mod matrix;
pub mod model;
pub mod simulate;
pub mod world;
