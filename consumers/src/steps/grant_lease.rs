//! Makes this try's token good at the sidecar.
//!
//! | | |
//! |---|---|
//! | safe to repeat | the token follows from person, generation and try |
//! | taken back by | [`undo`]: every token of the person up to this try becomes worthless |

use events::{Limits, Output, TeamId};
use ports::{Fault, Lease, Leases};

use super::{At, Outcome, Trace};

/// What the token will stand for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    lease: Lease,
}

/// Decides; touches nothing.
pub fn plan(at: At<'_>, default_team: &TeamId) -> Plan {
    let team = at.workspace.team().unwrap_or(default_team).clone();
    let At { id, generation, attempt, .. } = at;
    Plan {
        lease: Lease {
            workspace: id.clone(),
            generation,
            attempt,
            team,
            limits: Limits::default(),
        },
    }
}

/// Does what was decided.
///
/// # Errors
/// What the leases said.
pub async fn apply(plan: &Plan, leases: &dyn Leases) -> Result<Outcome, Fault> {
    leases.grant(&plan.lease).await?;
    Ok(Outcome::Done(Output::Lease { attempt: plan.lease.attempt }))
}

/// Revokes the lease: `revoke_lease`.
///
/// # Errors
/// What the leases said.
pub async fn undo(trace: &Trace, leases: &dyn Leases) -> Result<Outcome, Fault> {
    leases.revoke(&trace.id, trace.generation, trace.attempt).await?;
    Ok(Outcome::Undone)
}
