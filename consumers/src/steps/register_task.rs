//! Makes known to the compute what a task of this workspace looks like.
//!
//! | | |
//! |---|---|
//! | safe to repeat | named by the person and the template's version |
//! | taken back by | only a purge: the next generation uses it again |

use events::{Output, WorkspaceId};
use ports::{Compute, Fault};

use super::{At, Outcome};

/// Whose task.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    id: WorkspaceId,
}

/// Decides; touches nothing.
pub fn plan(at: At<'_>) -> Plan {
    Plan { id: at.id.clone() }
}

/// Does what was decided.
///
/// # Errors
/// What the compute said.
pub async fn apply(plan: &Plan, compute: &dyn Compute) -> Result<Outcome, Fault> {
    compute.register(&plan.id).await?;
    Ok(Outcome::Done(Output::Nothing))
}
