//! Which records of an hour are counted already, as the rows that hold their ids. Pure.
//!
//! A row is filled to a kilobyte, which is what one write unit writes, and then the next begins: so
//! counting costs the same however much a workspace used in the hour.

use std::collections::BTreeSet;

use events::EventId;
use ports::Fault;

use crate::rows::nonsense;

/// How many ids a row holds: 16 bytes each, so that with its keys it stays below 1,024 bytes.
pub(crate) const IDS_IN_ROW: usize = 54;
/// The bytes of an id.
const ID: usize = 16;

/// A row of ids that is to be written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct IdRow {
    /// Its place among the rows of its hour, from 0 on.
    pub(crate) place: usize,
    /// All its ids, one after the other.
    pub(crate) ids: Vec<u8>,
}

/// The ids of an hour's rows, in the order of their places.
#[derive(Clone, Debug, Default)]
pub(crate) struct Seen {
    known: BTreeSet<[u8; ID]>,
    rows: usize,
    last: Vec<u8>,
}

impl Seen {
    /// What these rows hold.
    pub(crate) fn of(rows: &[Vec<u8>]) -> Result<Self, Fault> {
        let mut known = BTreeSet::new();
        for row in rows {
            let (ids, rest) = row.as_chunks::<ID>();
            if !rest.is_empty() {
                return Err(nonsense("a row of ids that ends within one"));
            }
            known.extend(ids);
        }
        Ok(Self { known, rows: rows.len(), last: rows.last().cloned().unwrap_or_default() })
    }

    /// Whether a record is counted.
    pub(crate) fn has(&self, id: EventId) -> bool {
        self.known.contains(id.0.as_bytes())
    }

    /// The rows that hold these new ids as well: the last one filled up, and others after it.
    pub(crate) fn with(&self, ids: &[EventId]) -> Vec<IdRow> {
        let mut rows: Vec<IdRow> = Vec::new();
        let mut row = IdRow { place: self.rows.saturating_sub(1), ids: self.last.clone() };
        let mut changed = false;
        for id in ids {
            if row.ids.len() >= IDS_IN_ROW * ID {
                let next = IdRow { place: row.place + 1, ids: Vec::new() };
                let full = std::mem::replace(&mut row, next);
                rows.extend(changed.then_some(full));
            }
            row.ids.extend(id.0.as_bytes());
            changed = true;
        }
        rows.extend(changed.then_some(row));
        rows
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn id(n: usize) -> EventId {
        let json = format!("\"01900000-0000-7000-8000-{n:012x}\"");
        serde_json::from_str(&json).expect("an id")
    }

    proptest! {
        /// Whatever they came in: no row is too long, and none is written that stays as it is.
        #[test]
        fn what_was_counted_is_known_and_nothing_else_is(
            batches in prop::collection::vec(0..100_usize, 0..8),
        ) {
            let mut rows: Vec<Vec<u8>> = Vec::new();
            let mut counted = 0;
            for size in batches {
                let seen = Seen::of(&rows).expect("rows");
                let ids: Vec<_> = (counted..counted + size).map(id).collect();
                prop_assert!(ids.iter().all(|id| !seen.has(*id)));
                let written = seen.with(&ids);
                prop_assert!(written.len() <= 1 + size.div_ceil(IDS_IN_ROW));
                for row in written {
                    prop_assert!(row.ids.len() <= IDS_IN_ROW * ID);
                    prop_assert!(rows.get(row.place) != Some(&row.ids));
                    rows.resize_with(rows.len().max(row.place + 1), Vec::new);
                    rows[row.place] = row.ids;
                }
                counted += size;
            }
            let seen = Seen::of(&rows).expect("rows");
            prop_assert!((0..counted).all(|n| seen.has(id(n))) && !seen.has(id(counted)));
            prop_assert_eq!(rows.len(), counted.div_ceil(IDS_IN_ROW));
        }
    }

    #[test]
    fn a_row_that_is_no_ids_is_a_fault_and_not_counted_anew() {
        assert!(Seen::of(&[vec![0; ID + 1]]).is_err());
    }
}
