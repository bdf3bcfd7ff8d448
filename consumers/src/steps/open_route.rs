//! Tells the router where the workspace is.
//!
//! | | |
//! |---|---|
//! | safe to repeat | the row is set only by a generation and try that is not older |
//! | taken back by | [`undo`]: the row goes if it is this try's or older |

use events::{ReasonClass, WorkspaceId};
use ports::{Fault, Route, Routes};

use super::{At, Outcome, Trace, refused};

/// Which row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    id: WorkspaceId,
    route: Route,
}

/// Decides; touches nothing.
///
/// # Errors
/// [`Fault::Nonsense`] when there is no address or no lease on record.
pub fn plan(at: At<'_>) -> Result<Plan, Fault> {
    let At { id, workspace, generation, .. } = at;
    let address = workspace.address(generation).ok_or_else(|| at.lacks("address"))?;
    // The pass follows from the try that granted the lease, so that is what the row carries.
    let attempt = workspace.lease_attempt(generation).ok_or_else(|| at.lacks("lease"))?;
    Ok(Plan { id: id.clone(), route: Route { generation, attempt, address } })
}

/// Does what was decided.
///
/// # Errors
/// [`Fault::Refused`] when a later try has taken over.
pub async fn apply(plan: &Plan, routes: &dyn Routes) -> Result<Outcome, Fault> {
    if routes.open(&plan.id, &plan.route).await? {
        return Ok(Outcome::Done(events::Output::Nothing));
    }
    Err(refused(ReasonClass::Internal, "a later start has taken the route over"))
}

/// Closes the route: `close_route`.
///
/// # Errors
/// What the routes said.
pub async fn undo(trace: &Trace, routes: &dyn Routes) -> Result<Outcome, Fault> {
    routes.close(&trace.id, trace.generation, trace.attempt).await?;
    Ok(Outcome::Undone)
}
