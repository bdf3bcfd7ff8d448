//! What a provider's answer says of waiting: how long it told us to, and which limits are used up.
//! Pure; the headers are read in the order in which the official clients read them.

use std::time::Duration;

use http::{HeaderMap, HeaderName};
use jiff::Timestamp;
use serde_json::Value;

use super::spans;

/// How a header writes when a limit is full again.
#[derive(Clone, Copy)]
enum Form {
    Rfc3339,
    GoDuration,
}

/// A limit of which an answer tells what is left of it.
struct Limit {
    remaining: &'static str,
    reset: &'static str,
    form: Form,
}

/// Anthropic's (platform.claude.com/docs/en/api/rate-limits) and OpenAI's
/// (platform.openai.com/docs/guides/rate-limits), which Groq and others have taken over.
const LIMITS: [Limit; 6] = [
    Limit {
        remaining: "anthropic-ratelimit-requests-remaining",
        reset: "anthropic-ratelimit-requests-reset",
        form: Form::Rfc3339,
    },
    Limit {
        remaining: "anthropic-ratelimit-tokens-remaining",
        reset: "anthropic-ratelimit-tokens-reset",
        form: Form::Rfc3339,
    },
    Limit {
        remaining: "anthropic-ratelimit-input-tokens-remaining",
        reset: "anthropic-ratelimit-input-tokens-reset",
        form: Form::Rfc3339,
    },
    Limit {
        remaining: "anthropic-ratelimit-output-tokens-remaining",
        reset: "anthropic-ratelimit-output-tokens-reset",
        form: Form::Rfc3339,
    },
    Limit {
        remaining: "x-ratelimit-remaining-requests",
        reset: "x-ratelimit-reset-requests",
        form: Form::GoDuration,
    },
    Limit {
        remaining: "x-ratelimit-remaining-tokens",
        reset: "x-ratelimit-reset-tokens",
        form: Form::GoDuration,
    },
];

/// The limits of Anthropic's plans: whether a window is used up, and until when in unix seconds.
const UNIFIED: [(&str, &str); 3] = [
    ("anthropic-ratelimit-unified-status", "anthropic-ratelimit-unified-reset"),
    ("anthropic-ratelimit-unified-5h-status", "anthropic-ratelimit-unified-5h-reset"),
    ("anthropic-ratelimit-unified-7d-status", "anthropic-ratelimit-unified-7d-reset"),
];

/// What an answer's headers say of waiting. Spans are as told, however long; who uses them bounds
/// them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Waiting {
    /// The provider said to come back after so long.
    pub(crate) told: Option<Duration>,
    /// Until every limit that is used up is full again.
    pub(crate) used_up: Option<Duration>,
}

impl Waiting {
    /// Reads an answer's headers.
    pub(crate) fn read(headers: &HeaderMap, now: Timestamp) -> Self {
        // Most answers say nothing of it, and one look at the names is cheaper than twenty look-ups.
        if !headers.keys().any(speaks_of_waiting) {
            return Self::default();
        }
        Self { told: retry_after(headers, now), used_up: used_up(headers, now) }
    }
}

/// Whether a header is one of those that are looked up below.
fn speaks_of_waiting(name: &HeaderName) -> bool {
    let name = name.as_str();
    ["retry-after", "anthropic-ratelimit-", "x-ratelimit-"].iter().any(|n| name.starts_with(n))
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}

fn retry_after(headers: &HeaderMap, now: Timestamp) -> Option<Duration> {
    let precise = text(headers, "retry-after-ms").and_then(spans::milliseconds);
    let plain = || text(headers, "retry-after").and_then(spans::seconds);
    let date = || spans::until_http_date(text(headers, "retry-after")?, now);
    precise.or_else(plain).or_else(date)
}

/// The latest of the resets: a request needs room in every limit.
fn used_up(headers: &HeaderMap, now: Timestamp) -> Option<Duration> {
    let counted = LIMITS.iter().filter_map(|limit| {
        // Azure writes -1 where it does not know: only a plain zero is used up.
        let left: i64 = text(headers, limit.remaining)?.trim().parse().ok()?;
        let reset = text(headers, limit.reset).filter(|_| left == 0)?;
        match limit.form {
            Form::Rfc3339 => spans::until_rfc3339(reset, now),
            Form::GoDuration => spans::go_duration(reset),
        }
    });
    let unified = UNIFIED.iter().filter_map(|(status, reset)| {
        text(headers, status).filter(|status| *status == "rejected")?;
        spans::until_unix(text(headers, reset)?, now)
    });
    counted.chain(unified).max()
}

/// How long the body of a refusal says to wait. Google's errors carry it there and nowhere else:
/// `error.details[].retryDelay` (ai.google.dev/gemini-api/docs/rate-limits; google.rpc.RetryInfo).
pub(crate) fn told_in_body(body: &[u8]) -> Option<Duration> {
    let body: Value = serde_json::from_slice(body).ok()?;
    // A request for a stream is refused with a list of one error.
    let error = body.get("error").or_else(|| body.get(0)?.get("error"))?;
    let delays = error
        .get("details")?
        .as_array()?
        .iter()
        .filter_map(|detail| spans::go_duration(detail.get("retryDelay")?.as_str()?));
    delays.max()
}

#[cfg(test)]
mod tests {
    use http::{HeaderName, HeaderValue};
    use proptest::prelude::*;

    use super::*;

    fn read(pairs: &[(&'static str, &str)]) -> (Option<u64>, Option<u64>) {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.append(*name, value.parse().expect("a value"));
        }
        let now = "2026-11-25T10:00:00Z".parse().expect("a time");
        let Waiting { told, used_up } = Waiting::read(&headers, now);
        let ms = |span: Duration| u64::try_from(span.as_millis()).expect("a short one");
        (told.map(ms), used_up.map(ms))
    }

    #[test]
    fn a_provider_is_taken_at_its_most_precise_word() {
        for (pairs, told) in [
            (&[("retry-after", "7")][..], Some(7_000)),
            (&[("retry-after", "0.25")], Some(250)),
            (&[("retry-after", "7"), ("retry-after-ms", "1500")], Some(1_500)),
            (&[("retry-after", "7"), ("retry-after-ms", "soon")], Some(7_000)),
            (&[("retry-after", "Wed, 25 Nov 2026 10:00:09 GMT")], Some(9_000)),
            (&[("retry-after", "Wed, 25 Nov 2026 09:00:00 GMT")], Some(0)),
            (&[("retry-after", "-5")], None),
            (&[("retry-after", "")], None),
            (&[("retry-after", "1e30")], None),
            (&[], None),
        ] {
            assert_eq!(read(pairs).0, told, "{pairs:?}");
        }
    }

    #[test]
    fn a_limit_is_used_up_when_nothing_remains_and_a_reset_is_told() {
        let groq = |left, reset| {
            [("x-ratelimit-remaining-tokens", left), ("x-ratelimit-reset-tokens", reset)]
        };
        assert_eq!(read(&groq("0", "6m0s")).1, Some(360_000));
        assert_eq!(read(&groq("0", "12ms")).1, Some(12));
        for (left, reset) in [("1", "6m0s"), ("-1", "6m0s"), ("0", "-1"), ("0", "x"), ("", "6m0s")]
        {
            assert_eq!(read(&groq(left, reset)).1, None, "{left} {reset}");
        }
        assert_eq!(read(&[("x-ratelimit-remaining-requests", "0")]).1, None, "no reset");
    }

    #[test]
    fn of_several_limits_the_one_that_takes_longest_counts() {
        let pairs = [
            ("anthropic-ratelimit-requests-remaining", "0"),
            ("anthropic-ratelimit-requests-reset", "2026-11-25T10:00:05Z"),
            ("anthropic-ratelimit-input-tokens-remaining", "0"),
            ("anthropic-ratelimit-input-tokens-reset", "2026-11-25T10:00:20Z"),
            ("anthropic-ratelimit-output-tokens-remaining", "4000"),
            ("anthropic-ratelimit-output-tokens-reset", "2026-11-25T10:00:50Z"),
        ];
        assert_eq!(read(&pairs).1, Some(20_000));
    }

    #[test]
    fn a_plan_that_is_used_up_says_so_in_unix_seconds() {
        let plan = |status| {
            [
                ("anthropic-ratelimit-unified-5h-status", status),
                ("anthropic-ratelimit-unified-5h-reset", "1795600860"),
                ("anthropic-ratelimit-unified-7d-status", "allowed"),
                ("anthropic-ratelimit-unified-7d-reset", "1796000000"),
            ]
        };
        assert_eq!(read(&plan("rejected")).1, Some(60_000));
        assert_eq!(read(&plan("allowed_warning")).1, None);
    }

    #[test]
    fn google_says_it_in_the_body() {
        let details = r#"[{"@type":"type.googleapis.com/google.rpc.QuotaFailure"},
            {"@type":"type.googleapis.com/google.rpc.RetryInfo","retryDelay":"46s"}]"#;
        let body = format!(r#"{{"error":{{"code":429,"details":{details}}}}}"#);
        assert_eq!(told_in_body(body.as_bytes()), Some(Duration::from_secs(46)));
        assert_eq!(told_in_body(format!("[{body}]").as_bytes()), Some(Duration::from_secs(46)));
        for odd in
            ["", "{}", "[]", r#"{"error":"x"}"#, r#"{"error":{"details":[{"retryDelay":7}]}}"#]
        {
            assert_eq!(told_in_body(odd.as_bytes()), None, "{odd}");
        }
    }

    fn name() -> impl Strategy<Value = &'static str> {
        let limits = LIMITS.iter().flat_map(|limit| [limit.remaining, limit.reset]);
        let unified = UNIFIED.iter().flat_map(|(status, reset)| [*status, *reset]);
        let names: Vec<&str> =
            limits.chain(unified).chain(["retry-after", "retry-after-ms"]).collect();
        prop::sample::select(names)
    }

    proptest! {
        #[test]
        fn whatever_the_headers_hold_is_read_without_a_panic(
            pairs in prop::collection::vec((name(), "[ -~]{0,24}"), 0..12),
        ) {
            let mut headers = HeaderMap::new();
            for (name, value) in pairs {
                let value = HeaderValue::try_from(value).expect("visible characters");
                headers.append(HeaderName::from_static(name), value);
            }
            let _read = Waiting::read(&headers, Timestamp::UNIX_EPOCH);
        }

        #[test]
        fn whatever_a_body_holds_is_read_without_a_panic(body in prop::collection::vec(any::<u8>(), 0..200)) {
            let _read = told_in_body(&body);
        }
    }
}
