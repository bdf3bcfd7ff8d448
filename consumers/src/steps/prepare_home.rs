//! Gives a person their home.
//!
//! | | |
//! |---|---|
//! | safe to repeat | the home follows from the person; one that exists is taken as it is |
//! | taken back by | [`undo`], which only a purge asks for: a home outlives every generation |

use events::{Gen, Output, WorkspaceId};
use ports::{Fault, Homes};

use super::{At, Outcome, Trace};

/// Whose home.
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
/// What the homes said.
pub async fn apply(plan: &Plan, homes: &dyn Homes) -> Result<Outcome, Fault> {
    let place = homes.ensure(&plan.id, plan.generation).await?;
    Ok(Outcome::Done(Output::Home { place }))
}

/// Removes the home of every generation up to this one: `remove_home`.
///
/// # Errors
/// What the homes said.
pub async fn undo(trace: &Trace, homes: &dyn Homes) -> Result<Outcome, Fault> {
    homes.purge(&trace.id, trace.generation).await?;
    Ok(Outcome::Undone)
}
