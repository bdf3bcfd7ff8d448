//! What a request is counted as: the provider's own numbers; where it told none, an estimate that
//! says so; and what that costs, or why nobody can say.

use events::price::{Cost, PICO_PER_DOLLAR, PriceTable};
use events::usage::{Completion, Tokens};
use serde_json::{Map, Value};

use crate::meter::Reading;
use crate::providers::{OwnCost, Provider};

/// How many bytes of text make a token, about, in all tokenizers in use.
const BYTES_PER_TOKEN: u64 = 4;
/// xAI's unit (docs.x.ai/developers/cost-tracking).
const TICKS_PER_DOLLAR: u64 = 10_000_000_000;
/// What no single request costs. A float holds pico-dollars exactly up to nine thousand dollars.
const DOLLARS_MAX: f64 = 9_000.0;

/// What is recorded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Bill {
    /// The buckets.
    pub(crate) tokens: Tokens,
    /// Whether any of them is not the provider's.
    pub(crate) estimated: bool,
    /// What they cost.
    pub(crate) cost: Cost,
}

/// The bill of a request whose body had so many bytes.
pub(crate) fn bill(
    prices: &PriceTable,
    provider: &Provider,
    model: &str,
    reading: &Reading,
    request_bytes: u64,
) -> Bill {
    let tokens = match reading.completion {
        Completion::Failed => reading.tokens,
        Completion::Complete if reading.raw.is_some() => reading.tokens,
        Completion::Complete | Completion::Aborted => estimated(reading, request_bytes),
    };
    let estimated = tokens != reading.tokens;
    let cost = cost(prices, provider, model, reading, &tokens);
    Bill { tokens, estimated, cost }
}

/// The provider's numbers as far as it told them; the rest from the size of what was sent and seen.
fn estimated(reading: &Reading, request_bytes: u64) -> Tokens {
    let mut tokens = reading.tokens;
    if tokens.input() == 0 {
        tokens.uncached_input = request_bytes.div_ceil(BYTES_PER_TOKEN);
    }
    tokens.output = tokens.output.max(reading.text_bytes.div_ceil(BYTES_PER_TOKEN));
    tokens
}

fn cost(
    prices: &PriceTable,
    provider: &Provider,
    model: &str,
    reading: &Reading,
    tokens: &Tokens,
) -> Cost {
    let unknown = |why: &str| Cost::Unknown { why: why.to_owned() };
    if reading.completion == Completion::Failed {
        return Cost::Known { pico_dollars: 0, table: prices.version.clone() };
    }
    let stated = provider.own_cost().zip(reading.raw.as_ref());
    if let Some(pico_dollars) = stated.and_then(|(how, usage)| own_cost(how, usage)) {
        return Cost::Known { pico_dollars, table: String::from(&*provider.id) };
    }
    if let Some(why) = &reading.unpriced {
        return unknown(why);
    }
    if provider.subscription() {
        return unknown("a subscription is not billed by the token");
    }
    if *tokens == Tokens::default() {
        return unknown("the answer ended before its usage was told");
    }
    prices.cost(&provider.id, model, tokens)
}

/// What the provider itself says that the request cost, in pico-dollars.
fn own_cost(how: OwnCost, usage: &Map<String, Value>) -> Option<u64> {
    match how {
        OwnCost::Ticks => {
            let ticks = usage.get("cost_in_usd_ticks")?.as_u64()?;
            ticks.checked_mul(PICO_PER_DOLLAR / TICKS_PER_DOLLAR)
        }
        OwnCost::Dollars => {
            let credits = pico(usage.get("cost")?)?;
            // With a key of the company's own at the provider behind, that provider's bill comes on
            // top of OpenRouter's fee.
            let behind = usage.get("is_byok").and_then(Value::as_bool).unwrap_or(false);
            let details = usage.get("cost_details").filter(|_| behind);
            let upstream = details.and_then(|details| details.get("upstream_inference_cost"));
            credits.checked_add(upstream.and_then(pico).unwrap_or(0))
        }
    }
}

fn pico(dollars: &Value) -> Option<u64> {
    let dollars = dollars.as_f64().filter(|dollars| (0.0..DOLLARS_MAX).contains(dollars))?;
    // The bounds make it a whole number that a u64 holds.
    Some((dollars * PICO_PER_DOLLAR as f64).round() as u64)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::providers::Registry;

    fn told(usage: Value, completion: Completion) -> Reading {
        let Value::Object(raw) = usage else { panic!("an object") };
        let tokens = crate::normal::tokens(crate::providers::Api::OpenAiChat, &raw);
        Reading { tokens, raw: Some(raw), ..Reading::nothing(completion) }
    }

    fn of(provider: &str, model: &str, reading: &Reading) -> Bill {
        let all = Registry::of_table();
        let provider = all.find(provider).expect("in the table");
        bill(&PriceTable::built_in(), provider, model, reading, 401)
    }

    #[test]
    fn the_providers_own_cost_is_believed() {
        let known = |pico_dollars, table: &str| Cost::Known { pico_dollars, table: table.into() };
        for (provider, usage, cost) in [
            ("openrouter", json!({"cost": 0.00014}), known(140_000_000, "openrouter")),
            ("openrouter", json!({"cost": 2.8e-9}), known(2_800, "openrouter")),
            ("openrouter", json!({"cost": 0}), known(0, "openrouter")),
            (
                "openrouter",
                json!({"cost": 0.01, "is_byok": true, "cost_details": {"upstream_inference_cost": 0.2}}),
                known(210_000_000_000, "openrouter"),
            ),
            (
                "openrouter",
                json!({"cost": 0.01, "cost_details": {"upstream_inference_cost": 0.2}}),
                known(10_000_000_000, "openrouter"),
            ),
            ("xai", json!({"cost_in_usd_ticks": 37_756_000}), known(3_775_600_000, "xai")),
        ] {
            let bill = of(provider, "m", &told(usage.clone(), Completion::Complete));
            assert_eq!(bill.cost, cost, "{usage}");
        }
    }

    #[test]
    fn another_providers_word_on_its_cost_is_not_believed() {
        for (provider, cost) in [("openai", json!(0.0)), ("openrouter", json!(-1.0))] {
            let usage = json!({"prompt_tokens": 1, "cost": cost, "cost_in_usd_ticks": 1});
            let bill = of(provider, "nobody-knows", &told(usage, Completion::Complete));
            assert!(matches!(bill.cost, Cost::Unknown { .. }), "{bill:?}");
        }
    }

    #[test]
    fn what_was_not_told_is_estimated_and_says_so() {
        let cut = Reading { text_bytes: 9, ..Reading::nothing(Completion::Aborted) };
        let bill = of("openai", "gpt-4.1", &cut);
        assert_eq!((bill.tokens.uncached_input, bill.tokens.output), (101, 3));
        assert!(bill.estimated);
        let usage = json!({"prompt_tokens": 7, "completion_tokens": 1});
        let cut = Reading { text_bytes: 9, ..told(usage.clone(), Completion::Aborted) };
        let bill = of("openai", "gpt-4.1", &cut);
        assert_eq!((bill.tokens.uncached_input, bill.tokens.output), (7, 3));
        assert!(bill.estimated);
        let whole = Reading { text_bytes: 9, ..told(usage, Completion::Complete) };
        let bill = of("openai", "gpt-4.1", &whole);
        assert_eq!((bill.tokens.output, bill.estimated), (1, false));
        let failed = of("openai", "gpt-4.1", &Reading::nothing(Completion::Failed));
        assert_eq!((failed.tokens, failed.estimated), (Tokens::default(), false));
    }

    #[test]
    fn a_subscription_has_no_price_by_the_token() {
        let usage = json!({"prompt_tokens": 7, "completion_tokens": 1});
        let bill = of("anthropic-token", "claude-haiku-4-5", &told(usage, Completion::Complete));
        assert!(matches!(bill.cost, Cost::Unknown { .. }));
    }
}
