//! Forgets the keys that lie beside the pool: the new ones are in it, and nobody uses the old ones.
//!
//! | | |
//! |---|---|
//! | safe to repeat | nothing to forget is a success |
//! | taken back by | nothing: the keys are rotated by then, and whatever fails here fails nothing |

use events::KeyPrint;
use ports::{Fault, Staging};

use super::At;

/// Gives no keys: it was about none of the pool's.
///
/// # Errors
/// What the pool's store said.
pub(super) async fn apply(at: At<'_>, keys: &dyn Staging) -> Result<Vec<KeyPrint>, Fault> {
    keys.forget(at.provider, at.turn.rotation).await?;
    Ok(Vec::new())
}
