//! Homes, which sometimes cannot be mounted and are never replaced by an empty one.

use std::collections::BTreeMap;

use events::{Gen, Reason, ReasonClass, WorkspaceId};
use ports::{Fault, Homes, async_trait};

use super::seat::Call;
use super::{Hazard, Seat, State};

/// The homes that exist, and up to where each was purged.
#[derive(Clone, Debug, Default)]
pub struct Directory {
    homes: BTreeMap<WorkspaceId, Home>,
    purged: BTreeMap<WorkspaceId, Gen>,
    made: u64,
}

#[derive(Clone, Copy, Debug)]
struct Home {
    /// Which one of all that were ever made.
    number: u64,
    /// The latest generation that asked for it.
    asked: Gen,
}

impl Directory {
    /// Whether somebody has a home.
    pub fn has(&self, id: &WorkspaceId) -> bool {
        self.homes.contains_key(id)
    }

    fn ensure(&mut self, id: &WorkspaceId, generation: Gen) -> Result<String, Fault> {
        if self.purged.get(id).is_some_and(|fence| *fence >= generation) {
            return Err(refused("the home was purged"));
        }
        let home = self.homes.entry(id.clone()).or_insert_with(|| {
            self.made += 1;
            Home { number: self.made, asked: generation }
        });
        home.asked = home.asked.max(generation);
        Ok(format!("/homes/{id}/{}", home.number))
    }

    fn purge(&mut self, id: &WorkspaceId, generation: Gen) {
        let fence = self.purged.entry(id.clone()).or_default();
        *fence = (*fence).max(generation);
        self.homes.retain(|known, home| known != id || home.asked > generation);
    }
}

/// A fence that a late call meets.
pub(super) fn refused(words: &str) -> Fault {
    Fault::Refused(Reason::new(ReasonClass::Internal, words))
}

#[async_trait]
impl Homes for Seat {
    async fn ensure(&self, id: &WorkspaceId, generation: Gen) -> Result<String, Fault> {
        let ensure = |state: &mut State, _| {
            if state.weather.strikes(Hazard::HomeFails) {
                let words = "the file system did not mount";
                return Err(Fault::unavailable("the homes", words));
            }
            state.homes.ensure(id, generation)
        };
        self.call(Call::EnsureHome, ensure).await
    }

    async fn purge(&self, id: &WorkspaceId, generation: Gen) -> Result<(), Fault> {
        let purge = |state: &mut State, _| {
            state.homes.purge(id, generation);
            Ok(())
        };
        self.call(Call::PurgeHome, purge).await
    }
}
