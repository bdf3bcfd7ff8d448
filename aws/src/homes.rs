//! Where people's files live on AWS: a directory of one EFS file system for each, which only its own
//! access point leads to, as a user of its own.
//!
//! What a purge can and cannot do here: it takes the access point away, so that nobody mounts the
//! directory any more, and gives who comes back an empty one; the files themselves lie on a file
//! system that this adapter does not mount. Their directory is written down as a [`Leftover`], and
//! whoever mounts `/users` (the cleaner) removes it with [`empty`].

#[cfg(feature = "efs")]
mod points;
#[cfg_attr(not(feature = "all"), allow(dead_code, reason = "each service uses a part of it"))]
mod record;
#[cfg(feature = "efs")]
mod sorting;

use std::path::Path;

#[cfg(feature = "ecs")]
pub(crate) use record::{FindHome, Home};
pub use record::{HOMES, Leftover};

#[cfg(feature = "efs")]
pub use adapter::EfsHomes;

#[cfg(feature = "efs")]
mod adapter;

/// Removes a purged home's files for good, below the mounted `/users`. None at all is a success.
/// It may take long; broken off, it goes on where it was.
///
/// # Errors
/// The file system said no.
pub fn empty(users: &Path, leftover: &Leftover) -> std::io::Result<()> {
    // Links are removed and not followed, so a hostile home takes nothing with it.
    match std::fs::remove_dir_all(users.join(leftover.directory())) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_left_home_goes_and_what_it_points_to_stays() {
        let users = std::env::temp_dir().join(format!("tc-homes-{}", std::process::id()));
        let left = Leftover::of(&"ann".parse().expect("a good name"), 3);
        let (home, other) = (users.join("ann.3"), users.join("bob"));
        std::fs::create_dir_all(home.join("deep/er")).expect("a directory");
        std::fs::create_dir_all(&other).expect("a directory");
        std::fs::write(other.join("file"), "bob's").expect("a file");
        std::os::unix::fs::symlink(&other, home.join("deep/link")).expect("a link");
        for _ in 0..2 {
            empty(&users, &left).expect("emptied");
        }
        assert!(!home.exists());
        assert_eq!(std::fs::read_to_string(other.join("file")).expect("a file"), "bob's");
        std::fs::remove_dir_all(&users).expect("removed");
    }
}
