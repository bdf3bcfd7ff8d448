//! What a provider bills beside the buckets or at other rates, which the price table does not know:
//! the cost is then unknown rather than wrong.

use serde_json::{Map, Value};

use crate::normal::number;
use crate::providers::Api;

/// The tiers at the table's rates, in lower case.
const USUAL_TIERS: [&str; 5] = ["default", "standard", "auto", "on_demand", "unspecified"];

/// Why the table cannot price this usage.
pub(crate) fn surcharge(
    api: Api,
    usage: &Map<String, Value>,
    tier: Option<&str>,
) -> Option<String> {
    let text = |name: &str| usage.get(name).and_then(Value::as_str);
    let tier = tier.or_else(|| text("service_tier")).or_else(|| text("trafficType"));
    let tier = tier.unwrap_or("default");
    if !USUAL_TIERS.iter().any(|usual| usual.eq_ignore_ascii_case(tier)) {
        return Some(format!("no price for service tier {}", cut(tier)));
    }
    if let Some(speed) = text("speed").filter(|speed| *speed != "standard") {
        return Some(format!("no price for speed {}", cut(speed)));
    }
    if let Some(place) =
        text("inference_geo").filter(|place| !matches!(*place, "global" | "not_available"))
    {
        return Some(format!("no price for inference in {}", cut(place)));
    }
    // Fetches are free of charge.
    if number(usage, &["server_tool_use", "web_search_requests"]) > 0 {
        return Some("web searches are billed by the call, which the table does not hold".into());
    }
    if text("type") == Some("duration") {
        return Some("no price for the length of a sound".into());
    }
    other_media(api, usage).then(|| "no price for audio or images".into())
}

fn other_media(api: Api, usage: &Map<String, Value>) -> bool {
    const DETAILS: [&str; 6] = [
        "prompt_tokens_details",
        "completion_tokens_details",
        "input_tokens_details",
        "output_tokens_details",
        "input_token_details",
        "output_token_details",
    ];
    let tokens = DETAILS.iter().filter_map(|details| usage.get(*details)).any(|details| {
        let counts = |what| details.get(what).and_then(Value::as_u64) > Some(0);
        counts("audio_tokens") || counts("image_tokens")
    });
    // Gemini reads pictures at the price of text, and nothing else of that kind.
    tokens
        || api == Api::OpenAiImages
        || modality(usage, "promptTokensDetails", &["AUDIO"])
        || modality(usage, "candidatesTokensDetails", &["AUDIO", "IMAGE", "VIDEO"])
}

fn modality(usage: &Map<String, Value>, details: &str, wanted: &[&str]) -> bool {
    let parts = usage.get(details).and_then(Value::as_array);
    parts.into_iter().flatten().any(|part| {
        let named = part["modality"].as_str().is_some_and(|name| wanted.contains(&name));
        named && part["tokenCount"].as_u64() > Some(0)
    })
}

/// A word of the provider's, no longer than a reason needs.
fn cut(word: &str) -> String {
    word.chars().filter(|c| !c.is_control()).take(40).collect()
}
