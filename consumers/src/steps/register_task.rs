//! Makes known to the compute what a task of this workspace looks like.
//!
//! | | |
//! |---|---|
//! | safe to repeat | named by the person and the template's version |
//! | taken back by | [`undo`], which only a purge asks for: the next generation uses it again |

use events::{Gen, Output, WorkspaceId};
use ports::{Compute, Fault};

use super::{At, Outcome, Trace};

/// Whose task.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    id: WorkspaceId,
    generation: Gen,
}

/// Decides; touches nothing.
pub fn plan(at: At<'_>) -> Plan {
    Plan { id: at.id.clone(), generation: at.generation }
}

/// Does what was decided.
///
/// # Errors
/// What the compute said.
pub async fn apply(plan: &Plan, compute: &dyn Compute) -> Result<Outcome, Fault> {
    compute.register(&plan.id, plan.generation).await?;
    Ok(Outcome::Done(Output::Nothing))
}

/// Forgets what a task looks like up to this generation: `deregister_task`.
///
/// # Errors
/// What the compute said.
pub async fn undo(trace: &Trace, compute: &dyn Compute) -> Result<Outcome, Fault> {
    compute.deregister(&trace.id, trace.generation).await?;
    Ok(Outcome::Undone)
}
