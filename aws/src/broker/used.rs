//! What the workspace of a lease has used: a sidecar knows only what passed it since it began, and its
//! limits may reach back further.

use jiff::Timestamp;
use ports::{Spending, UsageTotals};

use super::wire::Proof;
use super::{HeldLeases, Refusal};

/// What was used in the hours from `since` on, for whoever holds the lease.
///
/// # Errors
/// As [`HeldLeases::hold`] says; [`Refusal::Unavailable`] also when the ledger cannot tell.
pub async fn used(
    leases: &dyn HeldLeases,
    totals: &dyn UsageTotals,
    (proof, now): (Proof<'_>, Timestamp),
    since: Timestamp,
) -> Result<Spending, Refusal> {
    let lease = leases.hold(proof, now).await?;
    totals.total(&lease.workspace, since).await.map_err(Refusal::Unavailable)
}
