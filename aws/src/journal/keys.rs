//! Under which keys the journal's items stand, as pure functions of what they hold. Nothing else
//! makes a key.

use events::{EventId, ProviderId, Version, WorkspaceId};
use ports::Cursor;
use sha2::{Digest, Sha256};

/// Over how many partitions of an index or of the feed the writes of one moment are spread. One
/// takes 1,000 write units a second (docs.aws.amazon.com/amazondynamodb/latest/developerguide/
/// bp-partition-key-design.html); an append puts one unit into the index of what is pending and
/// takes it out again, so that eight take 4,000 appends a second. Never another number for a table that
/// has rows: it says where each of them stands.
pub(crate) const SHARDS: u8 = 8;
/// How many bits of a cursor say which event of a row it is. A row of 300 KB has far fewer events,
/// and 2^37 rows remain before a JSON reader that knows only doubles would round.
const PLACE_BITS: u32 = 16;

/// The key of one item.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Key {
    /// The partition key.
    pub(crate) pk: String,
    /// The sort key.
    pub(crate) sk: String,
}

/// One list of events: a workspace's, or that of a provider's rotations.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct List {
    /// The partition of its appends.
    pub(crate) pk: String,
    /// The item that says what the list folds to.
    pub(crate) head: Key,
}

/// What stands before a workspace's name in its partition key.
const WORKSPACE: &str = "W#";
/// The partition that holds the fold of every provider's rotations.
pub(crate) const ROTATIONS: &str = "L";

impl List {
    /// A workspace's.
    pub(crate) fn of_workspace(id: &WorkspaceId) -> Self {
        let pk = format!("{WORKSPACE}{id}");
        Self { head: Key { pk: pk.clone(), sk: "P".to_owned() }, pk }
    }

    /// That of a provider's rotations.
    pub(crate) fn of_rotations(provider: &ProviderId) -> Self {
        let head = Key { pk: ROTATIONS.to_owned(), sk: provider.to_string() };
        Self { pk: format!("{ROTATIONS}#{provider}"), head }
    }

    /// The append that led to a version.
    pub(crate) fn append(&self, led_to: Version) -> Key {
        Key { pk: self.pk.clone(), sk: version(led_to) }
    }
}

/// The workspace whose partition this is.
pub(crate) fn workspace(pk: &str) -> Option<WorkspaceId> {
    pk.strip_prefix(WORKSPACE)?.parse().ok()
}

/// The sort key of the append that led to a version: as text in the order of the numbers.
pub(crate) fn version(version: Version) -> String {
    format!("V#{:020}", version.0)
}

/// What says that an event is recorded: the event itself if it is in no list, else a mark.
pub(crate) fn event(id: EventId) -> Key {
    Key { pk: format!("E#{id}"), sk: "E".to_owned() }
}

/// How many rows the feed has.
pub(crate) fn counter() -> Key {
    Key { pk: "C".to_owned(), sk: "C".to_owned() }
}

/// A row of the feed. Neighbours stand in different partitions.
pub(crate) fn row(number: u64) -> Key {
    Key { pk: format!("F#{}", number % u64::from(SHARDS)), sk: format!("{number:020}") }
}

/// In which part of an index something stands.
pub(crate) fn shard(pk: &str) -> u8 {
    Sha256::digest(pk.as_bytes())[0] % SHARDS
}

/// A part of an index, by name.
pub(crate) fn part(of: &str, shard: u8) -> String {
    format!("{of}#{shard}")
}

/// In which row to read on after a cursor, and how many of its events are known already.
pub(crate) fn place(after: Cursor) -> (u64, usize) {
    let known = after.0 & ((1 << PLACE_BITS) - 1);
    (after.0 >> PLACE_BITS, usize::try_from(known).unwrap_or(usize::MAX))
}

/// The cursor of the event at a place in a row of so many events, both counted from one. That of
/// a row's last event is the beginning of the next row, so that whoever has read a row need not
/// look at it again to know that it has ended.
pub(crate) fn cursor(row: u64, place: usize, of: usize) -> Cursor {
    let begins = |row: u64| row << PLACE_BITS;
    if place >= of {
        return Cursor(begins(row.saturating_add(1)));
    }
    Cursor(begins(row) | u64::try_from(place).unwrap_or(u64::MAX) & ((1 << PLACE_BITS) - 1))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn no_two_kinds_of_items_share_a_partition() {
        let ann = List::of_workspace(&"ann".parse().expect("a name"));
        let pool = List::of_rotations(&"anthropic".parse().expect("an id"));
        assert_eq!(ann.append(Version(7)).sk, "V#00000000000000000007");
        let nil = "\"00000000-0000-0000-0000-000000000000\"";
        let id: EventId = serde_json::from_str(nil).expect("an id");
        let all = [ann.pk, pool.pk, pool.head.pk, event(id).pk, counter().pk, row(9).pk];
        let expected =
            ["W#ann", "L#anthropic", "L", "E#00000000-0000-0000-0000-000000000000", "C", "F#1"];
        assert_eq!(all, expected);
    }

    #[test]
    fn a_person_s_partition_names_the_person_and_no_other_does() {
        assert_eq!(workspace("W#ann"), "ann".parse().ok());
        assert_eq!(workspace("L#anthropic"), None);
    }

    proptest! {
        #[test]
        fn text_stands_in_the_order_of_what_it_says(
            a in 0..u64::MAX, b in 0..u64::MAX,
        ) {
            prop_assert_eq!(version(Version(a)).cmp(&version(Version(b))), a.cmp(&b));
            prop_assert_eq!(row(a).sk.cmp(&row(b).sk), a.cmp(&b));
        }

        #[test]
        fn cursors_rise_and_lead_to_the_next_event(sizes in prop::collection::vec(1..2_000_usize, 1..6)) {
            let mut last = Cursor(0);
            let mut all = sizes.iter().enumerate().flat_map(|(row, of)| {
                (1..=*of).map(move |place| (row as u64, place, *of))
            }).peekable();
            prop_assert_eq!(place(last), (0, 0));
            while let Some((row, at, of)) = all.next() {
                let next = cursor(row, at, of);
                prop_assert!(next > last);
                last = next;
                let expected = all.peek().map_or((row + 1, 0), |(row, at, _)| (*row, at - 1));
                prop_assert_eq!(place(next), expected);
            }
        }
    }
}
