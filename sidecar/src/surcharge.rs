//! What a provider bills beside the buckets or at other rates, which the price table does not know:
//! the cost is then unknown rather than wrong.

use serde_json::{Map, Value};

use crate::providers::Api;

/// The tiers at the table's rates, in lower case.
const USUAL_TIERS: [&str; 5] = ["default", "standard", "auto", "on_demand", "unspecified"];

/// What a usage object says beside its counts.
#[derive(Default)]
struct Marks<'a> {
    tier: Option<&'a str>,
    traffic: Option<&'a str>,
    speed: Option<&'a str>,
    place: Option<&'a str>,
    searches: bool,
    duration: bool,
    other_media: bool,
}

impl<'a> Marks<'a> {
    /// One look at each field, for each request has a usage object and few have a mark.
    fn of(usage: &'a Map<String, Value>) -> Self {
        let mut marks = Self::default();
        for (name, value) in usage {
            match name.as_str() {
                "service_tier" => marks.tier = value.as_str(),
                "trafficType" => marks.traffic = value.as_str(),
                "speed" => marks.speed = value.as_str(),
                "inference_geo" => marks.place = value.as_str(),
                "server_tool_use" => {
                    let searches = value.get("web_search_requests");
                    marks.searches = searches.and_then(Value::as_u64) > Some(0);
                }
                "type" => marks.duration = value == "duration",
                "prompt_tokens_details"
                | "completion_tokens_details"
                | "input_tokens_details"
                | "output_tokens_details"
                | "input_token_details"
                | "output_token_details" => {
                    let counts = |what| value.get(what).and_then(Value::as_u64) > Some(0);
                    marks.other_media |= counts("audio_tokens") || counts("image_tokens");
                }
                // Gemini reads pictures at the price of text, and nothing else of that kind.
                "promptTokensDetails" => marks.other_media |= modality(value, &["AUDIO"]),
                "candidatesTokensDetails" => {
                    marks.other_media |= modality(value, &["AUDIO", "IMAGE", "VIDEO"]);
                }
                _ => {}
            }
        }
        marks
    }
}

/// Why the table cannot price this usage.
pub(crate) fn surcharge(
    api: Api,
    usage: &Map<String, Value>,
    tier: Option<&str>,
) -> Option<String> {
    let marks = Marks::of(usage);
    let tier = tier.or(marks.tier).or(marks.traffic).unwrap_or("default");
    if !USUAL_TIERS.iter().any(|usual| usual.eq_ignore_ascii_case(tier)) {
        return Some(format!("no price for service tier {}", cut(tier)));
    }
    if let Some(speed) = marks.speed.filter(|speed| *speed != "standard") {
        return Some(format!("no price for speed {}", cut(speed)));
    }
    if let Some(place) = marks.place.filter(|place| !matches!(*place, "global" | "not_available")) {
        return Some(format!("no price for inference in {}", cut(place)));
    }
    // Fetches are free of charge.
    if marks.searches {
        return Some("web searches are billed by the call, which the table does not hold".into());
    }
    if marks.duration {
        return Some("no price for the length of a sound".into());
    }
    (marks.other_media || api == Api::OpenAiImages).then(|| "no price for audio or images".into())
}

fn modality(details: &Value, wanted: &[&str]) -> bool {
    details.as_array().into_iter().flatten().any(|part| {
        let named = part["modality"].as_str().is_some_and(|name| wanted.contains(&name));
        named && part["tokenCount"].as_u64() > Some(0)
    })
}

/// A word of the provider's, no longer than a reason needs.
fn cut(word: &str) -> String {
    word.chars().filter(|c| !c.is_control()).take(40).collect()
}
