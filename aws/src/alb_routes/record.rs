//! Which route is wanted and which is in force, up to what each workspace was closed, and who holds
//! which slot.

use std::net::SocketAddr;

use events::token::token_hash;
use events::{Attempt, Gen, WorkspaceId};
use ports::{Fault, Route};

use super::SLOTS;
use crate::conditions::{Change, Changed, Row, Rows, number, text};
use crate::marks::mark;
use crate::tables::Table;

/// The table: a partition of routes and one of slots, each of 90 rows at the most.
pub const ALB_ROUTES: Table = Table {
    name: "alb-routes",
    hash: "kind",
    range: Some("about"),
    indexes: &[],
    expires: None,
    stream: false,
};

/// The partition of routes, by workspace.
const ROUTE: &str = "route";
/// The partition of slots, by number.
const SLOT: &str = "slot";

/// What a close leaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Closed {
    /// A later route, which stays.
    Later,
    /// No route.
    Nothing,
}

fn route(row: &Row) -> Option<Route> {
    Some(Route {
        generation: Gen(row.number("generation")?),
        attempt: Attempt(u32::try_from(row.number("attempt")?).ok()?),
        address: row.text("taskAddress")?.parse().ok()?,
    })
}

fn in_force(row: &Row) -> Option<Route> {
    let wanted = route(row)?;
    (row.text("inForce")? == shown(&wanted)).then_some(wanted)
}

/// A route as one text, to compare.
fn shown(route: &Route) -> String {
    format!("{} {}", mark(route.generation, route.attempt), address(route.address))
}

fn address(address: SocketAddr) -> String {
    address.to_string()
}

/// The table.
#[derive(Clone, Debug)]
pub(super) struct Record(pub(super) Rows);

impl Record {
    async fn change(&self, id: &WorkspaceId, change: Change<'_>) -> Result<Changed, Fault> {
        self.0.change(ROUTE, id.as_str(), change).await
    }

    /// A route is to come into force, unless a later one is or it was closed.
    pub(super) async fn want(&self, id: &WorkspaceId, route: &Route) -> Result<bool, Fault> {
        let values = vec![
            (":mark", text(mark(route.generation, route.attempt))),
            (":generation", number(route.generation.0)),
            (":attempt", number(u64::from(route.attempt.0))),
            (":address", text(address(route.address))),
        ];
        let update = "SET openMark = :mark, generation = :generation, attempt = :attempt, \
                      taskAddress = :address";
        let when = "(attribute_not_exists(closed) OR closed < :mark) \
                    AND (attribute_not_exists(openMark) OR openMark <= :mark)";
        Ok(matches!(self.change(id, Change { update, when, values }).await?, Changed::Done(_)))
    }

    /// The route that is to be in force.
    pub(super) async fn wanted(&self, id: &WorkspaceId) -> Result<Option<Route>, Fault> {
        Ok(route(&self.0.read(ROUTE, id.as_str()).await?))
    }

    /// The load balancer follows the route, if it is still the one that is wanted.
    pub(super) async fn in_force(&self, id: &WorkspaceId, route: &Route) -> Result<bool, Fault> {
        let values = vec![
            (":mark", text(mark(route.generation, route.attempt))),
            (":address", text(address(route.address))),
            (":shown", text(shown(route))),
        ];
        let update = "SET inForce = :shown";
        let when = "openMark = :mark AND taskAddress = :address";
        Ok(matches!(self.change(id, Change { update, when, values }).await?, Changed::Done(_)))
    }

    /// From now on nothing up to this generation and try opens; no such route is wanted any more.
    pub(super) async fn close(
        &self,
        id: &WorkspaceId,
        generation: Gen,
        attempt: Attempt,
    ) -> Result<Closed, Fault> {
        let fence = mark(generation, attempt);
        let values = vec![(":mark", text(&fence))];
        let update = "SET closed = :mark";
        let when = "attribute_not_exists(closed) OR closed < :mark";
        self.change(id, Change { update, when, values }).await?;
        let values = vec![(":mark", text(&fence))];
        let update = "REMOVE openMark, generation, attempt, taskAddress, inForce";
        let when = "attribute_not_exists(openMark) OR openMark <= :mark";
        Ok(match self.change(id, Change { update, when, values }).await? {
            Changed::Done(_) => Closed::Nothing,
            Changed::Not(_) => Closed::Later,
        })
    }

    /// The route in force.
    pub(super) async fn find(&self, id: &WorkspaceId) -> Result<Option<Route>, Fault> {
        Ok(in_force(&self.0.read(ROUTE, id.as_str()).await?))
    }

    /// Every route in force.
    pub(super) async fn list(&self) -> Result<Vec<(WorkspaceId, Route)>, Fault> {
        let rows = self.0.all(ROUTE).await?;
        let of = |row: &Row| Some((row.text("about")?.parse().ok()?, in_force(row)?));
        Ok(rows.iter().filter_map(of).collect())
    }

    /// The slot that the workspace holds, or the next free one, without those passed over.
    pub(super) async fn lease(&self, id: &WorkspaceId, passed_over: &[u32]) -> Result<u32, Fault> {
        let first = first_slot(id);
        for step in 0..SLOTS {
            let slot = (first + step) % SLOTS;
            if passed_over.contains(&slot) {
                continue;
            }
            let values = vec![(":id", text(id.as_str()))];
            let update = "SET heldBy = :id";
            let when = "attribute_not_exists(heldBy) OR heldBy = :id";
            let change = Change { update, when, values };
            if let Changed::Done(_) = self.0.change(SLOT, &name(slot), change).await? {
                return Ok(slot);
            }
        }
        let words = format!("all {SLOTS} are taken; the router serves more people");
        Err(Fault::NoCapacity { what: "load balancer rules", words })
    }

    /// Gives back every slot that the workspace holds. A row that says nothing is free.
    pub(super) async fn release(&self, id: &WorkspaceId) -> Result<(), Fault> {
        let held = |row: &Row| row.text("heldBy") == Some(id.as_str());
        for row in self.0.all(SLOT).await?.iter().filter(|row| held(row)) {
            let Some(slot) = row.text("about") else { continue };
            let values = vec![(":id", text(id.as_str()))];
            let change = Change { update: "REMOVE heldBy", when: "heldBy = :id", values };
            self.0.change(SLOT, slot, change).await?;
        }
        Ok(())
    }
}

/// Where a workspace begins to look, so that a repeat finds its own slot first.
fn first_slot(id: &WorkspaceId) -> u32 {
    let hash = token_hash(id.as_str());
    hash.get(..8).and_then(|digits| u32::from_str_radix(digits, 16).ok()).unwrap_or(0) % SLOTS
}

fn name(slot: u32) -> String {
    format!("{slot:05}")
}
