//! A generation and try as one text, so that one condition of DynamoDB compares both. Pure.

use events::{Attempt, Gen};

/// A text that is greater exactly when the generation and try are later: DynamoDB compares texts by
/// their bytes.
pub(crate) fn mark(generation: Gen, attempt: Attempt) -> String {
    format!("{:020}.{:010}", generation.0, attempt.0)
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
        }
    }
}
