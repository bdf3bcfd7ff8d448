//! What several tests share. The tests themselves stand in `tests/tests/`, one folder for each
//! promise; nothing in the workspace depends on this crate.
