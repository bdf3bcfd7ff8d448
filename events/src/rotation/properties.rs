//! What holds of every rotation, whatever happens to it.
