//! What the sweepers suspect, compared in one write.

use std::collections::BTreeMap;

use jiff::Timestamp;
use ports::{Fault, Suspect, Suspects, async_trait};

use super::seat::Call;
use super::{Seat, State};

/// Each suspect, and since when.
#[derive(Clone, Debug, Default)]
pub struct Suspected {
    since: BTreeMap<Suspect, Timestamp>,
}

impl Suspected {
    fn all(&self) -> Vec<(Suspect, Timestamp)> {
        self.since.iter().map(|(suspect, since)| (suspect.clone(), *since)).collect()
    }
}

#[async_trait]
impl Suspects for Seat {
    async fn compare(
        &self,
        now: Timestamp,
        found: &[Suspect],
    ) -> Result<Vec<(Suspect, Timestamp)>, Fault> {
        let compare = |state: &mut State, _| {
            let known = std::mem::take(&mut state.suspected.since);
            let since = |suspect: &Suspect| known.get(suspect).map_or(now, |since| now.min(*since));
            state.suspected.since =
                found.iter().map(|suspect| (suspect.clone(), since(suspect))).collect();
            Ok(state.suspected.all())
        };
        self.call(Call::CompareSuspects, compare).await
    }

    async fn list(&self) -> Result<Vec<(Suspect, Timestamp)>, Fault> {
        self.call(Call::ListSuspects, |state, _| Ok(state.suspected.all())).await
    }
}
