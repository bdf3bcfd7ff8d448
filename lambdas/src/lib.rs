//! The composition roots on AWS: what stands behind each port, and how Lambda calls us.
//!
//! Decides nothing about a workspace: `producers` and `consumers` do. A main is ten lines.
