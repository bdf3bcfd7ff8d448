//! The routes table, fenced by generation and try.

use std::collections::BTreeMap;

use events::{Attempt, Gen, WorkspaceId};
use ports::{Fault, Route, Routes, async_trait};

use super::seat::Call;
use super::{Seat, State};

/// The route of each workspace, and up to where each was closed.
#[derive(Clone, Debug, Default)]
pub struct Table {
    routes: BTreeMap<WorkspaceId, Route>,
    closed: BTreeMap<WorkspaceId, (Gen, Attempt)>,
}

impl Table {
    /// Where a workspace's route leads.
    pub fn of(&self, id: &WorkspaceId) -> Option<&Route> {
        self.routes.get(id)
    }

    /// Every route in force.
    pub fn all(&self) -> impl Iterator<Item = (&WorkspaceId, &Route)> {
        self.routes.iter()
    }

    fn open(&mut self, id: &WorkspaceId, route: &Route) -> bool {
        let this = (route.generation, route.attempt);
        let closed = self.closed.get(id).is_some_and(|fence| *fence >= this);
        let later = self.routes.get(id).is_some_and(|r| (r.generation, r.attempt) > this);
        if !closed && !later {
            self.routes.insert(id.clone(), *route);
        }
        self.routes.get(id) == Some(route)
    }
}

#[async_trait]
impl Routes for Seat {
    async fn open(&self, id: &WorkspaceId, route: &Route) -> Result<bool, Fault> {
        self.call(Call::OpenRoute, |state, _| Ok(state.routes.open(id, route))).await
    }

    async fn close(
        &self,
        id: &WorkspaceId,
        generation: Gen,
        attempt: Attempt,
    ) -> Result<(), Fault> {
        let close = |state: &mut State, _| {
            let up_to = (generation, attempt);
            let fence = state.routes.closed.entry(id.clone()).or_default();
            *fence = (*fence).max(up_to);
            let routes = &mut state.routes.routes;
            routes.retain(|known, r| known != id || (r.generation, r.attempt) > up_to);
            Ok(())
        };
        self.call(Call::CloseRoute, close).await
    }

    async fn find(&self, id: &WorkspaceId) -> Result<Option<Route>, Fault> {
        self.call(Call::FindRoute, |state, _| Ok(state.routes.of(id).copied())).await
    }

    async fn list(&self) -> Result<Vec<(WorkspaceId, Route)>, Fault> {
        let list = |state: &mut State, _| {
            Ok(state.routes.all().map(|(id, route)| (id.clone(), *route)).collect())
        };
        self.call(Call::ListRoutes, list).await
    }
}
