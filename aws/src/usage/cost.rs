//! What counting costs in write units, so that an estimate and the code agree. A test measures it.
