//! The line in front of the compute, where a world has one.

use std::collections::BTreeMap;

use events::admission::{Bucket, Rate, place};
use events::{Attempt, Gen, WorkspaceId};
use jiff::Timestamp;
use ports::{Admission, Fault, Starts, async_trait};

use super::seat::Call;
use super::{Seat, State};

/// The slots that were given.
#[derive(Clone, Debug, Default)]
pub struct Line {
    /// At which rate; none where there is no line.
    pub rate: Option<Rate>,
    bucket: Option<Bucket>,
    slots: BTreeMap<(WorkspaceId, Gen, Attempt), Timestamp>,
    /// How often somebody asked.
    pub asked: u64,
}

#[async_trait]
impl Starts for Seat {
    async fn admit(
        &self,
        id: &WorkspaceId,
        generation: Gen,
        attempt: Attempt,
        now: Timestamp,
    ) -> Result<Admission, Fault> {
        let admit = |state: &mut State, _| {
            let line = &mut state.line;
            line.asked += 1;
            let rate = line.rate.unwrap_or(Rate::FARGATE);
            let key = (id.clone(), generation, attempt);
            let slot = line.slots.get(&key).copied().unwrap_or_else(|| {
                let (bucket, slot) = Bucket::reserve(line.bucket, now, rate);
                line.bucket = Some(bucket);
                slot
            });
            line.slots.insert(key, slot);
            Ok(Admission { slot, place: place(slot, now, rate) })
        };
        self.call(Call::Admit, admit).await
    }
}
