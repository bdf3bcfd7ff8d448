//! How providers write a span of time. Pure; what is odd is silence, never a guess.

use std::time::Duration;

use jiff::Timestamp;
use jiff::fmt::rfc2822;

/// Seconds, which may have a fraction: `7`, `1.5`.
pub(super) fn seconds(text: &str) -> Option<Duration> {
    // "inf" and "nan" are numbers to a parser, and no span.
    Duration::try_from_secs_f64(text.trim().parse().ok()?).ok()
}

/// Milliseconds: `1500`.
pub(super) fn milliseconds(text: &str) -> Option<Duration> {
    let milliseconds: f64 = text.trim().parse().ok()?;
    Duration::try_from_secs_f64(milliseconds / 1000.0).ok()
}

/// A duration as Go writes it (pkg.go.dev/time#Duration.String): `6m0s`, `1h2m3.5s`, `12ms`, `0`.
/// Google's JSON form of a duration, `46.1s`, is one of them.
pub(super) fn go_duration(text: &str) -> Option<Duration> {
    let mut rest = text.trim();
    if rest == "0" {
        return Some(Duration::ZERO);
    }
    let mut sum = 0.0;
    let mut parts = 0;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(rest.len());
        let (number, after) = rest.split_at(digits);
        let letters = after.find(|c: char| c.is_ascii_digit() || c == '.').unwrap_or(after.len());
        let (unit, after) = after.split_at(letters);
        sum += number.parse::<f64>().ok()? * unit_seconds(unit)?;
        parts += 1;
        rest = after;
    }
    (parts > 0).then(|| Duration::try_from_secs_f64(sum).ok()).flatten()
}

fn unit_seconds(unit: &str) -> Option<f64> {
    Some(match unit {
        "h" => 3600.0,
        "m" => 60.0,
        "s" => 1.0,
        "ms" => 1e-3,
        // Go writes the first, and takes all three: micro sign, Greek mu, u.
        "\u{b5}s" | "\u{3bc}s" | "us" => 1e-6,
        "ns" => 1e-9,
        _ => return None,
    })
}

/// From now until an HTTP date (RFC 9110, 5.6.7): `Sun, 06 Nov 1994 08:49:37 GMT`.
pub(super) fn until_http_date(text: &str, now: Timestamp) -> Option<Duration> {
    let at = rfc2822::DateTimeParser::new().parse_timestamp(text.trim()).ok()?;
    Some(until(at, now))
}

/// From now until an RFC 3339 time: `2026-11-25T10:00:00Z`.
pub(super) fn until_rfc3339(text: &str, now: Timestamp) -> Option<Duration> {
    Some(until(text.trim().parse().ok()?, now))
}

/// From now until so many seconds after 1970.
pub(super) fn until_unix(text: &str, now: Timestamp) -> Option<Duration> {
    let at = Timestamp::from_second(text.trim().parse().ok()?).ok()?;
    Some(until(at, now))
}

/// None at all, when it has passed.
fn until(at: Timestamp, now: Timestamp) -> Duration {
    Duration::try_from(at.duration_since(now)).unwrap_or(Duration::ZERO)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn now() -> Timestamp {
        "2026-11-25T10:00:00Z".parse().expect("a time")
    }

    #[test]
    fn each_form_is_read() {
        let ms = |ms| Some(Duration::from_millis(ms));
        for (got, expected) in [
            (seconds("7"), ms(7_000)),
            (seconds(" 1.5 "), ms(1_500)),
            (milliseconds("1500"), ms(1_500)),
            (go_duration("6m0s"), ms(360_000)),
            (go_duration("12ms"), ms(12)),
            (go_duration("1h2m3.5s"), ms(3_723_500)),
            (go_duration("46s"), ms(46_000)),
            (go_duration("0"), ms(0)),
            (go_duration("2000\u{b5}s"), ms(2)),
            (until_http_date("Wed, 25 Nov 2026 10:00:37 GMT", now()), ms(37_000)),
            (until_http_date("Wed, 25 Nov 2026 09:00:00 GMT", now()), ms(0)),
            (until_rfc3339("2026-11-25T10:01:00Z", now()), ms(60_000)),
            (until_rfc3339("2026-11-25T12:01:00+02:00", now()), ms(60_000)),
            (until_unix("1795600860", now()), ms(60_000)),
        ] {
            assert_eq!(got, expected);
        }
    }

    #[test]
    fn what_is_odd_is_silence() {
        for odd in ["", " ", "-1", "-1s", "soon", "1e400", "inf", "s", "5x", "5", ".", "1.2.3s"] {
            assert_eq!(go_duration(odd), None, "{odd:?}");
            assert_eq!(until_http_date(odd, now()), None, "{odd:?}");
            assert_eq!(until_rfc3339(odd, now()), None, "{odd:?}");
        }
        for odd in ["", "-1", "soon", "1e400", "inf", "-inf", "NaN", "1e30"] {
            assert_eq!(seconds(odd), None, "{odd:?}");
        }
        for odd in ["", "soon", "1.5", "99999999999999", "inf"] {
            assert_eq!(until_unix(odd, now()), None, "{odd:?}");
        }
    }

    proptest! {
        #[test]
        fn nothing_that_a_provider_writes_makes_us_panic(text in ".{0,40}") {
            let _read = (seconds(&text), milliseconds(&text), go_duration(&text));
            let _read = (until_http_date(&text, now()), until_rfc3339(&text, now()));
            let _read = until_unix(&text, now());
        }

        #[test]
        fn what_go_writes_is_read_to_the_millisecond(
            h in 0_u64..100, m in 0_u64..60, s in 0_u64..60, ms in 0_u64..1000,
        ) {
            let text = format!("{h}h{m}m{s}.{ms:03}s");
            let read = go_duration(&text).expect("a duration").as_secs_f64();
            let meant = (h * 3600 + m * 60 + s) as f64 + ms as f64 / 1000.0;
            prop_assert!((read - meant).abs() < 0.0005, "{text}: {read}");
        }
    }
}
