//! Hours, days and months as keys, and which of them make up the time since a moment. Pure.
//!
//! A key is the beginning of RFC 3339 in UTC, so that its text is in the order of time:
//! `2026-09-21T13`, `2026-09-21`, `2026-09`.

use jiff::civil::Date;
use jiff::{Timestamp, ToSpan};

/// What comes after every key.
const END: &str = "~";
/// What comes before every key.
const BEGIN: &str = "0";

/// How long a sum is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Period {
    Hour,
    Day,
    Month,
}

impl Period {
    pub(crate) const ALL: [Self; 3] = [Self::Hour, Self::Day, Self::Month];

    /// The letter before its keys.
    pub(crate) fn letter(self) -> char {
        match self {
            Self::Hour => 'H',
            Self::Day => 'D',
            Self::Month => 'M',
        }
    }

    /// The key of the period in which a moment lies.
    pub(crate) fn of(self, at: Timestamp) -> String {
        let text = at.to_string();
        let length = match self {
            Self::Hour => "2026-09-21T13".len(),
            Self::Day => "2026-09-21".len(),
            Self::Month => "2026-09".len(),
        };
        text.chars().take(length).collect()
    }
}

/// Periods in a row, both ends included.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Span {
    pub(crate) period: Period,
    pub(crate) first: String,
    pub(crate) last: String,
}

/// The fewest periods that make up the time from the hour of `since` on; no hour is in two of them.
pub(crate) fn spans(since: Option<Timestamp>) -> Vec<Span> {
    let months = |first: String| Span { period: Period::Month, first, last: END.to_owned() };
    let Some(since) = since else { return vec![months(BEGIN.to_owned())] };
    let (hour, today) = (Period::Hour.of(since), Period::Day.of(since));
    // Only a year beyond 9999 is no date; it has no usage either.
    let Ok(date) = today.parse::<Date>() else { return Vec::new() };
    let mut spans = Vec::new();
    let mut day = date;
    if !hour.ends_with("T00") {
        spans.push(Span { period: Period::Hour, first: hour, last: format!("{today}T23") });
        day = next(date, 1.day());
    }
    let mut month = day.first_of_month();
    if month != day {
        let last = day.last_of_month().to_string();
        spans.push(Span { period: Period::Day, first: day.to_string(), last });
        month = next(month, 1.month());
    }
    spans.push(months(month.to_string().chars().take("2026-09".len()).collect()));
    spans
}

fn next(date: Date, after: jiff::Span) -> Date {
    date.saturating_add(after)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().expect("a time")
    }

    fn told(since: &str) -> Vec<String> {
        let spans = spans(Some(at(since)));
        spans.iter().map(|it| format!("{} {}", it.first, it.last)).collect()
    }

    #[test]
    fn the_time_since_a_moment_is_hours_to_midnight_days_to_the_month_s_end_and_months() {
        let hours = "2026-09-21T13 2026-09-21T23";
        let days = "2026-09-22 2026-09-30";
        assert_eq!(told("2026-09-21T13:33:20Z"), [hours, days, "2026-10 ~"]);
        assert_eq!(told("2026-09-21T00:59:59Z"), ["2026-09-21 2026-09-30", "2026-10 ~"]);
        assert_eq!(told("2026-09-30T23:00:00Z"), ["2026-09-30T23 2026-09-30T23", "2026-10 ~"]);
        assert_eq!(told("2026-12-31T00:00:00Z"), ["2026-12-31 2026-12-31", "2027-01 ~"]);
        assert_eq!(told("2026-09-01T00:00:00Z"), ["2026-09 ~"]);
        assert_eq!(
            spans(None),
            [Span { period: Period::Month, first: "0".into(), last: "~".into() }]
        );
    }

    proptest! {
        /// Counted by its hour, its day or its month, and by one of them only.
        #[test]
        fn a_moment_is_in_one_span_from_the_hour_asked_for_on_and_in_none_before(
            since in 0_i64..4_000_000_000, after in -10_000_000_i64..10_000_000,
        ) {
            let since = Timestamp::from_second(since).expect("in range");
            let moment = since + jiff::SignedDuration::from_secs(after);
            let holds = |span: &&Span| {
                let key = span.period.of(moment);
                span.first <= key && key <= span.last
            };
            let found = spans(Some(since)).iter().filter(holds).count();
            let wanted = usize::from(Period::Hour.of(moment) >= Period::Hour.of(since));
            prop_assert_eq!(found, wanted);
        }
    }
}
