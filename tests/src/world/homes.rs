//! Homes, which sometimes cannot be mounted and are never replaced by an empty one.

use std::collections::BTreeMap;

use events::WorkspaceId;
use ports::{Fault, Homes, async_trait};

use super::seat::Call;
use super::{Hazard, Seat, State};

/// The homes that exist, and how often each was made.
#[derive(Clone, Debug, Default)]
pub struct Directory {
    homes: BTreeMap<WorkspaceId, u64>,
    made: u64,
}

impl Directory {
    /// Whether somebody has a home.
    pub fn has(&self, id: &WorkspaceId) -> bool {
        self.homes.contains_key(id)
    }

    /// Every home that exists.
    pub fn all(&self) -> impl Iterator<Item = &WorkspaceId> {
        self.homes.keys()
    }
}

#[async_trait]
impl Homes for Seat {
    async fn ensure(&self, id: &WorkspaceId) -> Result<String, Fault> {
        let ensure = |state: &mut State, _| {
            if state.weather.strikes(Hazard::HomeFails) {
                let words = "the file system did not mount";
                return Err(Fault::unavailable("the homes", words));
            }
            let Directory { homes, made } = &mut state.homes;
            let number = *homes.entry(id.clone()).or_insert_with(|| {
                *made += 1;
                *made
            });
            Ok(format!("/homes/{id}/{number}"))
        };
        self.call(Call::EnsureHome, ensure).await
    }

    async fn purge(&self, id: &WorkspaceId) -> Result<(), Fault> {
        let purge = |state: &mut State, _| {
            state.homes.homes.remove(id);
            Ok(())
        };
        self.call(Call::PurgeHome, purge).await
    }
}
