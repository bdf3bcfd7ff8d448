//! What a write to the tables costs, in write request units: 1 KB each, and two for each KB in a
//! transaction (docs.aws.amazon.com/amazondynamodb/latest/developerguide/on-demand-capacity-mode.html).
//!
//! The items are those of the journal's and the ledger's tables on AWS.

/// A transaction's write costs twice.
const TRANSACTION: f64 = 2.0;
/// How large one event's JSON is, in KB: the corpus has 0.4 to 0.9.
const EVENT_KB: f64 = 0.7;
/// How large a record of usage is, in KB: the corpus has 0.86 to 1.02.
pub(super) const RECORD_KB: f64 = 0.95;
/// How large the fold of a workspace is, in KB.
const FOLD_KB: f64 = 2.0;
/// The ids that were seen in an hour, 16 bytes each, in an item of their own.
const SEEN_KB: f64 = 1.0;
/// Sums of the hour and of the day, an item each.
const SUMS: f64 = 2.0;
/// A fold's entries in indexes that one append moves: status or due, each taken out and put in.
const MOVED: f64 = 2.0;

/// Write units of one append of one event, with its place in the feed.
pub(super) fn append() -> f64 {
    let append = units(EVENT_KB);
    let fold = units(FOLD_KB);
    let mark = units(EVENT_KB.min(1.0));
    TRANSACTION * (append + fold + mark) + 2.0 * MOVED + order(EVENT_KB)
}

/// Write units of one batch of usage: what happened, counted once, and its place in the feed.
pub(super) fn batch(records: f64) -> f64 {
    let facts = records * RECORD_KB;
    TRANSACTION * (units(facts) + units(SEEN_KB) + SUMS) + order(facts)
}

/// Write units of one item for each call and nothing else.
pub(super) fn plain() -> f64 {
    units(RECORD_KB)
}

/// The place in the one order: into the index of what is pending and out again, the item rewritten
/// without it, the feed's row, and the counter.
fn order(kb: f64) -> f64 {
    2.0 + TRANSACTION * (units(kb) + units(kb) + 1.0)
}

fn units(kb: f64) -> f64 {
    kb.ceil().max(1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn write_units_follow_from_sizes_and_transactions() {
        // 2 × (1 + 2 + 1) + 4 + (2 + 2 × (1 + 1 + 1))
        assert_eq!(append(), 20.0);
        // 2 × (1 + 1 + 2) + (2 + 2 × (1 + 1 + 1))
        assert_eq!(batch(1.0), 16.0);
        // 76 KB: 2 × (76 + 1 + 2) + (2 + 2 × (76 + 76 + 1))
        assert_eq!(batch(80.0), 466.0);
        assert_eq!(plain(), 1.0);
    }
}
