//! Writes the new keys into the pool, beside the old ones.
//!
//! | | |
//! |---|---|
//! | safe to repeat | one write on top of whatever others changed; a key that is there stays there once |
//! | taken back by | `withdraw`: those that this rotation added go, and no others |

use events::KeyPrint;
use ports::{Fault, Staging};

use super::At;

/// Gives the keys that the pool did not have before.
///
/// # Errors
/// What the pool's store said.
pub(super) async fn apply(at: At<'_>, keys: &dyn Staging) -> Result<Vec<KeyPrint>, Fault> {
    keys.promote(at.provider, at.turn, at.new).await
}
