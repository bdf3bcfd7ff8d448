//! Rotations told line by line, and what is next after each.
