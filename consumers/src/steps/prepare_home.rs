//! Gives a person their home.
//!
//! | | |
//! |---|---|
//! | safe to repeat | the home follows from the person; one that exists is taken as it is |
//! | taken back by | only a purge: a home outlives every generation |

use events::{Output, WorkspaceId};
use ports::{Fault, Homes};

use super::{At, Outcome};

/// Whose home.
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
/// What the homes said.
pub async fn apply(plan: &Plan, homes: &dyn Homes) -> Result<Outcome, Fault> {
    let place = homes.ensure(&plan.id).await?;
    Ok(Outcome::Done(Output::Home { place }))
}
