//! The promises of each port, as tests that any adapter can be held to.
