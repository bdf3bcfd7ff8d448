//! [`Ids`] from the kernel's randomness.

use std::sync::{Mutex, PoisonError};

use events::{EventId, Secret};
use jiff::Timestamp;
use ports::Ids;
use uuid::Builder;

/// The bits of a UUIDv7 that are not its time, version or variant (RFC 9562, section 5.7).
const TAIL_BITS: u32 = 74;
/// Those of them before the variant.
const HEAD_BITS: u32 = 12;

/// How many random bytes are asked for at once: an identity takes 16, and asking is a system call.
const STOCK_LENGTH: usize = 1024;

/// Identities that rise within a millisecond, and secrets of 256 bits.
#[derive(Default)]
pub struct SystemIds(Mutex<Last>);

/// The last identity's time and tail, and random bytes for those to come. Secrets are not made of
/// these.
struct Last {
    millisecond: u64,
    tail: u128,
    stock: [u8; STOCK_LENGTH],
    left: usize,
}

impl Default for Last {
    fn default() -> Self {
        Self { millisecond: 0, tail: 0, stock: [0; STOCK_LENGTH], left: 0 }
    }
}

impl Last {
    /// Random bytes that nobody else gets.
    fn random<const N: usize>(&mut self) -> [u8; N] {
        if self.left < N {
            (self.stock, self.left) = (random(), STOCK_LENGTH);
        }
        self.left -= N;
        let taken = &self.stock[self.left..self.left + N];
        taken.try_into().unwrap_or([0; N])
    }
}

impl Ids for SystemIds {
    fn event_id(&self, at: Timestamp) -> EventId {
        let millisecond = u64::try_from(at.as_millisecond()).unwrap_or(0);
        let mut last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        last.tail = if millisecond == last.millisecond {
            // A random step up keeps the order within the millisecond and the next one unguessable.
            last.tail + 1 + u128::from(u32::from_ne_bytes(last.random()))
        } else {
            // The top bit is left clear, so that no number of steps within a millisecond overflows.
            u128::from_ne_bytes(last.random()) & ((1 << (TAIL_BITS - 1)) - 1)
        };
        last.millisecond = millisecond;
        EventId(Builder::from_unix_timestamp_millis(millisecond, &bytes(last.tail)).into_uuid())
    }

    fn token(&self) -> Secret {
        let bytes: [u8; 32] = random();
        Secret::new(bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>())
    }

    fn below(&self, bound: u64) -> u64 {
        let scaled = u128::from(u64::from_ne_bytes(random())) * u128::from(bound);
        u64::try_from(scaled >> 64).unwrap_or(0)
    }
}

/// The tail around the gaps in which version and variant go.
fn bytes(tail: u128) -> [u8; 10] {
    let low = TAIL_BITS - HEAD_BITS;
    let head = u16::try_from((tail >> low) & ((1 << HEAD_BITS) - 1)).unwrap_or(0);
    let rest = u64::try_from(tail & ((1 << low) - 1)).unwrap_or(0);
    let mut bytes = [0; 10];
    bytes[..2].copy_from_slice(&head.to_be_bytes());
    bytes[2..].copy_from_slice(&rest.to_be_bytes());
    bytes
}

#[expect(
    clippy::disallowed_methods,
    reason = "this is the root from which everybody has randomness"
)]
fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).expect("Linux gives random bytes once it has started");
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn identities_of_one_millisecond_rise_and_say_its_time() {
        let ids = SystemIds::default();
        let at = Timestamp::from_millisecond(1_790_000_000_123).expect("in range");
        let made: Vec<_> = (0..10_000).map(|_| ids.event_id(at)).collect();
        assert!(made.is_sorted_by(|a, b| a < b));
        for id in made {
            assert_eq!(id.0.get_version_num(), 7);
            assert_eq!(id.0.as_u128() >> 80, 1_790_000_000_123);
        }
    }

    #[test]
    fn identities_differ_when_the_time_goes_back() {
        let ids = SystemIds::default();
        let at = |ms| Timestamp::from_millisecond(ms).expect("in range");
        let made: std::collections::BTreeSet<_> =
            (0..1_000).map(|n| ids.event_id(at(1_790_000_000_000 + n % 2))).collect();
        assert_eq!(made.len(), 1_000);
    }

    #[test]
    fn a_number_is_below_its_bound() {
        let ids = SystemIds::default();
        assert_eq!(ids.below(1), 0);
        assert!((0..1_000).all(|_| ids.below(10) < 10));
        assert!((0..1_000).any(|_| ids.below(u64::MAX) > u64::MAX / 2));
    }

    #[test]
    fn a_token_has_256_bits_and_no_two_are_the_same() {
        let ids = SystemIds::default();
        let (one, two) = (ids.token(), ids.token());
        assert_eq!(one.expose().len(), 64);
        assert!(!one.matches(two.expose()));
    }
}
