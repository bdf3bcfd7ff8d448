//! Numbers and times in the words that people read. Pure; the clock is an argument.

use events::price::PICO_PER_DOLLAR;
use jiff::{SignedDuration, Timestamp, Unit};

/// How long something took: `12 ms`, `4.21 s`, `2 min 03 s`, `5 h 07 min`, `3 d 04 h`.
pub fn took(time: SignedDuration) -> String {
    let time = time.max(SignedDuration::ZERO);
    let (millis, seconds) = (time.as_millis(), time.as_secs());
    match seconds {
        0 => format!("{millis} ms"),
        1..60 => format!("{}.{:02} s", seconds, time.subsec_millis() / 10),
        60..3_600 => format!("{} min {:02} s", seconds / 60, seconds % 60),
        3_600..86_400 => format!("{} h {:02} min", seconds / 3_600, seconds / 60 % 60),
        _ => format!("{} d {:02} h", seconds / 86_400, seconds / 3_600 % 24),
    }
}

/// How long something is or lasts, as somebody would say it who did not measure: `30 min`.
pub fn about(time: SignedDuration) -> String {
    let seconds = rounded_secs(time.max(SignedDuration::ZERO));
    if seconds == 0 {
        return "a moment".to_owned();
    }
    let (count, unit, rest, smaller) = match seconds {
        0..60 => (seconds, "s", 0, ""),
        60..3_600 => (seconds / 60, "min", seconds % 60, "s"),
        3_600..86_400 => (seconds / 3_600, "h", seconds / 60 % 60, "min"),
        _ => (seconds / 86_400, "d", seconds / 3_600 % 24, "h"),
    };
    // Beyond ten of a unit the smaller one tells nobody anything.
    if rest == 0 || count >= 10 {
        return format!("{count} {unit}");
    }
    format!("{count} {unit} {rest} {smaller}")
}

/// The nearest whole second: a notice of 10 s is still one of 10 s when it has been written down.
fn rounded_secs(time: SignedDuration) -> i64 {
    time.round(Unit::Second).map_or(time.as_secs(), |time| time.as_secs())
}

/// A moment as seen from now: `5 min ago`, `in 2 h`, `now`.
pub fn relative(at: Timestamp, now: Timestamp) -> String {
    let distance = at.duration_since(now);
    let said = about(distance.abs());
    match rounded_secs(distance) {
        0 => "now".to_owned(),
        1.. => format!("in {said}"),
        _ => format!("{said} ago"),
    }
}

/// A moment as seen from now, or a dash.
pub fn relative_or_dash(at: Option<Timestamp>, now: Timestamp) -> String {
    at.map_or_else(dash, |at| relative(at, now))
}

/// What stands where there is nothing.
pub fn dash() -> String {
    "-".to_owned()
}

/// Pico-dollars as dollars, exactly: at least two decimals, at most twelve, nothing rounded.
pub fn dollars(pico: i128) -> String {
    let unit = u128::from(PICO_PER_DOLLAR);
    let (whole, rest) = (pico.unsigned_abs() / unit, pico.unsigned_abs() % unit);
    let digits = format!("{rest:012}");
    let kept = digits.trim_end_matches('0').len().max(2);
    let sign = if pico < 0 { "-" } else { "" };
    format!("{sign}{whole}.{}", &digits[..kept])
}

/// A count with its thousands set apart: `1,234,567`.
pub fn count(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() * 4 / 3);
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// Text that somebody else wrote, on one line and without what would steer a terminal.
pub fn plain(text: &str) -> String {
    let visible = anstream::adapter::strip_str(text).to_string().replace(['\n', '\t'], " ");
    visible.chars().filter(|c| !c.is_control()).collect()
}

/// Text of several lines that somebody else wrote, without what would steer a terminal.
pub fn plain_lines(text: &str) -> String {
    text.lines().map(plain).collect::<Vec<_>>().join("\n")
}

/// One line of at most `width` characters; what is cut ends in `…`.
pub fn short(text: &str, width: usize) -> String {
    let text = plain(text);
    if text.chars().count() <= width {
        return text;
    }
    text.chars().take(width.saturating_sub(1)).chain(['…']).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn money_is_exact_to_the_pico_dollar() {
        let cases = [
            (0, "0.00"),
            (1, "0.000000000001"),
            (-1, "-0.000000000001"),
            (1_500_000_000_000, "1.50"),
            (12_340_000_000, "0.01234"),
            (1_000_000_000_000_000_000_000_000_001, "1000000000000000.000000000001"),
        ];
        for (pico, text) in cases {
            assert_eq!(dollars(pico), text);
        }
        assert!(dollars(i128::MIN).starts_with('-'), "the smallest number has no positive twin");
    }

    #[test]
    fn lengths_of_time_keep_two_units_at_most() {
        let shown = |millis| took(SignedDuration::from_millis(millis));
        assert_eq!(shown(12), "12 ms");
        assert_eq!(shown(4_219), "4.21 s");
        assert_eq!(shown(123_000), "2 min 03 s");
        assert_eq!(shown(-5), "0 ms", "clocks of two machines may disagree");
        let said = |secs| about(SignedDuration::from_secs(secs));
        assert_eq!([said(90), said(1_800), said(7_260)], ["1 min 30 s", "30 min", "2 h 1 min"]);
        assert_eq!(about(SignedDuration::from_millis(990)), "1 s", "not 0 s");
        assert_eq!(about(SignedDuration::from_millis(300)), "a moment");
        assert_eq!([said(36_060), said(90_000)], ["10 h", "1 d 1 h"]);
        assert_eq!(about(SignedDuration::MAX), "106751991167300 d", "nothing overflows");
    }

    #[test]
    fn moments_are_told_to_the_nearest_second() {
        let from = |millis| {
            relative(
                Timestamp::UNIX_EPOCH + SignedDuration::from_millis(millis),
                Timestamp::UNIX_EPOCH,
            )
        };
        assert_eq!([from(9_990), from(990), from(400)], ["in 10 s", "in 1 s", "now"]);
        assert_eq!([from(-9_990), from(-990), from(-400)], ["10 s ago", "1 s ago", "now"]);
    }

    #[test]
    fn what_others_wrote_cannot_steer_the_terminal() {
        assert_eq!(plain("a\u{1b}[2Jb\nc\r\u{7}\u{9b}1m"), "ab c1m");
        assert_eq!(plain_lines("a\u{1b}]0;x\u{7}\nb"), "a\nb");
        assert_eq!(short("abcdef", 4), "abc…");
    }

    #[test]
    fn counts_are_grouped_by_thousands() {
        assert_eq!([count(0), count(999), count(1_000)], ["0", "999", "1,000"]);
        assert_eq!(count(u64::MAX), "18,446,744,073,709,551,615");
    }
}
