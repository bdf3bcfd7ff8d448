//! Where people's files live on AWS: a directory of one EFS file system for each, which only its own
//! access point leads to, as a user of its own.
//!
//! What a purge can and cannot do here: it takes the access point away, so that nobody mounts the
//! directory any more, and gives who comes back an empty one; the files themselves lie on a file
//! system that this adapter does not mount. Their directory is written down as a `Leftover`, and
//! whoever mounts `/users` (the function `cleaner`) takes it from `Leftovers`, removes it with
//! `empty`, and forgets it when it is gone.

#[cfg(feature = "efs")]
mod adapter;
#[cfg(feature = "efs")]
mod empty;
#[cfg(feature = "efs")]
mod left;
#[cfg(feature = "efs")]
mod points;
#[cfg_attr(not(feature = "all"), allow(dead_code, reason = "each service uses a part of it"))]
mod record;
#[cfg(feature = "efs")]
mod sorting;

pub use record::HOMES;
#[cfg(feature = "ecs")]
pub(crate) use record::{FindHome, Home};

#[cfg(feature = "efs")]
pub use adapter::EfsHomes;
#[cfg(feature = "efs")]
pub use empty::{Emptied, empty};
#[cfg(feature = "efs")]
pub use left::{Leftover, Leftovers};
