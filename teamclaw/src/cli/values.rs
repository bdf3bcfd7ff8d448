//! The values of options: each is parsed once, here, and can then go into a path or a query as
//! it is.

use std::path::PathBuf;
use std::str::FromStr;

use events::{Class, KeyPrint, ReasonClass};
use http::Uri;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Span, SpanRelativeTo, Timestamp};

/// The longest time that a duration may name: beyond a year it is a slip of the finger.
const DURATION_MAX: SignedDuration = SignedDuration::from_hours(366 * 24);
/// A provider's id fits an event: 64 characters.
const PROVIDER_LENGTH_MAX: usize = 64;
/// The longest name of an environment: aws/src/environment.rs, which judges it again.
const ENVIRONMENT_LENGTH_MAX: usize = 12;
/// Below are the ports of the system's own services.
const PORT_MIN: u16 = 1024;
/// How many hex digits of a key's hash its fingerprint has.
const KEY_PRINT_LENGTH: usize = 12;

/// A duration such as `90s`, `30m`, `1h 30m` or `2d`; days have 24 hours.
///
/// # Errors
/// Not a duration, not above zero, or above a year.
pub(super) fn duration(text: &str) -> Result<SignedDuration, String> {
    let expected = "use a number with a unit, such as 90s, 30m, 2h or 7d";
    let span: Span = text.parse().map_err(|_| expected.to_owned())?;
    let time =
        span.to_duration(SpanRelativeTo::days_are_24_hours()).map_err(|_| expected.to_owned())?;
    match time {
        time if time <= SignedDuration::ZERO => Err("it must be longer than nothing".to_owned()),
        time if time > DURATION_MAX => Err("it must not be longer than a year".to_owned()),
        time => Ok(time),
    }
}

/// A moment in the past, absolute or seen from now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum When {
    /// This one.
    At(Timestamp),
    /// So long before now.
    Ago(SignedDuration),
}

impl When {
    /// The moment itself.
    pub fn seen_from(self, now: Timestamp) -> Timestamp {
        match self {
            Self::At(at) => at,
            Self::Ago(time) => now.checked_sub(time).unwrap_or(Timestamp::UNIX_EPOCH),
        }
    }
}

impl FromStr for When {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if let Ok(at) = text.parse::<Timestamp>() {
            return Ok(Self::At(at));
        }
        let midnight = |date: Date| date.to_zoned(TimeZone::UTC).map(|zoned| zoned.timestamp());
        // A date alone; with a time it lacks its zone, and that is for the person to say.
        if !text.contains(['T', 't', ' '])
            && let Ok(Ok(at)) = text.parse::<Date>().map(midnight)
        {
            return Ok(Self::At(at));
        }
        duration(text.trim_end_matches("ago").trim_end())
            .map(Self::Ago)
            .map_err(|_| "use a time such as 2026-11-22T10:00Z, or how long ago: 2h, 7d".to_owned())
    }
}

/// What a person's idle time-out shall be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IdleWish {
    /// The administrator's default.
    Default,
    /// So long.
    Of(SignedDuration),
}

impl FromStr for IdleWish {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text == "default" { Ok(Self::Default) } else { duration(text).map(Self::Of) }
    }
}

/// Where the requests for one provider go instead, `PROVIDER=URL`; as it was given.
///
/// # Errors
/// It is not that, or the address is neither http nor https.
pub(super) fn upstream(text: &str) -> Result<String, String> {
    let expected = "use PROVIDER=URL, such as anthropic=http://127.0.0.1:9000";
    let (name, url) = text.split_once('=').ok_or(expected)?;
    let uri: Uri = url.parse().map_err(|_| expected.to_owned())?;
    if !matches!(uri.scheme_str(), Some("http" | "https")) || uri.host().is_none() {
        return Err(expected.to_owned());
    }
    provider(name)?;
    Ok(text.to_owned())
}

/// A range of ports, `FROM-TO`, both ends included; as it was given.
///
/// # Errors
/// It is not that, or holds privileged ports.
pub(super) fn port_range(text: &str) -> Result<String, String> {
    let expected = "use FROM-TO with ports from 1024 to 65535, such as 20000-29999";
    let (from, to) = text.split_once('-').ok_or(expected)?;
    let port = |text: &str| text.parse::<u16>().ok().filter(|port| *port >= PORT_MIN);
    match (port(from), port(to)) {
        (Some(from), Some(to)) if from <= to => Ok(text.to_owned()),
        _ => Err(expected.to_owned()),
    }
}

/// A provider's id: `anthropic`.
///
/// # Errors
/// It holds what an id does not.
pub(super) fn provider(text: &str) -> Result<String, String> {
    let inner = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '-' | '_');
    let good = (1..=PROVIDER_LENGTH_MAX).contains(&text.len()) && text.chars().all(inner);
    if good {
        Ok(text.to_owned())
    } else {
        Err("a provider's id has 1 to 64 of a-z, 0-9, - and _, such as anthropic".to_owned())
    }
}

/// A key's fingerprint, as `keys list` shows it.
///
/// # Errors
/// It is none; perhaps it is the key.
pub(super) fn key_print(text: &str) -> Result<KeyPrint, String> {
    let digit = |c: char| c.is_ascii_digit() || ('a'..='f').contains(&c);
    if text.len() == KEY_PRINT_LENGTH && text.chars().all(digit) {
        Ok(KeyPrint(text.to_owned()))
    } else {
        Err("a fingerprint has 12 hex digits; `teamclaw keys list` shows them".to_owned())
    }
}

/// A class of reasons.
///
/// # Errors
/// There is no such class.
pub(super) fn reason_class(text: &str) -> Result<ReasonClass, String> {
    ReasonClass::ALL.into_iter().find(|class| class.name() == text).ok_or_else(|| {
        let known = ReasonClass::ALL.map(ReasonClass::name).join(", ");
        format!("the reasons are {known}")
    })
}

/// A queue, by the class of permissions of its steps.
///
/// # Errors
/// There is no such class.
pub(super) fn class(text: &str) -> Result<Class, String> {
    Class::ALL.into_iter().find(|class| class.name() == text).ok_or_else(|| {
        let known = Class::ALL.map(Class::name).join(", ");
        format!("the queues are {known}")
    })
}

/// The name of a deployed environment: part of every name there.
///
/// # Errors
/// It could break one of them.
pub(super) fn environment(text: &str) -> Result<String, String> {
    let good = text.len() <= ENVIRONMENT_LENGTH_MAX
        && text.starts_with(|first: char| first.is_ascii_lowercase())
        && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit());
    if good {
        Ok(text.to_owned())
    } else {
        Err("use 1 to 12 of a-z and 0-9, beginning with a letter, such as prod".to_owned())
    }
}

/// An event's type, or the beginning of one and `*`.
///
/// # Errors
/// It holds what no type does.
pub(super) fn event_type(text: &str) -> Result<String, String> {
    let stem = text.strip_suffix('*').unwrap_or(text);
    let inner = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '.' | '_');
    if !text.is_empty() && stem.chars().all(inner) {
        Ok(text.to_owned())
    } else {
        Err("use a type such as teamclaw.step.done.v1, or its beginning: teamclaw.step.*"
            .to_owned())
    }
}

/// The path that a health probe asks for.
///
/// # Errors
/// It is no absolute path.
pub(super) fn health_path(text: &str) -> Result<String, String> {
    let good = text.starts_with('/') && text.parse::<Uri>().is_ok_and(|uri| uri.host().is_none());
    if good { Ok(text.to_owned()) } else { Err("use a path such as /healthz".to_owned()) }
}

/// A file that a key is in; `-` is not one.
///
/// # Errors
/// It says `-`.
pub(super) fn key_file(text: &str) -> Result<PathBuf, String> {
    if text == "-" {
        return Err("without this option the key is read from standard input".to_owned());
    }
    Ok(PathBuf::from(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duration_has_a_unit_and_is_above_zero() {
        let minutes = |text: &str| duration(text).map(|time| time.as_mins());
        assert_eq!(minutes("90s"), Ok(1));
        assert_eq!(minutes("1h 30m"), Ok(90));
        assert_eq!(minutes("7d"), Ok(7 * 24 * 60));
        for bad in ["", "30", "0s", "-5m", "1 month", "2y", "9999999h", "x"] {
            assert!(duration(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_time_is_absolute_or_how_long_ago() {
        let now: Timestamp = "2026-11-22T12:00:00Z".parse().expect("a time");
        let seen = |text: &str| text.parse::<When>().map(|when| when.seen_from(now).to_string());
        assert_eq!(seen("2026-11-22T10:00Z").as_deref(), Ok("2026-11-22T10:00:00Z"));
        assert_eq!(seen("2026-11-22T10:00+02:00").as_deref(), Ok("2026-11-22T08:00:00Z"));
        assert_eq!(seen("2026-11-20").as_deref(), Ok("2026-11-20T00:00:00Z"));
        assert_eq!(seen("2h").as_deref(), Ok("2026-11-22T10:00:00Z"));
        assert_eq!(seen("2h ago").as_deref(), Ok("2026-11-22T10:00:00Z"));
        for bad in ["yesterday", "2026-11-22T10:00", "2026-13-01", ""] {
            assert!(seen(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn what_goes_into_a_path_or_a_query_needs_no_escaping() {
        for bad in ["", "a/b", "a b", "A", "a&b", "a?b", "ä", "..", &"a".repeat(65)] {
            assert!(provider(bad).is_err(), "{bad}");
        }
        for bad in ["", "a b", "a&b", "a*b", "a/b"] {
            assert!(event_type(bad).is_err(), "{bad}");
        }
        for bad in ["", "Prod", "1st", "a-b", "a/b", "abcdefghijklm"] {
            assert!(environment(bad).is_err(), "{bad}");
        }
        assert!(environment("prod").is_ok());
        assert!(event_type("teamclaw.step.*").is_ok());
        assert!(key_print("0123456789ab").is_ok());
        assert!(key_print("sk-ant-secret").is_err());
    }

    #[test]
    fn a_provider_may_be_sent_elsewhere_by_http_or_https_only() {
        assert!(upstream("openai=https://proxy:8443/v1").is_ok());
        for bad in ["openai", "openai=", "openai=ftp://x", "=http://x", "openai=/v1"] {
            assert!(upstream(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_range_of_ports_is_in_order_and_unprivileged() {
        assert!(port_range("20000-20009").is_ok());
        for bad in ["20000", "80-90", "9-8", "30000-20000", "20000-70000", "a-b"] {
            assert!(port_range(bad).is_err(), "{bad}");
        }
    }
}
