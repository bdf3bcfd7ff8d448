//! Takes the old keys out of the pool. They are kept beside it until the rotation is over.
//!
//! | | |
//! |---|---|
//! | safe to repeat | one write; a key that is gone is gone |
//! | taken back by | `restore`: those that this rotation took out come back |

use events::KeyPrint;
use ports::{Fault, Staging};

use super::At;

/// Gives the keys that left.
///
/// # Errors
/// [`Fault::Refused`] when somebody took a new key out of the pool meanwhile: the old ones would
/// leave it with nothing in their place.
pub(super) async fn apply(at: At<'_>, keys: &dyn Staging) -> Result<Vec<KeyPrint>, Fault> {
    keys.retire(at.provider, at.turn, at.new, at.retire).await
}
