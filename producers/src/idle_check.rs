//! Looks for workspaces that have been left alone long enough to be asked.
//!
//! It only nudges: whether one is really idle is decided again by the consumer, from the journal
//! as it is then, and by the agent itself.

use std::time::Duration;

use events::Status;
use ports::{Fault, Nudge, Outgoing, Query};

use crate::bus::Bus;

/// How many workspaces one look nudges at the most; the next look finds the rest.
const LOOK_MAX: usize = 1_000;

/// Nudges every ready workspace whose idle time has come. Gives how many.
///
/// # Errors
/// What the journal said of the search. A nudge that cannot be sent is left to the next look: one
/// bad item never stops the loop.
pub async fn look(bus: &Bus) -> Result<usize, Fault> {
    let query = Query { status: vec![Status::Ready], due_by: Some(bus.now()), ..Query::default() };
    let rows = bus.journal().find(&query, None, LOOK_MAX).await?;
    let mut nudged = 0;
    for row in rows {
        let nudge = Nudge { about: row.workspace.into(), cause: None };
        let message = Outgoing { nudge, group: row.team, delay: Duration::ZERO };
        match bus.nudge(events::Class::Routing, message).await {
            Ok(()) => nudged += 1,
            Err(fault) => tracing::warn!(%fault, "an idle workspace could not be nudged"),
        }
    }
    Ok(nudged)
}
