//! What the walk finds, wherever the bytes are cut.

use super::*;

fn scan(text: &str, step: usize) -> Found {
    let mut scan = Scan::default();
    for part in text.as_bytes().chunks(step) {
        scan.feed(part);
    }
    scan.finish()
}

#[test]
fn the_same_is_found_however_the_bytes_are_cut() {
    let text = r#" {"type": "message_start" , "message":{"model":"m\"1","content":[{"usage":9}],
            "usage" : {"input_tokens":1,"x":{"usage":{"input_tokens":7}}}},"n":[1,{"model":"no"}]}"#;
    let whole = scan(text, text.len());
    assert_eq!(whole.kind.as_deref(), Some("message_start"));
    assert_eq!(whole.model.as_deref(), Some("m\"1"));
    assert_eq!(whole.usage.as_ref().expect("usage")["input_tokens"], 1);
    assert!(whole.closed);
    for step in 1..text.len() {
        assert_eq!(scan(text, step), whole, "cut every {step} bytes");
    }
}

#[test]
fn only_a_real_key_at_its_place_counts() {
    for text in [
        r#"{"content":[{"input":{"usage":{"input_tokens":9}}}]}"#,
        r#"{"text":"\"usage\":{\"input_tokens\":9}"}"#,
        r#"{"text":"\\","more":"usage","x":{"input_tokens":9}}"#,
        r#"{"metadata":{"usage":{"input_tokens":9}}}"#,
        r#"{"usage_of_something":{"input_tokens":9}}"#,
        r#"{"messages":{"usage":{"input_tokens":9}}}"#,
        r#"{"usage":null}"#,
        r#"["usage",{"usage":{"input_tokens":9}}]"#,
        r#"{"message":"x","other":{"usage":{"input_tokens":9}}}"#,
        r#"{"other":{"a":1,"usage":{"input_tokens":9}}}"#,
    ] {
        assert_eq!(scan(text, 3).usage, None, "{text}");
    }
}

#[test]
fn usage_has_other_names_elsewhere() {
    for (text, name) in [
        (r#"{"candidates":[],"usageMetadata":{"promptTokenCount":1}}"#, "promptTokenCount"),
        (r#"{"id":"c","x_groq":{"id":"r","usage":{"prompt_tokens":1}}}"#, "prompt_tokens"),
        (
            r#"{"type":"message_stop","amazon-bedrock-invocationMetrics":{"inputTokenCount":1}}"#,
            "inputTokenCount",
        ),
    ] {
        let found = scan(text, 5);
        assert_eq!(found.usage.expect(text)[name], 1, "{text}");
    }
    let tier = scan(r#"{"usage":{},"serviceTier":{"type":"flex"}}"#, 4).tier;
    assert_eq!(tier.as_deref(), Some("flex"));
}

#[test]
fn which_response_a_message_is_about_is_told_at_its_place() {
    for (text, id) in [
        (r#"{"type":"response.done","response":{"object":"r","id":"r1","usage":{}}}"#, Some("r1")),
        (r#"{"type":"x","response_id":"r2","item":{"id":"i"},"delta":"d"}"#, Some("r2")),
        (r#"{"id":"evt","item_id":"i","item":{"response_id":"no","id":"i"}}"#, None),
    ] {
        assert_eq!(scan(text, 3).response.as_deref(), id, "{text}");
    }
}

#[test]
fn why_the_model_stopped_is_told_only_at_its_place() {
    for (text, finished) in [
        (r#"{"choices":[{"index":0,"finish_reason":"stop"}]}"#, true),
        (r#"{"choices":[{"index":0,"delta":{"a":[1]},"finish_reason":"stop"}]}"#, true),
        (r#"{"candidates":[{"content":{"parts":[]},"finishReason":"STOP"}]}"#, true),
        (r#"{"promptFeedback":{"blockReason":"SAFETY"}}"#, true),
        (r#"{"choices":[{"finish_reason":null}]}"#, false),
        (r#"{"candidates":[{"content":{"finishReason":"STOP"}}]}"#, false),
        (r#"{"other":[{"finish_reason":"stop"}]}"#, false),
        (r#"{"finish_reason":"stop","blockReason":"x"}"#, false),
    ] {
        assert_eq!(scan(text, 3).finished, finished, "{text}");
    }
}

#[test]
fn the_models_text_is_measured_however_the_bytes_are_cut() {
    let long = "y".repeat(500);
    let text = format!(
        r#"{{"text":"four","x":"text","a":[{{"delta":{{"text":"a\n\"\u00e9"}}}}],"text_":"no",
            "text" : "{long}","n":{{"text":5,"b":"no"}},"l":{{"text":["no"],"c":"no"}}}}"#
    );
    for step in 1..text.len() {
        let mut scan = Scan::new(&[b"text"]);
        for part in text.as_bytes().chunks(step) {
            scan.feed(part);
        }
        assert_eq!(scan.finish().text_bytes, 4 + 7 + 500, "cut every {step} bytes");
    }
}

#[test]
fn a_cut_document_is_not_closed_and_a_giant_value_is_not_kept() {
    assert!(!scan(r#"{"usage":{"input_tokens":1}"#, 5).closed);
    let text = format!(r#"{{"usage":{{"x":"{}"}},"model":"m"}}"#, "a".repeat(20_000));
    let found = scan(&text, 999);
    assert_eq!(found.usage, None);
    assert_eq!(found.model.as_deref(), Some("m"));
}

#[test]
fn a_document_leaves_nothing_for_the_next() {
    let first = r#"{"type":"a","text":"x","message":{"model":"m","usage":{"input_tokens":1"#;
    let next = r#"{"type":"b","usage":{"input_tokens":2},"text":"four"}"#;
    let mut scan = Scan::new(&[b"text"]);
    scan.feed(next.as_bytes());
    let fresh = scan.finish();
    assert_eq!((fresh.kind.as_deref(), fresh.text_bytes), (Some("b"), 4));
    for cut in 1..first.len() {
        scan.feed(&first.as_bytes()[..cut]);
        scan.finish();
        scan.feed(next.as_bytes());
        assert_eq!(scan.finish(), fresh, "after {}", &first[..cut]);
    }
}

#[test]
fn bytes_behind_the_end_do_not_belong_to_the_document() {
    let text = r#"{"a":[]},{"type":"b"}"#.as_bytes();
    for cut in 0..text.len() {
        let mut scan = Scan::default();
        let read = scan.feed(&text[..cut]) + scan.feed(&text[cut..]);
        assert_eq!((read, scan.is_closed()), (8, true), "cut at {cut}");
        assert_eq!(scan.finish().kind, None);
    }
}

#[test]
fn a_string_is_read_as_a_parser_reads_it() {
    let odd = ["", "\"", "\\", "\\\"", "\\\\", "\\u00e9", "\\ud800", "\\x", "\n", "\u{7f}", "é"];
    for (length, odd) in (0..30).flat_map(|length| odd.map(|odd| (length, odd))) {
        for at in 0..=length {
            let string = format!(r#""{}{odd}{}""#, "a".repeat(at), "b".repeat(length - at));
            let text = format!(r#"{{"model":{string},"type":"t"}}"#);
            let whole = scan(&text, text.len());
            assert_eq!(whole.model, serde_json::from_str(&string).ok(), "{text}");
            assert_eq!(scan(&text, 1), whole, "{text}");
        }
    }
}

#[test]
fn a_value_is_kept_up_to_its_limit_however_it_is_cut() {
    for spaces in [0, 1, 100] {
        let model = "a".repeat(VALUE_LENGTH_MAX - 1);
        let text = format!(r#"{{"model":"{model}"{},"type":"t"}}"#, " ".repeat(spaces));
        let longer = text.replacen('a', "aa", 1);
        for step in [1, 999, VALUE_LENGTH_MAX, text.len()] {
            assert_eq!(
                scan(&text, step).model.as_ref(),
                Some(&model),
                "{spaces} behind, by {step}"
            );
            assert_eq!(scan(&longer, step).model, None, "{spaces} behind, by {step}");
            assert_eq!(scan(&longer, step).kind.as_deref(), Some("t"));
        }
    }
}
