//! [`RotationLists`] in the journal's table, by the same code: lists `L#anthropic`, and what all of
//! them fold to side by side in one partition, so that the list of lists is one consistent query.

use async_trait::async_trait;
use aws_sdk_dynamodb::Client;
use events::{Envelope, Event, ProviderId, Rotations, Version};
use jiff::Timestamp;
use ports::{Fault, Rotated, RotationLists};

use crate::Environment;
use crate::journal::{Fold, List, ROTATIONS, Store, items};
use crate::rows::{nonsense, text};

/// The lists of one environment.
#[derive(Clone, Debug)]
pub struct DynamoRotations {
    store: Store,
}

impl DynamoRotations {
    /// The lists of this environment.
    pub fn new(client: Client, environment: &Environment) -> Self {
        Self { store: Store::of(client, environment) }
    }
}

impl Fold for Rotations {
    const RULES: u32 = events::rotation::RULES;

    fn absorb(&mut self, at: Timestamp, event: &Event) {
        self.absorb(at, event);
    }
}

#[async_trait]
impl RotationLists for DynamoRotations {
    async fn load(&self, provider: &ProviderId) -> Result<Rotated, Fault> {
        let (version, rotations) = self.store.load(&List::of_rotations(provider)).await?;
        Ok(Rotated { version, rotations })
    }

    async fn append(
        &self,
        provider: &ProviderId,
        expected: Version,
        events: &[Envelope],
        rotations: &Rotations,
        _due: Option<Timestamp>,
    ) -> Result<Version, Fault> {
        if events.iter().any(|event| Rotations::list_of(&event.event) != Some(provider)) {
            return Err(nonsense(format!("an event of another list than {provider}'s rotations")));
        }
        let list = List::of_rotations(provider);
        self.store.append(&list, expected, events, (rotations, Vec::new())).await
    }

    async fn history(
        &self,
        provider: &ProviderId,
        after: Version,
        limit: usize,
    ) -> Result<Vec<(Version, Envelope)>, Fault> {
        self.store.history(&List::of_rotations(provider), after, limit).await
    }

    async fn list(&self) -> Result<Vec<(ProviderId, Rotations)>, Fault> {
        let query = self.store.query().consistent_read(true).key_condition_expression("pk = :pk");
        let query = query.expression_attribute_values(":pk", text(ROTATIONS));
        let mut lists = Vec::new();
        for head in items(query, usize::MAX).await? {
            let name = head.text("sk")?;
            let provider: ProviderId = name.parse().map_err(|bad| nonsense(format!("{bad}")))?;
            let (_, rotations) = self.store.unfold(&List::of_rotations(&provider), &head).await?;
            lists.push((provider, rotations));
        }
        Ok(lists)
    }
}
