//! What tokens cost: a versioned table in whole pico-dollars, and the arithmetic over it.
//!
//! A price that is not known gives no cost and a reason, never zero.

use std::collections::BTreeMap;

use jiff::civil::Date;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::usage::Tokens;

/// A millionth of a millionth of a US dollar. `i64` would hold nine million dollars; sums over
/// many requests are made in `i128`.
pub const PICO_PER_DOLLAR: u64 = 1_000_000_000_000;

/// What something cost.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "snake_case", rename_all_fields = "camelCase")]
pub enum Cost {
    /// So much.
    Known {
        /// In millionths of a millionth of a US dollar.
        pico_dollars: u64,
        /// The price table it was computed from.
        #[schemars(length(max = 64))]
        table: String,
    },
    /// Nobody can say.
    Unknown {
        /// Why.
        #[schemars(length(max = 600))]
        why: String,
    },
}

/// Prices in pico-dollars for one token.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Rates {
    /// Input that no cache served or stored.
    pub uncached_input: u64,
    /// Input from a cache.
    pub cache_read: u64,
    /// Input into a five-minute cache.
    pub cache_write5m: u64,
    /// Input into an hour's cache.
    pub cache_write1h: u64,
    /// Output.
    pub output: u64,
    /// What a request with a very long input costs instead, where that is more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub long_context: Option<LongContext>,
}

/// Prices in pico-dollars for one token, of every token of a request with a very long input.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct LongContext {
    /// They hold when the whole input, caches included, is more tokens than this.
    pub above_input: u64,
    /// Input that no cache served or stored.
    pub uncached_input: u64,
    /// Input from a cache.
    pub cache_read: u64,
    /// Input into a five-minute cache.
    pub cache_write5m: u64,
    /// Input into an hour's cache.
    pub cache_write1h: u64,
    /// Output.
    pub output: u64,
}

/// A price table as it is kept in a file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PriceTable {
    /// Names the table in every cost computed from it.
    pub version: String,
    /// Where the numbers come from.
    pub source: String,
    /// When they were read there.
    pub date: Date,
    /// Provider → model → rates. A dated name (`claude-sonnet-4-6-20260217`) finds its family; any
    /// other longer name is another model, whose price nobody knows.
    pub providers: BTreeMap<String, BTreeMap<String, Rates>>,
}

impl PriceTable {
    /// The table that the program brings along.
    ///
    /// # Panics
    /// Never: a test reads the same text.
    pub fn built_in() -> Self {
        serde_json::from_str(include_str!("../prices.json")).expect("prices.json is tested")
    }

    /// What `tokens` of `model` cost.
    pub fn cost(&self, provider: &str, model: &str, tokens: &Tokens) -> Cost {
        let Some(models) = self.providers.get(provider) else {
            return Cost::Unknown { why: format!("no prices for provider {provider}") };
        };
        let Some(rates) = families(model).find_map(|name| models.get(name)) else {
            return Cost::Unknown { why: format!("no price for model {model} of {provider}") };
        };
        match rates.cost(tokens) {
            Some(pico_dollars) => Cost::Known { pico_dollars, table: self.version.clone() },
            None => Cost::Unknown { why: "the sum is larger than can be counted".to_owned() },
        }
    }
}

/// A model's name, and what it is without a date at its end, the longest first. `-20260217`,
/// `@20260217`, `-2026-02-17` and `-latest` say: the same model at some time.
fn families(model: &str) -> impl Iterator<Item = &str> {
    let dates = ["-latest", "-00000000", "-0000-00-00"];
    let undated = dates.into_iter().filter_map(|date| {
        let (family, rest) = model.split_at_checked(model.len().checked_sub(date.len())?)?;
        is_date(rest, date).then_some(family)
    });
    std::iter::once(model).chain(undated)
}

/// Whether a date has this shape, with `@` for its first hyphen or not.
fn is_date(date: &str, shape: &str) -> bool {
    let fits = |(n, (date, shape)): (usize, (u8, u8))| match shape {
        b'0' => date.is_ascii_digit(),
        b'-' if n == 0 => matches!(date, b'-' | b'@'),
        _ => date == shape,
    };
    date.bytes().zip(shape.bytes()).enumerate().all(fits)
}

impl Rates {
    fn cost(&self, tokens: &Tokens) -> Option<u64> {
        let usual = [
            self.uncached_input,
            self.cache_read,
            self.cache_write5m,
            self.cache_write1h,
            self.output,
        ];
        let rates = match self.long_context {
            Some(long) if tokens.input() > long.above_input => [
                long.uncached_input,
                long.cache_read,
                long.cache_write5m,
                long.cache_write1h,
                long.output,
            ],
            _ => usual,
        };
        let counts = [
            tokens.uncached_input,
            tokens.cache_read,
            tokens.cache_write5m,
            tokens.cache_write1h,
            tokens.output,
        ];
        let parts = counts.iter().zip(&rates);
        let sum: u128 = parts.map(|(count, rate)| u128::from(*count) * u128::from(*rate)).sum();
        u64::try_from(sum).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dated_model_finds_its_family_and_an_unknown_one_costs_null() {
        let table = PriceTable::built_in();
        let tokens = Tokens { uncached_input: 1_000_000, output: 1_000_000, ..Tokens::default() };
        let dollars = |model| match table.cost("anthropic", model, &tokens) {
            Cost::Known { pico_dollars, .. } => Some(pico_dollars / PICO_PER_DOLLAR),
            Cost::Unknown { .. } => None,
        };
        assert_eq!(dollars("claude-sonnet-4-6"), Some(18));
        assert_eq!(dollars("claude-sonnet-4-6-20260217"), Some(18));
        assert_eq!(dollars("claude-sonnet-4-6@20260217"), Some(18));
        assert_eq!(dollars("claude-haiku-4-5-20251001"), Some(6));
        assert_eq!(dollars("claude-sonnet-4-60"), None, "a longer number is another model");
        assert_eq!(dollars("claude-sonnet-4-6-fast"), None, "so is a longer name");
        assert_eq!(dollars("nobody-knows"), None);
    }

    #[test]
    fn what_openclaw_calls_by_default_has_a_price() {
        let table = PriceTable::built_in();
        let tokens = Tokens { uncached_input: 1, output: 1, ..Tokens::default() };
        for (provider, model) in [
            ("anthropic", "claude-sonnet-4-6"),
            ("anthropic", "claude-haiku-4-5"),
            ("anthropic", "claude-opus-4-5-20251101"),
            ("openai", "gpt-5.6-luna"),
            ("openai", "gpt-5"),
            ("openai", "gpt-4.1"),
            ("openai", "gpt-4o-2024-08-06"),
            ("openai", "text-embedding-3-small"),
        ] {
            let cost = table.cost(provider, model, &tokens);
            assert!(matches!(cost, Cost::Known { pico_dollars: 1.., .. }), "{model}: {cost:?}");
        }
    }

    #[test]
    fn a_very_long_input_costs_more_where_the_provider_says_so() {
        let table = PriceTable::built_in();
        let of = |uncached_input| {
            let tokens = Tokens { uncached_input, ..Tokens::default() };
            table.cost("openai", "gpt-5.5", &tokens)
        };
        let version = &table.version;
        let known = |pico_dollars| Cost::Known { pico_dollars, table: version.clone() };
        assert_eq!(of(272_000), known(272_000 * 5_000_000));
        assert_eq!(of(272_001), known(272_001 * 10_000_000));
    }

    #[test]
    fn a_sum_beyond_counting_is_unknown_and_no_panic() {
        let tokens = Tokens { output: u64::MAX, ..Tokens::default() };
        let cost = PriceTable::built_in().cost("anthropic", "claude-sonnet-4-6", &tokens);
        assert!(matches!(cost, Cost::Unknown { .. }));
    }
}
