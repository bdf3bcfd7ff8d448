//! One list of events and what it folds to: the same for a workspace and for a provider's rotations.

use aws_sdk_dynamodb::types::builders::PutBuilder;
use aws_sdk_dynamodb::types::{AttributeValue, TransactWriteItem};
use events::{Envelope, Event, Version};
use jiff::Timestamp;
use ports::Fault;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::item::Item;
use super::keys::{self, List};
use super::pending::pending;
use super::store::{Store, items};
use crate::rows::cancelled::Unwritten;
use crate::rows::{nonsense, number, text, unbuilt};

/// How many events one append may hold. A transaction has 100 actions at the most: the append, what
/// the list folds to, and a mark for each event.
const EVENTS_MAX: usize = 98;
/// How many items a page of a list's history asks for at the most.
const PAGE: usize = 1_000;
/// Where the actions on what the list folds to, and on the append, stand in a transaction.
const HEAD: usize = 0;
const APPEND: usize = 1;

/// What a list folds to.
pub(crate) trait Fold: Default + Serialize + DeserializeOwned {
    /// The number of the rules by which it is folded.
    const RULES: u32;

    /// Takes one fact in.
    fn absorb(&mut self, at: Timestamp, event: &Event);
}

/// Further attributes of the item that holds a fold: those of the indexes.
pub(crate) type Attributes = Vec<(&'static str, AttributeValue)>;

impl Store {
    /// What a list folds to, and its version; the default at 0 for a list that nobody began.
    pub(crate) async fn load<F: Fold>(&self, list: &List) -> Result<(Version, F), Fault> {
        match self.get(&list.head).await? {
            Some(head) => self.unfold(list, &head).await,
            None => Ok(<_>::default()),
        }
    }

    /// What the item says that holds what a list folds to.
    pub(crate) async fn unfold<F: Fold>(
        &self,
        list: &List,
        head: &Item,
    ) -> Result<(Version, F), Fault> {
        let version = Version(head.number("version")?);
        // A fold by other rules, or one that nobody can read: the events are the truth.
        let current = head.number("rules").is_ok_and(|rules| rules == u64::from(F::RULES));
        match head.json("fold") {
            Ok(fold) if current => Ok((version, fold)),
            _ => self.fold(list).await,
        }
    }

    /// What a list's events alone fold to.
    pub(crate) async fn fold<F: Fold>(&self, list: &List) -> Result<(Version, F), Fault> {
        let (mut last, mut fold) = (Version(0), F::default());
        for (version, fact) in self.history(list, last, usize::MAX).await? {
            fold.absorb(fact.time, &fact.event);
            last = version;
        }
        Ok((last, fold))
    }

    /// Up to `most` events of a list after a version.
    pub(crate) async fn history(
        &self,
        list: &List,
        after: Version,
        most: usize,
    ) -> Result<Vec<(Version, Envelope)>, Fault> {
        if most == 0 {
            return Ok(Vec::new());
        }
        // Every append has an event, so that no more appends than events are ever needed. The fold,
        // if it stands in the same partition, sorts before all of them.
        let page = i32::try_from(most.min(PAGE)).unwrap_or(i32::MAX);
        let query = self.query().consistent_read(true).limit(page);
        let query = query.key_condition_expression("pk = :pk AND sk > :after");
        let query = query.expression_attribute_values(":pk", text(&list.pk));
        let query = query.expression_attribute_values(":after", text(keys::version(after)));
        let mut found = Vec::new();
        for append in items(query, most).await? {
            let first = append.number("after")?;
            let facts: Vec<Envelope> = append.json("envelopes")?;
            let numbered = facts.into_iter().zip(first + 1..);
            let wanted = numbered.filter(|(_, version)| *version > after.0);
            found.extend(wanted.map(|(fact, version)| (Version(version), fact)));
            if found.len() >= most {
                break;
            }
        }
        found.truncate(most);
        Ok(found)
    }

    /// Appends events if the list still is at a version, with what it folds to then.
    pub(crate) async fn append<F: Fold>(
        &self,
        list: &List,
        expected: Version,
        facts: &[Envelope],
        (fold, indexed): (&F, Attributes),
    ) -> Result<Version, Fault> {
        if facts.len() > EVENTS_MAX {
            return Err(nonsense(format!("{} events are too many for one append", facts.len())));
        }
        let version = Version(expected.0.saturating_add(facts.len() as u64));
        let key = list.append(version);
        let append = pending(self.table(), &key, facts)?.item("after", number(expected.0));
        let mut actions =
            vec![put(at(self.head(list, version, fold, indexed)?, expected))?, put(append)?];
        for (fact, version) in facts.iter().zip(expected.0 + 1..) {
            actions.push(put(self.mark(list, fact, Version(version)))?);
        }
        match self.write(actions).await {
            Ok(()) => Ok(version),
            Err(Unwritten::Fault(fault)) => Err(fault),
            Err(Unwritten::Busy) => self.recorded(list, facts).await?.ok_or(Fault::Conflict),
            Err(Unwritten::Conditions(places)) => {
                let moved_on = places.iter().any(|place| [HEAD, APPEND].contains(place));
                self.recorded(list, facts).await?.ok_or_else(|| {
                    let taken = || nonsense("an event of this append is recorded already");
                    if moved_on { Fault::Conflict } else { taken() }
                })
            }
        }
    }

    /// The item with what a list folds to.
    pub(crate) fn head<F: Fold>(
        &self,
        list: &List,
        version: Version,
        fold: &F,
        indexed: Attributes,
    ) -> Result<PutBuilder, Fault> {
        let json = serde_json::to_string(fold).map_err(|error| nonsense(error.to_string()))?;
        let head = PutBuilder::default()
            .table_name(self.table())
            .item("pk", text(&list.head.pk))
            .item("sk", text(&list.head.sk))
            .item("version", number(version.0))
            .item("rules", number(u64::from(F::RULES)))
            .item("fold", text(json));
        Ok(indexed.into_iter().fold(head, |head, (name, value)| head.item(name, value)))
    }

    /// What says that an event is recorded in a list, and as which version of it.
    fn mark(&self, list: &List, fact: &Envelope, version: Version) -> PutBuilder {
        let key = keys::event(fact.id);
        PutBuilder::default()
            .table_name(self.table())
            .item("pk", text(key.pk))
            .item("sk", text(key.sk))
            .item("list", text(&list.pk))
            .item("version", number(version.0))
            .condition_expression("attribute_not_exists(pk)")
    }

    /// The version that these events led to, if every one of them is in the list already: the answer
    /// to an earlier append of them was lost.
    ///
    /// It is theirs and not the list's: a caller that repeats an append knows nothing of what others
    /// appended since, and must meet a conflict with its next one.
    async fn recorded(&self, list: &List, facts: &[Envelope]) -> Result<Option<Version>, Fault> {
        let keys: Vec<_> = facts.iter().map(|fact| keys::event(fact.id)).collect();
        let marks = self.get_all(&keys, true).await?;
        let ours = marks.iter().filter(|mark| mark.has("list") == Some(list.pk.as_str()));
        let versions = ours.map(|mark| mark.number("version")).collect::<Result<Vec<_>, _>>()?;
        let all = versions.len() == facts.len();
        Ok(versions.into_iter().max().filter(|_| all).map(Version))
    }
}

/// The condition that a list still is at a version.
fn at(put: PutBuilder, version: Version) -> PutBuilder {
    if version == Version(0) {
        return put.condition_expression("attribute_not_exists(pk)");
    }
    put.condition_expression("#version = :expected")
        .expression_attribute_names("#version", "version")
        .expression_attribute_values(":expected", number(version.0))
}

/// A put as one action of a transaction.
pub(super) fn put(put: PutBuilder) -> Result<TransactWriteItem, Fault> {
    Ok(TransactWriteItem::builder().put(put.build().map_err(unbuilt)?).build())
}
