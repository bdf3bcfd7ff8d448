//! Limits, one rule at a time.

use jiff::Timestamp;

use super::*;
use crate::price::PICO_PER_DOLLAR;

fn at(text: &str) -> Timestamp {
    text.parse().expect("a time")
}

fn patterns(list: &[&str]) -> Option<Vec<ModelPattern>> {
    Some(list.iter().map(|text| text.parse().expect("a pattern")).collect())
}

fn dollars(text: &str) -> Dollars {
    text.parse().expect("an amount")
}

#[test]
fn a_pattern_names_a_model_with_stars_for_any_part() {
    for (pattern, provider, model, fits) in [
        ("anthropic/*", "anthropic", "claude-opus-4-6", true),
        ("anthropic/*", "anthropic-token", "claude-opus-4-6", false),
        ("anthropic*/*", "anthropic-token", "claude-opus-4-6", true),
        ("*/gpt-5*", "openai", "gpt-5.6-luna", true),
        ("*/gpt-5*", "openrouter", "openai/gpt-5.6-luna", true),
        ("*/gpt-5*", "openai", "gpt-4.1", false),
        ("OpenAI/GPT-4.1", "openai", "gpt-4.1", true),
        ("openai/gpt-4.1", "openai", "GPT-4.1", true),
        ("openai/gpt-4.1", "openai", "gpt-4.1-2025-04-14", false),
        ("openai/gpt-4.1", "openai", "gpt-4x1", false),
        ("openai/*-mini", "openai", "gpt-5-mini-mini", true),
        ("openai/*-mini", "openai", "gpt-5-mini-x", false),
        ("openai/[a-z]?", "openai", "b1", false),
        ("*/*", "openai", "", true),
    ] {
        let pattern: ModelPattern = pattern.parse().expect("a pattern");
        assert_eq!(pattern.matches(provider, model), fits, "{pattern} {provider}/{model}");
    }
}

#[test]
fn a_text_that_is_no_pattern_is_refused_with_words() {
    let long = format!("openai/{}", "x".repeat(300));
    for bad in ["", "*", "gpt-5", "/gpt-5", "openai/", "openai/gpt 5", "openai/gpt\n", "ä/*", &long]
    {
        let error = bad.parse::<ModelPattern>().expect_err("no pattern").to_string();
        assert!(error.contains("provider/model") && error.len() < 300, "{error}");
    }
}

#[test]
fn what_is_denied_is_denied_whatever_is_allowed_and_an_empty_list_allows_all() {
    let limits = |allowed: &[&str], denied: &[&str]| Limits {
        models_allowed: patterns(allowed),
        models_denied: patterns(denied),
        ..Limits::default()
    };
    for (allowed, denied, model, fits) in [
        (&[][..], &[][..], "gpt-5", true),
        (&["openai/*"], &[], "gpt-5", true),
        (&["anthropic/*"], &[], "gpt-5", false),
        (&["anthropic/*", "*/gpt-5"], &[], "gpt-5", true),
        (&["openai/*"], &["*/gpt-5*"], "gpt-5", false),
        (&[], &["*/gpt-5*"], "gpt-5", false),
        (&[], &["*/gpt-5*"], "gpt-4.1", true),
    ] {
        let limits = limits(allowed, denied);
        assert_eq!(limits.allows("openai", model).is_ok(), fits, "{limits:?} {model}");
        assert_eq!(limits.lists_models(), !allowed.is_empty() || !denied.is_empty());
    }
    assert!(!Limits::default().lists_models());
    let both = limits(&["openai/*"], &["*/gpt-5*"]);
    let pattern = both.models_denied.as_ref().expect("set");
    assert_eq!(both.allows("openai", "gpt-5"), Err(NotAllowed::Denied(&pattern[0])));
}

#[test]
fn dollars_are_exact_to_the_pico_dollar() {
    for (text, pico, shown) in [
        ("20", 20 * PICO_PER_DOLLAR, "20"),
        ("0.50", PICO_PER_DOLLAR / 2, "0.5"),
        ("0.000000000001", 1, "0.000000000001"),
        ("007.10", 7 * PICO_PER_DOLLAR + PICO_PER_DOLLAR / 10, "7.1"),
    ] {
        let dollars = dollars(text);
        assert_eq!((dollars.pico(), dollars.to_string().as_str()), (pico, shown));
    }
    for bad in ["", "0", "0.0", "-1", "+1", "1e3", ".5", "5.", "1,5", "$5", " 5", "99999999999"] {
        assert_eq!(bad.parse::<Dollars>(), Err(BadDollars), "{bad:?}");
    }
    assert_eq!("0.0000000000001".parse::<Dollars>(), Err(BadDollars), "finer than a pico-dollar");
}

#[test]
fn settings_are_read_and_bad_ones_are_refused_with_words() {
    let read = |json: &str| serde_json::from_str::<LimitsBook>(json).map_err(|e| e.to_string());
    let book = read(
        r#"{"dollars_per_day": "20.50", "requests_at_once": 4, "models_denied": ["*/gpt-5*"],
            "teams": {"research": {"dollars_per_day": 100, "unpriced_models": "allow"}}}"#,
    )
    .expect("good");
    assert_eq!(book.everybody.dollars_per_day, Some(dollars("20.5")));
    let team = &book.teams[&"research".parse().expect("a name")];
    assert_eq!(team.dollars_per_day, Some(dollars("100")));
    assert_eq!(team.unpriced_models, Some(UnpricedModels::Allow));
    for (json, words) in [
        (r#"{"dollars_per_day": 0.5}"#, "decimal dollars as text"),
        (r#"{"dollars_per_day": "many"}"#, "decimal dollars as text"),
        (r#"{"dollars_per_day": -1}"#, "decimal dollars as text"),
        (r#"{"requests_per_minute": 0}"#, "nonzero"),
        (r#"{"requests_per_minute": "5"}"#, "nonzero"),
        (r#"{"tokens_per_hour": 5}"#, "unknown field `tokens_per_hour`"),
        (r#"{"teams": {"research": {"tokens_per_hour": 5}}}"#, "unknown field `tokens_per_hour`"),
        (r#"{"teams": {"Research": {}}}"#, "is not a name"),
        (r#"{"people": {"ann": {"models_allowed": ["claude"]}}}"#, "provider/model"),
        (r#"{"people": {"ann": {"unpriced_models": "sure"}}}"#, "unknown variant `sure`"),
    ] {
        let error = read(json).expect_err(json);
        assert!(error.contains(words), "{json}: {error}");
    }
}

#[test]
fn the_most_specific_setting_counts_field_by_field() {
    let book: LimitsBook = serde_json::from_str(
        r#"{"tokens_per_day": 1, "tokens_per_minute": 1, "models_denied": ["openai/*"],
            "requests_at_once": 1,
            "teams": {"red": {"tokens_per_day": 2, "tokens_per_minute": 2}},
            "people": {"ann": {"tokens_per_day": 3, "models_denied": []}}}"#,
    )
    .expect("good");
    let of = |team: &str, name: &str| {
        let limits = book.of(&team.parse().expect("a name"), &name.parse().expect("a name"));
        let number = |value: Option<NonZeroU64>| value.map_or(0, NonZeroU64::get);
        (
            number(limits.tokens_per_day),
            number(limits.tokens_per_minute),
            limits.requests_at_once.map_or(0, NonZeroU32::get),
            limits.lists_models(),
        )
    };
    assert_eq!(of("blue", "bob"), (1, 1, 1, true));
    assert_eq!(of("red", "bob"), (2, 2, 1, true));
    assert_eq!(of("red", "ann"), (3, 2, 1, false));
    assert_eq!(of("blue", "ann"), (3, 1, 1, false));
}

#[test]
fn limits_that_were_written_down_are_read_again_and_none_is_nothing() {
    let limits = Limits {
        models_allowed: patterns(&["anthropic/*"]),
        dollars_per_month: Some(dollars("0.1")),
        tokens_per_day: NonZeroU64::new(5),
        ..Limits::default()
    };
    let json = serde_json::to_string(&limits).expect("JSON");
    assert_eq!(serde_json::from_str::<Limits>(&json).expect("reads its own writing"), limits);
    assert_eq!(serde_json::to_string(&Limits::default()).expect("JSON"), "{}");
}

const NOON: &str = "2026-11-30T12:00:10Z";

fn limit(json: &str) -> Limits {
    serde_json::from_str(json).expect("limits")
}

fn told(outcome: Result<(), Exceeded>) -> String {
    match outcome {
        Ok(()) => "room".to_owned(),
        Err(Exceeded { bound, until }) => {
            let until = until.map_or("one ends".to_owned(), |until| until.to_string());
            format!("{bound} until {until}")
        }
    }
}

#[test]
fn a_day_and_a_month_are_used_up_at_their_limit_and_free_at_midnight() {
    for (json, told_at_limit) in [
        (r#"{"tokens_per_day": 100}"#, "tokens_per_day = 100 until 2026-12-01T00:00:00Z"),
        (r#"{"dollars_per_day": "2"}"#, "dollars_per_day = \"2\" until 2026-12-01T00:00:00Z"),
        (r#"{"dollars_per_month": "2"}"#, "dollars_per_month = \"2\" until 2026-12-01T00:00:00Z"),
    ] {
        let (limits, now) = (limit(json), at(NOON));
        let mut spent = Spent::default();
        let used = |tokens, dollars: u64| Used {
            tokens,
            pico_dollars: u128::from(dollars * PICO_PER_DOLLAR),
        };
        spent.used(now, now, used(99, 1));
        assert_eq!(told(spent.check_usage(&limits, now)), "room", "{json}");
        spent.used(now, now, used(1, 1));
        assert_eq!(told(spent.check_usage(&limits, now)), told_at_limit);
        let last = at("2026-11-30T23:59:59.999Z");
        assert_ne!(told(spent.check_usage(&limits, last)), "room", "{json}");
        assert_eq!(told(spent.check_usage(&limits, at("2026-12-01T00:00:00Z"))), "room", "{json}");
        // What began yesterday and ends today is yesterday's, as in the ledger.
        spent.used(now, at("2026-12-01T00:00:01Z"), used(100, 9));
        assert_eq!(told(spent.check_usage(&limits, at("2026-12-01T00:00:01Z"))), "room", "{json}");
    }
}

#[test]
fn a_month_outlasts_its_days() {
    let limits = limit(r#"{"dollars_per_day": "2", "dollars_per_month": "3"}"#);
    let used = Used { tokens: 0, pico_dollars: u128::from(2 * PICO_PER_DOLLAR) };
    let mut spent = Spent::default();
    let day = at("2026-12-30T12:00:00Z");
    spent.used(day, day, used);
    let told_first = told(spent.check_usage(&limits, day));
    assert_eq!(told_first, "dollars_per_day = \"2\" until 2026-12-31T00:00:00Z");
    let next = at("2026-12-31T12:00:00Z");
    assert_eq!(told(spent.check_usage(&limits, next)), "room");
    spent.used(next, next, used);
    let told_then = told(spent.check_usage(&limits, next));
    assert_eq!(told_then, "dollars_per_month = \"3\" until 2027-01-01T00:00:00Z");
}

#[test]
fn what_the_ledger_remembers_counts_and_what_came_meanwhile_counts_on_top() {
    let limits = limit(r#"{"tokens_per_day": 100}"#);
    let now = at(NOON);
    let used = |tokens| Used { tokens, pico_dollars: 0 };
    let mut spent = Spent::default();
    spent.used(now, now, used(30));
    spent.forget();
    spent.used(now, now, used(9));
    spent.remember(now, used(90), used(500));
    assert_eq!(told(spent.check_usage(&limits, now)), "room");
    spent.used(now, now, used(1));
    assert_ne!(told(spent.check_usage(&limits, now)), "room");
}

#[test]
fn a_minute_slides_and_says_when_there_is_room() {
    let limits = limit(r#"{"requests_per_minute": 6}"#);
    let mut spent = Spent::default();
    let now = at("2026-11-30T12:00:50Z");
    for _ in 0..6 {
        assert_eq!(told(spent.check_requests(&limits, now)), "room");
        spent.begin(now);
    }
    // A sixth of the minute before has to have faded.
    let full = told(spent.check_requests(&limits, now));
    assert_eq!(full, "requests_per_minute = 6 until 2026-11-30T12:01:10Z");
    assert_eq!(told(spent.check_requests(&limits, at("2026-11-30T12:01:09.999Z"))), full);
    assert_eq!(told(spent.check_requests(&limits, at("2026-11-30T12:01:10Z"))), "room");
    spent.begin(at("2026-11-30T12:01:10Z"));
    let next = told(spent.check_requests(&limits, at("2026-11-30T12:01:10Z")));
    assert_eq!(next, "requests_per_minute = 6 until 2026-11-30T12:01:20Z");
    assert_eq!(told(spent.check_requests(&limits, at("2026-11-30T12:05:00Z"))), "room");
}

#[test]
fn one_request_of_many_minutes_worth_of_tokens_blocks_for_longer_than_a_minute() {
    let limits = limit(r#"{"tokens_per_minute": 100}"#);
    let mut spent = Spent::default();
    let now = at("2026-11-30T12:00:00Z");
    spent.used(now, now, Used { tokens: 99, pico_dollars: 0 });
    assert_eq!(told(spent.check_usage(&limits, now)), "room", "anything left is enough");
    spent.used(now, now, Used { tokens: 401, pico_dollars: 0 });
    let full = told(spent.check_usage(&limits, now));
    assert_eq!(full, "tokens_per_minute = 100 until 2026-11-30T12:01:48.001Z");
}

#[test]
fn what_is_under_way_leaves_room_when_it_ends() {
    let limits = limit(r#"{"requests_at_once": 2}"#);
    let mut spent = Spent::default();
    let now = at(NOON);
    spent.begin(now);
    assert_eq!(told(spent.check_requests(&limits, now)), "room");
    spent.begin(now);
    let full = told(spent.check_requests(&limits, now));
    assert_eq!(full, "requests_at_once = 2 until one ends");
    spent.end();
    assert_eq!(told(spent.check_requests(&limits, now)), "room");
}

#[test]
fn a_clock_that_was_set_back_frees_nothing() {
    let limits = limit(r#"{"tokens_per_day": 5, "requests_per_minute": 1}"#);
    let mut spent = Spent::default();
    let now = at(NOON);
    spent.begin(now);
    spent.used(now, now, Used { tokens: 5, pico_dollars: 0 });
    let before = at("2026-11-29T12:00:00Z");
    assert_ne!(told(spent.check_usage(&limits, before)), "room");
    assert_ne!(told(spent.check_requests(&limits, before)), "room");
}

#[test]
fn days_and_months_begin_at_midnight_utc() {
    assert_eq!(day_start(at(NOON)), at("2026-11-30T00:00:00Z"));
    assert_eq!(month_start(at(NOON)), at("2026-11-01T00:00:00Z"));
    assert_eq!(month_start(at("2026-03-01T00:00:00Z")), at("2026-03-01T00:00:00Z"));
    assert_eq!(day_start(at("1969-12-31T23:59:59Z")), at("1969-12-31T00:00:00Z"));
}
