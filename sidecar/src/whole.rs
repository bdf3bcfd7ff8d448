//! A short answer, taken whole: its account is closed before the head of the answer leaves, so that
//! head and body leave together, and the account's write is shared with others.

use std::collections::VecDeque;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::BodyExt;
use hyper::body::Body;
use tokio::time::Instant;

use crate::body::BoxError;
use crate::call::Account;
use crate::parts::Parts;
use crate::relay::SILENCE_MAX;
use crate::tally::Tally;
use crate::upstream::Answer;
use crate::within::within;

/// The longest answer that is taken whole, in bytes. It comes in a few reads; a longer one is passed
/// on as it comes.
const SHORT_LENGTH_MAX: u64 = 32 * 1024;

/// Whether an answer is short and says so.
pub(crate) fn is_short(answer: &Answer) -> bool {
    answer.size_hint().exact().is_some_and(|length| length <= SHORT_LENGTH_MAX)
}

/// The whole answer, for which there is so long in all. Its account is closed and written down when
/// this returns.
///
/// # Errors
/// It broke off, or the provider fell silent. It is counted as far as it came.
pub(crate) async fn whole(
    mut answer: Answer,
    mut account: Box<Account>,
    total_max: Duration,
) -> Result<Bytes, BoxError> {
    let mut held = VecDeque::with_capacity(1);
    let until = Instant::now() + total_max;
    loop {
        let left = until.saturating_duration_since(Instant::now());
        let Some(frame) = within(SILENCE_MAX.min(left), answer.frame()).await? else { break };
        let Ok(data) = frame?.into_data() else { continue };
        if let Some(tally) = &mut account.tally {
            tally.see(&data);
        }
        held.push_back(data);
    }
    drop(answer);
    if let Some(ending) = account.tally.take().and_then(Tally::end) {
        ending.written().await;
    }
    Ok(Parts::from(held).joined())
}
