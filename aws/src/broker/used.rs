//! What the workspace of a lease has used: a sidecar knows only what passed it since it began, and its
//! limits may reach back further.

use events::token::token_hash;
use jiff::Timestamp;
use ports::{LeaseLookup, Spending, UsageTotals};

use super::Refusal;

/// What was used in the hours from `since` on.
///
/// # Errors
/// [`Refusal::Unknown`] for a token that no lease has, [`Refusal::Unavailable`] when it cannot be told.
pub async fn used(
    leases: &dyn LeaseLookup,
    totals: &dyn UsageTotals,
    token: &str,
    since: Timestamp,
) -> Result<Spending, Refusal> {
    let found = leases.find(&token_hash(token)).await.map_err(Refusal::Unavailable)?;
    let lease = found.ok_or(Refusal::Unknown)?;
    totals.total(&lease.workspace, since).await.map_err(Refusal::Unavailable)
}
