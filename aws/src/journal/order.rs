//! In which order what is pending comes into the feed, and how it is cut into rows. Pure.

use std::collections::BTreeMap;

use events::Version;

use super::keys::Key;

/// How many items with facts one row of the feed may take. A transaction has 100 actions at the
/// most: the counter, the row, and one for each of these.
pub(crate) const ROW_ITEMS_MAX: usize = 98;
/// How many bytes of facts one row may take: 400 KB is an item's end, and a page of rows is read whole.
/// An item with more makes a row of its own.
pub(crate) const ROW_BYTES_MAX: usize = 300_000;

/// An item with facts that have no place in the feed yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Pending {
    /// Its key.
    pub(crate) key: Key,
    /// The version of its list that it was appended to, if it is in a list.
    pub(crate) after: Option<Version>,
    /// The time of its first fact, as text in the order of time.
    pub(crate) since: String,
    /// The facts, as JSON.
    pub(crate) facts: String,
}

/// What comes into each row, in order: each list in its own order, and the lists among each other
/// by time as far as that allows. A clock that was wrong may delay an append, never overtake one.
pub(crate) fn rows(pending: Vec<Pending>) -> Vec<Vec<Pending>> {
    let mut lists: BTreeMap<String, Vec<Pending>> = BTreeMap::new();
    for item in pending {
        lists.entry(item.key.pk.clone()).or_default().push(item);
    }
    let mut ordered: Vec<(String, Pending)> = Vec::new();
    for list in lists.values_mut() {
        list.sort_by(|a, b| (a.after, &a.key).cmp(&(b.after, &b.key)));
        let mut not_before = String::new();
        for item in list.drain(..) {
            not_before = not_before.max(item.since.clone());
            ordered.push((not_before.clone(), item));
        }
    }
    // Stable: what has the same time stays in the order of its list.
    ordered.sort_by(|(a, _), (b, _)| a.cmp(b));
    cut(ordered.into_iter().map(|(_, item)| item))
}

fn cut(ordered: impl Iterator<Item = Pending>) -> Vec<Vec<Pending>> {
    let mut rows: Vec<Vec<Pending>> = Vec::new();
    let mut bytes = 0;
    for item in ordered {
        bytes += item.facts.len();
        match rows.last_mut() {
            Some(row) if row.len() < ROW_ITEMS_MAX && bytes <= ROW_BYTES_MAX => row.push(item),
            _ => {
                bytes = item.facts.len();
                rows.push(vec![item]);
            }
        }
    }
    rows
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn pending(list: u8, after: u64, since: u8, bytes: usize) -> Pending {
        let key = Key { pk: format!("W#{list}"), sk: format!("V#{after:03}") };
        let (since, facts) = (format!("{since:03}"), "x".repeat(bytes));
        Pending { key, after: Some(Version(after)), since, facts }
    }

    proptest! {
        #[test]
        fn a_row_holds_its_bounds_and_each_list_its_order_whatever_the_clocks_said(
            given in prop::collection::vec((0..4_u8, 0..200_u64, any::<u8>(), 0..200_000_usize), 0..250),
        ) {
            let mut given: Vec<_> = given.into_iter().map(|(l, a, s, b)| pending(l, a, s, b)).collect();
            given.sort_by(|a, b| a.key.cmp(&b.key));
            given.dedup_by(|a, b| a.key == b.key);
            let rows = rows(given.clone());
            for row in &rows {
                let bytes: usize = row.iter().map(|item| item.facts.len()).sum();
                prop_assert!((1..=ROW_ITEMS_MAX).contains(&row.len()));
                prop_assert!(row.len() == 1 || bytes <= ROW_BYTES_MAX);
            }
            let mut last: BTreeMap<&str, Option<Version>> = BTreeMap::new();
            for item in rows.iter().flatten() {
                let before = last.insert(&item.key.pk, item.after);
                prop_assert!(before.is_none_or(|before| before < item.after));
            }
            let mut all: Vec<_> = rows.into_iter().flatten().collect();
            all.sort_by(|a, b| a.key.cmp(&b.key));
            prop_assert_eq!(all, given);
        }
    }

    #[test]
    fn lists_stand_among_each_other_by_time() {
        let given = vec![pending(1, 0, 5, 1), pending(2, 0, 3, 1), pending(1, 1, 4, 1)];
        let order: Vec<_> = rows(given).into_iter().flatten().map(|item| item.key).collect();
        let expected = [(2, 0), (1, 0), (1, 1)].map(|(list, after)| pending(list, after, 0, 0).key);
        assert_eq!(order, expected);
    }
}
