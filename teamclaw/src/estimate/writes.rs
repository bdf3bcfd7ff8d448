//! What a write to the tables costs, in write request units: 1 KB each, and two for each KB in a
//! transaction (docs.aws.amazon.com/amazondynamodb/latest/developerguide/on-demand-capacity-mode.html).
//!
//! The items are those of the ledger's tables on AWS, whose own reckoning (`aws::usage::cost`, which is
//! held against what a table says) a test compares with this one.

/// A transaction's write costs twice.
const TRANSACTION: f64 = 2.0;
/// How large a record of usage is on its way, in KB: the corpus has 0.86 to 1.02 with all that is
/// optional.
pub(super) const RECORD_KB: f64 = 0.85;
/// The sums of the hour, the day and the month, an item each, and each in an index.
const SUMS: f64 = 3.0;
/// How many ids that were seen stand in an item.
const IDS_IN_ITEM: f64 = 54.0;
/// The facts of a batch lie packed: so many KB, and for each record; an item has some besides.
const PACKED_KB: f64 = 0.635;
const PACKED_RECORD_KB: f64 = 0.09;
const ITEM_KB: f64 = 0.293;

/// Write units of one batch of usage: what happened, counted once, and its place in the feed.
pub(super) fn batch(records: f64) -> f64 {
    let packed = PACKED_KB + PACKED_RECORD_KB * records;
    let (item, ids) = (units(ITEM_KB + packed), (records / IDS_IN_ITEM).ceil());
    TRANSACTION * (SUMS + ids + item) + SUMS + order(item, packed)
}

/// Write units of one item for each call and nothing else.
pub(super) fn plain() -> f64 {
    units(RECORD_KB)
}

/// The place in the one order: into the index of what is pending and out again, the item rewritten
/// without it, the feed's row, and the counter.
fn order(item: f64, row: f64) -> f64 {
    2.0 + TRANSACTION * (units(item) + units(row) + 1.0)
}

fn units(kb: f64) -> f64 {
    kb.ceil().max(1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn write_units_follow_from_sizes_and_transactions() {
        // 2 × (3 + 1 + 2) + 3 + (2 + 2 × (2 + 1 + 1))
        assert_eq!(batch(1.0), 25.0);
        // 2 × (3 + 2 + 9) + 3 + (2 + 2 × (9 + 8 + 1))
        assert_eq!(batch(80.0), 69.0);
        assert_eq!(plain(), 1.0);
    }

    #[test]
    fn a_batch_costs_what_the_ledger_says() {
        use aws::usage::cost;
        for records in 1..=cost::MESSAGE_RECORDS {
            let said = cost::count_write_units(records) + cost::order_write_units(records);
            let counted = u32::try_from(records).expect("few").into();
            assert_eq!(batch(counted), f64::from(u32::try_from(said).expect("few")), "{records}");
        }
        assert_eq!(plain(), f64::from(u32::try_from(cost::PUT_WRITE_UNITS).expect("few")));
    }
}
