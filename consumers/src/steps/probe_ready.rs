//! Sends a real request through the route and looks at who answers: "ready" means that the route
//! reaches this person's live agent.
//!
//! | | |
//! |---|---|
//! | safe to repeat | it only asks |
//! | taken back by | nothing to take back |

use std::time::Duration;

use events::{Output, ReasonClass};
use ports::{Agents, Fault, Probe, Reach, Routes};

use super::{At, Outcome, refused};

/// How soon to ask again. OpenClaw is ready about 16 s after its start; asking is cheap.
const ASK_AGAIN: Duration = Duration::from_millis(250);

/// Whom to ask. No `Debug`: it holds the pass.
pub struct Plan {
    reach: Reach,
}

/// Decides; touches nothing.
///
/// # Errors
/// [`Fault::Nonsense`] when there is no address or no lease on record.
pub fn plan(at: At<'_>, reach: Option<Reach>) -> Result<Plan, Fault> {
    Ok(Plan { reach: reach.ok_or_else(|| at.lacks("address or lease"))? })
}

/// Asks once, at the address that the router would use now.
///
/// # Errors
/// [`Fault::Refused`] when the route leads elsewhere or somebody else answers.
pub async fn apply(
    plan: &Plan,
    routes: &dyn Routes,
    agents: &dyn Agents,
) -> Result<Outcome, Fault> {
    let route = routes.find(&plan.reach.workspace).await?;
    if route.is_none_or(|route| route.address != plan.reach.address) {
        return Err(refused(ReasonClass::Internal, "the route leads elsewhere"));
    }
    match agents.probe(&plan.reach).await? {
        Probe::Ready => Ok(Outcome::Done(Output::Nothing)),
        Probe::NotYet(_) => Ok(Outcome::Later(ASK_AGAIN)),
        Probe::Stranger(words) => Err(refused(ReasonClass::Taken, words)),
    }
}
