//! Nudges again whoever a lost message or timer has left standing. Decides nothing: who has nothing
//! to do finds that out.

use std::collections::BTreeMap;
use std::time::Duration;

use events::{Class, Status, TeamId, WorkspaceId};
use ports::queue::BATCH_MAX;
use ports::{Fault, Nudge, Outgoing, Query, Row};
use producers::{Bus, Pools};

/// How many workspaces one search of a sweep finds at the most: more than a cell has users. Should
/// there be more, chance decides where each sweep begins, so that none is passed over for ever.
const FOUND_MAX: usize = 10_000;
/// How many are read at a time.
const PAGE: usize = 500;
/// Where a search may begin: before the names that begin with one of these.
const BEGINNINGS: &str = "0123456789abcdefghijklmnopqrstuvwxyz";

/// Nudges for every provider whose keys are being rotated and that does not wait for its time. Gives
/// how many. There are a handful of providers: all are looked at.
///
/// # Errors
/// What the lists or the queue said.
pub(super) async fn nudge_rotations(pools: &Pools) -> Result<usize, Fault> {
    let mut nudged = 0;
    for (provider, rotations) in pools.lists().list().await? {
        nudged += usize::from(pools.nudge_next(&provider, &rotations, None).await?);
    }
    Ok(nudged)
}

/// Nudges every workspace that is due or on its way. Gives how many. A nudge that cannot be sent
/// is left to the next sweep.
///
/// # Errors
/// What the journal said of a search.
pub(super) async fn nudge(bus: &Bus) -> Result<usize, Fault> {
    let moving = Query { status: vec![Status::Starting, Status::Stopping], ..Query::default() };
    let due = Query { due_by: Some(bus.now()), ..Query::default() };
    let mut late: BTreeMap<WorkspaceId, Option<TeamId>> = BTreeMap::new();
    for query in [moving, due] {
        let found = around(bus, &query).await?;
        late.extend(found.into_iter().map(|row| (row.workspace, row.team)));
    }
    let messages: Vec<Outgoing> = late.into_iter().map(message).collect();
    let mut nudged = 0;
    for batch in messages.chunks(BATCH_MAX) {
        match bus.queue().send(Class::Compute, batch).await {
            Ok(sent) => nudged += sent.iter().filter(|sent| sent.is_ok()).count(),
            Err(fault) => tracing::warn!(%fault, "late workspaces could not be nudged"),
        }
    }
    Ok(nudged)
}

fn message((workspace, group): (WorkspaceId, Option<TeamId>)) -> Outgoing {
    let nudge = Nudge { about: workspace.into(), cause: None };
    Outgoing { nudge, group, delay: Duration::ZERO }
}

/// The workspaces that match: from a place that chance chooses to the end, then those before it.
async fn around(bus: &Bus, query: &Query) -> Result<Vec<Row>, Fault> {
    let place = usize::try_from(bus.ids().below(BEGINNINGS.len() as u64)).unwrap_or_default();
    let start: Option<WorkspaceId> =
        BEGINNINGS.get(place..=place).and_then(|name| name.parse().ok());
    let mut rows = pages(bus, query, start.clone(), None).await?;
    if start.is_some() && rows.len() < FOUND_MAX {
        rows.extend(pages(bus, query, None, start.as_ref()).await?);
    }
    Ok(rows)
}

/// The workspaces that match after one name and up to another, page by page.
async fn pages(
    bus: &Bus,
    query: &Query,
    mut after: Option<WorkspaceId>,
    until: Option<&WorkspaceId>,
) -> Result<Vec<Row>, Fault> {
    let within = |row: &Row| until.is_none_or(|until| row.workspace <= *until);
    let mut rows = Vec::new();
    while rows.len() < FOUND_MAX {
        let page = bus.journal().find(query, after.as_ref(), PAGE).await?;
        let more = page.len() == PAGE && page.last().is_some_and(within);
        after = page.last().map(|row| row.workspace.clone());
        rows.extend(page.into_iter().filter(within));
        if !more {
            break;
        }
    }
    Ok(rows)
}
