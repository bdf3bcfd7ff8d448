//! Asks the provider whether it takes each new key, before any of them is in the pool.
//!
//! | | |
//! |---|---|
//! | safe to repeat | it only asks; and it forgets what earlier rotations left beside the pool |
//! | taken back by | nothing to take back |

use events::rotation::Number;
use events::{KeyPrint, ReasonClass};
use futures_util::future::join_all;
use ports::{Fault, PoolKey, Staging, Trial, Tried};

use super::{At, refused};

/// Tries them all at the same time. Gives those that the provider took; one that it cannot be asked
/// about is not among them.
///
/// # Errors
/// [`Fault::Refused`] naming the first that the provider does not take; what it said otherwise.
pub(super) async fn apply(
    at: At<'_>,
    keys: &dyn Staging,
    trial: &dyn Trial,
) -> Result<Vec<KeyPrint>, Fault> {
    let At { provider, turn, new, .. } = at;
    // This one is on record, so that nothing acts on an earlier one any more.
    keys.forget(provider, Number(turn.rotation.0.saturating_sub(1))).await?;
    let staged = keys.staged(provider, turn.rotation).await?;
    let mut ours: Vec<PoolKey> = Vec::with_capacity(new.len());
    for print in new {
        let Some(key) = staged.iter().find(|key| key.print == *print) else {
            let words = format!("the new key {print} does not lie beside the pool any more");
            return Err(refused(ReasonClass::Internal, words, "ask for a new rotation"));
        };
        ours.push(key.clone());
    }
    let tried = join_all(ours.iter().map(|key| trial.try_key(provider, &key.secret))).await;
    let mut taken = Vec::new();
    let mut trouble = None;
    for (key, tried) in ours.iter().zip(tried) {
        match tried {
            Ok(Tried::Taken) => taken.push(key.print.clone()),
            Ok(Tried::Unasked) => {}
            // One that is refused is refused, whatever became of the others.
            Ok(Tried::Refused(status)) => {
                let words = format!("{provider} does not take key {} ({status})", key.print);
                let hint = "mend the key at the provider and replay, or rotate with another one";
                return Err(refused(ReasonClass::KeyRefused, words, hint));
            }
            Err(fault) => trouble = Some(fault),
        }
    }
    trouble.map_or(Ok(taken), Err)
}
