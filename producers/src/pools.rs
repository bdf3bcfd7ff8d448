//! How a fact about a rotation gets onto its provider's list: as a workspace's gets onto its own
//! ([`crate::bus`]). Decided on what is known, appended if nothing else was meanwhile, the timer
//! set, the consumer nudged, in this order.

use std::sync::Arc;
use std::time::Duration;

use events::envelope::Cause;
use events::rotation::{self, Next};
use events::{Class, Event, ProviderId, Reason, Rotations};
use jiff::Timestamp;
use ports::{Fault, Nudge, Outgoing, Rotated, RotationLists};

use crate::bus::Bus;

/// How often a decision is made anew when somebody else recorded something first: one rotation has
/// few who write about it.
const CONFLICTS_MAX: usize = 16;

/// Where the facts of rotations go. Cheap to clone.
#[derive(Clone)]
pub struct Pools {
    bus: Bus,
    lists: Arc<dyn RotationLists>,
    policy: rotation::Policy,
}

impl Pools {
    /// Puts the parts together.
    pub fn new(bus: Bus, lists: Arc<dyn RotationLists>, policy: rotation::Policy) -> Self {
        Self { bus, lists, policy }
    }

    /// The same over another bus, such as one with a later clock.
    #[must_use]
    pub fn over(&self, bus: &Bus) -> Self {
        Self { bus: bus.clone(), ..self.clone() }
    }

    /// What has been recorded.
    pub fn lists(&self) -> &dyn RotationLists {
        &*self.lists
    }

    /// Now.
    pub fn now(&self) -> Timestamp {
        self.bus.now()
    }

    /// What must happen now.
    pub fn next(&self, provider: &ProviderId, rotations: &Rotations) -> Next {
        rotation::next(provider, rotations, &self.policy, self.now())
    }

    /// Lets `decide` say what to record given what is known, and records it on the condition that
    /// this is still what is known. Gives the rotations afterwards.
    ///
    /// # Errors
    /// [`Fault::Refused`] with the reason that `decide` gave; what the lists or the queue said.
    pub async fn put(
        &self,
        source: &str,
        provider: &ProviderId,
        decide: impl Fn(&Rotations) -> Result<Event, Reason> + Send,
    ) -> Result<Rotated, Fault> {
        for _ in 0..CONFLICTS_MAX {
            let loaded = self.lists.load(provider).await?;
            let event = decide(&loaded.rotations).map_err(Fault::Refused)?;
            match self.record(source, provider, loaded, None, event).await {
                Err(Fault::Conflict) => {}
                other => return other,
            }
        }
        Err(Fault::Conflict)
    }

    /// Records an event on what was loaded, sets the timer and nudges.
    ///
    /// # Errors
    /// [`Fault::Conflict`] when the list has moved on since; nothing was recorded then.
    pub async fn record(
        &self,
        source: &str,
        provider: &ProviderId,
        loaded: Rotated,
        cause: Option<Cause>,
        event: Event,
    ) -> Result<Rotated, Fault> {
        let Rotated { mut rotations, version } = loaded;
        let envelope = self.bus.envelope(source, None, cause, event);
        rotations.absorb(envelope.time, &envelope.event);
        let due = rotation::due(provider, &rotations, &self.policy, self.now());
        let cause = Some(envelope.as_cause());
        let version = self.lists.append(provider, version, &[envelope], &rotations, due).await?;
        self.bus.set_timer(&provider.into(), due).await?;
        self.nudge_next(provider, &rotations, cause).await?;
        Ok(Rotated { rotations, version })
    }

    /// Nudges the consumer if there is anything to do now; gives whether there is. Safe to repeat.
    ///
    /// # Errors
    /// What the queue said.
    pub async fn nudge_next(
        &self,
        provider: &ProviderId,
        rotations: &Rotations,
        cause: Option<Cause>,
    ) -> Result<bool, Fault> {
        if matches!(self.next(provider, rotations), Next::Wait { .. }) {
            return Ok(false);
        }
        self.nudge(provider, cause).await?;
        Ok(true)
    }

    /// Nudges the consumer of keys.
    ///
    /// # Errors
    /// What the queue said.
    pub async fn nudge(&self, provider: &ProviderId, cause: Option<Cause>) -> Result<(), Fault> {
        let nudge = Nudge { about: provider.into(), cause };
        self.bus.nudge(Class::Keys, Outgoing { nudge, group: None, delay: Duration::ZERO }).await
    }

    /// Sets the timer of a provider's keys: for a look that found nothing to do yet.
    ///
    /// # Errors
    /// What the timers said.
    pub async fn set_timer(
        &self,
        provider: &ProviderId,
        due: Option<Timestamp>,
    ) -> Result<(), Fault> {
        self.bus.set_timer(&provider.into(), due).await
    }
}
