//! The ledger's rows: under which keys they stand, and the writes that count a part of a batch. Pure.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_dynamodb::types::{AttributeValue, Put, TransactWriteItem};
use aws_smithy_types::Blob;
use events::{EventId, WorkspaceId};
use jiff::Timestamp;
use ports::Fault;

use crate::rows::{self, Item, missing, needed, nonsense, number, number_in, part, text, unbuilt};
use crate::usage::cut::{Counted, Part};
use crate::usage::seen::Seen;
use crate::usage::span::Period;
use crate::usage::sums::Sums;

const SECONDS_PER_DAY: i64 = 24 * 3_600;
/// How long ids are kept after their records: longer than a sidecar keeps those that it could not
/// send. What would come later than that, and twice, could be counted twice.
const IDS_KEPT: i64 = 35 * SECONDS_PER_DAY;
/// How long hours are kept, so that an hour can be compared with that of the year before. Days and
/// months are kept for ever.
const HOURS_KEPT: i64 = 400 * SECONDS_PER_DAY;

/// A workspace's rows of sums, by their sort key, with their versions.
pub(crate) type Books = BTreeMap<String, (u64, Sums)>;

/// What is counted already of the hours of a part.
pub(crate) type SeenByHour = BTreeMap<String, Seen>;

/// The partition of a workspace.
pub(crate) fn partition(user: &WorkspaceId) -> String {
    format!("W#{user}")
}

/// Whose a row is.
pub(crate) fn user(row: &Item) -> Result<&str, Fault> {
    let partition = needed(row, "pk")?;
    partition.strip_prefix("W#").ok_or_else(|| nonsense(format!("{partition} is nobody's")))
}

/// The sort key of the sums of a period.
pub(crate) fn sums_key(period: Period, key: &str) -> String {
    format!("{}#{key}", period.letter())
}

/// What every sort key of an hour's ids begins with.
pub(crate) fn ids_prefix(hour: &str) -> String {
    format!("I#{hour}#")
}

/// In which part of the index the rows of a period stand.
pub(crate) fn span(period: Period, part: &str) -> String {
    format!("{}#{part}", period.letter())
}

/// The sums that a row holds.
pub(crate) fn sums(row: &Item) -> Result<Sums, Fault> {
    Sums::read(needed(row, "sums")?)
}

/// The sums that rows hold, with their versions.
pub(crate) fn books(found: &[Item]) -> Result<Books, Fault> {
    let book = |row: &Item| {
        let version = number_in(row, "version")?.ok_or_else(|| missing("version"))?;
        Ok((needed(row, "sk")?.to_owned(), (version, sums(row)?)))
    };
    found.iter().map(book).collect()
}

/// The hour in which a record is counted.
pub(crate) fn hour(counted: &Counted<'_>) -> String {
    Period::Hour.of(counted.record.started)
}

/// The keys of every row of sums that a part touches.
pub(crate) fn keys(of: &Part<'_>) -> Vec<Item> {
    let touched = of.records.iter().flat_map(|counted| {
        Period::ALL.map(|period| sums_key(period, &period.of(counted.record.started)))
    });
    let touched: BTreeSet<String> = touched.collect();
    let key = |sk: String| {
        [("pk", partition(of.user)), ("sk", sk)].map(|(name, value)| (name.to_owned(), text(value)))
    };
    touched.into_iter().map(|sk| Item::from(key(sk))).collect()
}

/// The records of a part that are not counted yet, each once.
pub(crate) fn fresh<'a>(of: &Part<'a>, seen: &SeenByHour) -> Vec<Counted<'a>> {
    let mut met = BTreeSet::new();
    let known = |counted: &Counted<'_>| {
        seen.get(&hour(counted)).is_some_and(|seen| seen.has(counted.envelope.id))
    };
    let fresh = of.records.iter().filter(|it| !known(it) && met.insert(it.envelope.id));
    fresh.copied().collect()
}

/// The writes that count `fresh` records: sums that hold them as well, each if nobody wrote it
/// since it was read, and the ids. No ids are written without the sums of their hour, so that the
/// version of these guards both.
pub(crate) fn writes(
    table: &str,
    user: &WorkspaceId,
    fresh: &[Counted<'_>],
    books: &mut Books,
    seen: &SeenByHour,
) -> Result<Vec<TransactWriteItem>, Fault> {
    let mut touched: BTreeMap<(Period, String), Timestamp> = BTreeMap::new();
    let mut ids: BTreeMap<String, Vec<EventId>> = BTreeMap::new();
    for counted in fresh {
        let started = counted.record.started;
        for period in Period::ALL {
            let key = period.of(started);
            books.entry(sums_key(period, &key)).or_default().1.count(counted.record);
            touched.insert((period, key), started);
        }
        ids.entry(hour(counted)).or_default().push(counted.envelope.id);
    }
    let to = To { table, user };
    let mut writes = Vec::new();
    for ((period, key), started) in &touched {
        let (version, sums) = books.get(&sums_key(*period, key)).cloned().unwrap_or_default();
        writes.push(to.sums(*period, key, version, &sums, *started)?);
        if let (Period::Hour, Some(new)) = (period, ids.get(key)) {
            for row in seen.get(key).cloned().unwrap_or_default().with(new) {
                let sk = format!("{}{:05}", ids_prefix(key), row.place);
                writes.push(to.ids(sk, row.ids, *started)?);
            }
        }
    }
    let write = |put| TransactWriteItem::builder().put(put).build();
    Ok(writes.into_iter().map(write).collect())
}

/// Where rows are written.
struct To<'a> {
    table: &'a str,
    user: &'a WorkspaceId,
}

impl To<'_> {
    fn sums(
        &self,
        period: Period,
        key: &str,
        version: u64,
        sums: &Sums,
        started: Timestamp,
    ) -> Result<Put, Fault> {
        let put = Put::builder()
            .table_name(self.table)
            .item("pk", text(partition(self.user)))
            .item("sk", text(sums_key(period, key)))
            .item("version", number(version.saturating_add(1)))
            .item("sums", text(sums.written()?))
            .item("span", text(span(period, &part(self.user.as_str()))))
            .item("starts", text(key));
        let put = match period {
            Period::Hour => put.item("expires", number(started.as_second() + HOURS_KEPT)),
            Period::Day | Period::Month => put,
        };
        let put = match version {
            0 => put.condition_expression("attribute_not_exists(pk)"),
            _ => put
                .condition_expression("version = :version")
                .expression_attribute_values(":version", number(version)),
        };
        put.build().map_err(unbuilt)
    }

    fn ids(&self, sk: String, ids: Vec<u8>, started: Timestamp) -> Result<Put, Fault> {
        let put = Put::builder()
            .table_name(self.table)
            .item("pk", text(partition(self.user)))
            .item("sk", text(sk))
            .item("ids", AttributeValue::B(Blob::new(ids)))
            .item("expires", number(started.as_second() + IDS_KEPT));
        put.build().map_err(unbuilt)
    }
}

/// The ids of an hour's rows, which were read in the order of their keys.
pub(crate) fn seen(found: &[Item]) -> Result<Seen, Fault> {
    let ids = |row: &Item| {
        let ids = row.get("ids").and_then(|ids| ids.as_b().ok());
        ids.map(|ids| ids.as_ref().to_vec()).ok_or_else(|| rows::missing("ids"))
    };
    Seen::of(&found.iter().map(ids).collect::<Result<Vec<_>, _>>()?)
}
