//! A generation and try as one text, so that one condition of DynamoDB compares both. Pure.

use events::{Attempt, Gen};
use ports::Fault;

use crate::rows::nonsense;

/// A text that is greater exactly when the generation and try are later: DynamoDB compares texts by
/// their bytes.
pub(crate) fn mark(generation: Gen, attempt: Attempt) -> String {
    format!("{:020}.{:010}", generation.0, attempt.0)
}

/// The generation and the try that [`mark`] wrote.
pub(crate) fn try_of(mark: &str) -> Result<(Gen, Attempt), Fault> {
    let parts = mark.split_once('.').and_then(|(generation, attempt)| {
        Some((Gen(generation.parse().ok()?), Attempt(attempt.parse().ok()?)))
    });
    parts.ok_or_else(|| nonsense(format!("{mark} is no generation and try")))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_later_generation_or_try_has_a_greater_mark(
            one in (any::<u64>(), any::<u32>()), two in (any::<u64>(), any::<u32>()),
        ) {
            let of = |(generation, attempt)| mark(Gen(generation), Attempt(attempt));
            prop_assert_eq!(of(one).cmp(&of(two)), one.cmp(&two));
            let (generation, attempt) = try_of(&of(one)).expect("a mark");
            prop_assert_eq!((generation.0, attempt.0), one);
        }
    }

    #[test]
    fn what_is_no_mark_is_no_generation_and_try() {
        assert!(try_of("7").is_err() && try_of("a.b").is_err());
    }
}
