//! Starts the agent's task, when its turn has come where there is a line in front of the compute.
//!
//! | | |
//! |---|---|
//! | safe to repeat | the slot in line and the client token follow from person, generation and try; the same token never starts a second task |
//! | taken back by | [`undo`]: asked to end, then ended, with everything it started |

use std::time::Duration;

use events::token::client_token;
use events::{Attempt, Gen, Output, Step, WorkspaceId};
use jiff::Timestamp;
use ports::{Compute, Fault, Leases, Starts, TaskSpec};

use super::{At, Outcome, Trace};

/// How long an agent may take to end by itself. An idle OpenClaw needs up to 10 s; Fargate allows 30 s by
/// default and a handler must stay well under its own time limit.
pub const STOP_GRACE: Duration = Duration::from_secs(15);
/// How soon to ask again whether everything is gone.
const STOP_AGAIN: Duration = Duration::from_secs(1);

/// What to start.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    id: WorkspaceId,
    generation: Gen,
    attempt: Attempt,
    /// The try whose lease the task carries.
    lease_attempt: Attempt,
    client_token: String,
    home: String,
    /// Whether it has waited for its turn, on record.
    has_turn: bool,
}

/// Decides; touches nothing.
///
/// # Errors
/// [`Fault::Nonsense`] when there is no home or no lease on record.
pub fn plan(at: At<'_>) -> Result<Plan, Fault> {
    let At { id, workspace, generation, attempt } = at;
    let lease_attempt = workspace.lease_attempt(generation).ok_or_else(|| at.lacks("lease"))?;
    let Some(Output::Home { place }) = workspace.output(generation, Step::PrepareHome) else {
        return Err(at.lacks("home"));
    };
    let client_token = client_token(id, generation, attempt);
    let (id, home) = (id.clone(), place.clone());
    let has_turn = workspace.has_turn(generation, Step::RunTask);
    Ok(Plan { id, generation, attempt, lease_attempt, client_token, home, has_turn })
}

/// Does what was decided. A turn is asked for once: who was told to wait for theirs has it on
/// record, and starts when it has come.
///
/// # Errors
/// What the line or the compute said.
pub async fn apply(
    plan: &Plan,
    line: Option<(&dyn Starts, Timestamp)>,
    compute: &dyn Compute,
    leases: &dyn Leases,
) -> Result<Outcome, Fault> {
    if let Some((line, now)) = line.filter(|_| !plan.has_turn) {
        let admitted = line.admit(&plan.id, plan.generation, plan.attempt, now).await?;
        if admitted.slot > now {
            return Ok(Outcome::Deferred { until: admitted.slot, place: admitted.place });
        }
    }
    let spec = TaskSpec {
        workspace: plan.id.clone(),
        generation: plan.generation,
        attempt: plan.attempt,
        client_token: plan.client_token.clone(),
        home: plan.home.clone(),
        token: leases.token(&plan.id, plan.generation, plan.lease_attempt),
        pass: leases.pass(&plan.id, plan.generation, plan.lease_attempt),
    };
    let task = compute.run(&spec).await?;
    Ok(Outcome::Done(Output::Task { task }))
}

/// Stops the task: `stop_task`.
///
/// # Errors
/// What the compute said.
pub async fn undo(trace: &Trace, compute: &dyn Compute) -> Result<Outcome, Fault> {
    let Trace { id, generation, attempt } = trace;
    match compute.stop(id, *generation, *attempt, STOP_GRACE).await? {
        true => Ok(Outcome::Undone),
        false => Ok(Outcome::Later(STOP_AGAIN)),
    }
}
