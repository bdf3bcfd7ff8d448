//! What counting costs in write units, so that an estimate and the code agree. Tests compare it with
//! what a table says.
//!
//! A write unit is a kilobyte that is written, two in a transaction
//! (amazondynamodb/latest/developerguide/read-write-operations.html). A full message of 80 records
//! is counted for 32 units and ordered into the feed for 37, 69 together. One `PutItem` a record,
//! which adds nothing up and counts twice what comes twice, would be 80. A message of one record is
//! 25, so what saves is to send few of them.

use crate::usage::seen::IDS_IN_ROW;

/// How many records a full message has.
pub const MESSAGE_RECORDS: u64 = super::cut::RECORDS_MAX as u64;
/// What one `PutItem` a record would cost, which is below a kilobyte.
pub const PUT_WRITE_UNITS: u64 = 1;

/// The rows that count a message of one workspace in one hour: the hour, the day and the month,
/// below a kilobyte for a person of a few models and keys.
const SUMS: u64 = 3;
/// What a write in a transaction costs for each kilobyte.
const IN_TRANSACTION: u64 = 2;
/// The bytes of a packed message without its records, and of each of them; a record is 850 bytes
/// of JSON.
const PACKED_BYTES: u64 = 650;
const PACKED_RECORD_BYTES: u64 = 92;
/// The bytes of an item of facts besides them.
const ITEM_BYTES: u64 = 300;

/// Write units to count a message of so many records of one workspace, in one hour: the sums in
/// their table and its index, the ids, and the item of facts with its place in an index.
pub const fn count_write_units(records: u64) -> u64 {
    let ids = records.div_ceil(IDS_IN_ROW as u64);
    let facts = kilobytes(ITEM_BYTES + packed(records));
    IN_TRANSACTION * (SUMS + ids + facts) + SUMS + 1
}

/// Write units to give a message its place in the feed, when it is ordered by itself: the row, the
/// count of rows, and the item that is pending no longer, also in its index. Messages that are
/// ordered together share the count and the last kilobyte.
pub const fn order_write_units(records: u64) -> u64 {
    let item = kilobytes(ITEM_BYTES + packed(records));
    let row = kilobytes(packed(records));
    IN_TRANSACTION * (item + row + 1) + 1
}

const fn packed(records: u64) -> u64 {
    PACKED_BYTES + PACKED_RECORD_BYTES * records
}

const fn kilobytes(bytes: u64) -> u64 {
    bytes.div_ceil(1_024)
}
