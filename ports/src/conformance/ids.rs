//! The promises of [`Ids`].

use std::collections::BTreeSet;

use jiff::Timestamp;

use crate::Ids;

rules!($ ids_rules, ids:
    event_ids_are_of_version_seven_and_carry_their_time,
    two_event_ids_are_never_the_same,
    event_ids_of_one_process_sort_by_the_order_in_which_they_were_made,
    a_token_is_256_bits_in_hex_and_never_the_same,
    a_number_is_below_its_bound_and_every_one_comes,
);

/// Enough that a weak source would repeat itself.
const MANY: usize = 20_000;
/// 256 bits in hex.
const TOKEN_LENGTH: usize = 64;

fn at() -> Timestamp {
    Timestamp::from_millisecond(1_780_000_000_123).expect("in range")
}

/// RFC 9562, section 5.7: 48 bits of milliseconds come first.
pub async fn event_ids_are_of_version_seven_and_carry_their_time(ids: &dyn Ids, _: &str) {
    let id = ids.event_id(at()).0;
    assert_eq!(id.get_version_num(), 7);
    let ms = id.as_u128() >> 80;
    assert_eq!(i64::try_from(ms).expect("48 bits"), at().as_millisecond());
}

/// Also within one millisecond.
pub async fn two_event_ids_are_never_the_same(ids: &dyn Ids, _: &str) {
    let all: BTreeSet<_> = (0..MANY).map(|_| ids.event_id(at())).collect();
    assert_eq!(all.len(), MANY);
}

/// So that a sorted log reads as it happened.
pub async fn event_ids_of_one_process_sort_by_the_order_in_which_they_were_made(
    ids: &dyn Ids,
    _: &str,
) {
    let made: Vec<_> = (0..100).map(|_| ids.event_id(at())).collect();
    assert!(made.is_sorted());
}

/// Sessions and links hang on it.
pub async fn a_token_is_256_bits_in_hex_and_never_the_same(ids: &dyn Ids, _: &str) {
    let mut seen = BTreeSet::new();
    for _ in 0..1_000 {
        let token = ids.token();
        let text = token.expose();
        let hex = |c: char| c.is_ascii_digit() || ('a'..='f').contains(&c);
        assert!(text.len() == TOKEN_LENGTH && text.chars().all(hex));
        assert!(seen.insert(text.to_owned()), "a token came twice");
    }
}

/// For jitter: nothing outside, nothing left out.
pub async fn a_number_is_below_its_bound_and_every_one_comes(ids: &dyn Ids, _: &str) {
    assert_eq!(ids.below(1), 0);
    let seen: BTreeSet<u64> = (0..1_000).map(|_| ids.below(7)).collect();
    assert_eq!(seen, (0..7).collect());
}
