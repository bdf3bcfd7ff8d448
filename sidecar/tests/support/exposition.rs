//! A strict reader of Prometheus' text formats: what a scraper would forgive is a failed test
//! here. After prometheus.io/docs/instrumenting/exposition_formats and the OpenMetrics 1.0 text.

use std::collections::{BTreeMap, BTreeSet};

/// What was read: each line's name and labels, sorted and as written, and its value.
#[derive(Debug, Default)]
pub struct Exposition(pub BTreeMap<(String, BTreeMap<String, String>), f64>);

impl Exposition {
    /// The value of the line with this name and at least these labels; of several their sum.
    pub fn sum(&self, name: &str, labels: &[(&str, &str)]) -> f64 {
        let fits = |all: &BTreeMap<String, String>| {
            labels.iter().all(|(name, value)| all.get(*name).is_some_and(|has| has == value))
        };
        let all = self.0.iter().filter(|((has, all), _)| has == name && fits(all));
        let values: Vec<f64> = all.map(|(_, value)| *value).collect();
        assert!(!values.is_empty(), "no line of {name} with {labels:?}");
        values.iter().sum()
    }
}

/// A family while its lines are read.
struct Family {
    name: String,
    kind: String,
}

/// Reads OpenMetrics, or the older format.
pub fn read(text: &str, openmetrics: bool) -> Exposition {
    assert!(text.ends_with('\n'), "does not end in a newline");
    let mut lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines.last() == Some(&"# EOF"), openmetrics, "EOF belongs to OpenMetrics");
    if openmetrics {
        lines.pop();
    }
    let (mut seen, mut read) = (BTreeSet::new(), Exposition::default());
    let (mut help, mut family): (Option<String>, Option<Family>) = (None, None);
    for line in lines {
        if let Some(rest) = line.strip_prefix("# HELP ") {
            let (name, words) = rest.split_once(' ').expect("a name and words");
            assert!(good_name(name) && !words.is_empty() && !words.contains('\\'), "{line}");
            help = Some(name.to_owned());
        } else if let Some(rest) = line.strip_prefix("# TYPE ") {
            let (name, kind) = rest.split_once(' ').expect("a name and a type");
            assert_eq!(help.take().as_deref(), Some(name), "HELP comes before TYPE: {line}");
            assert!(["counter", "gauge", "histogram"].contains(&kind), "{line}");
            assert_eq!(name.ends_with("_total"), kind == "counter" && !openmetrics, "{line}");
            assert!(seen.insert(name.to_owned()), "a family comes once: {line}");
            family = Some(Family { name: name.to_owned(), kind: kind.to_owned() });
        } else {
            let family = family.as_ref().unwrap_or_else(|| panic!("no family yet: {line}"));
            let (name, labels, value) = sample(line);
            assert!(belongs(family, &name, openmetrics), "{line} is no line of {}", family.name);
            let before = read.0.insert((name, labels), value);
            assert!(before.is_none(), "twice: {line}");
        }
    }
    histograms(&read);
    read
}

fn belongs(family: &Family, name: &str, openmetrics: bool) -> bool {
    let rest = name.strip_prefix(&family.name);
    match family.kind.as_str() {
        "counter" if openmetrics => rest == Some("_total"),
        "histogram" => rest.is_some_and(|rest| ["_sum", "_count", "_bucket"].contains(&rest)),
        _ => rest == Some(""),
    }
}

/// Buckets grow, and the last has them all.
fn histograms(read: &Exposition) {
    for ((name, labels), count) in &read.0 {
        let Some(name) = name.strip_suffix("_count") else { continue };
        let mut buckets: Vec<(f64, f64)> = Vec::new();
        for ((bucket, all), value) in &read.0 {
            let mut rest = all.clone();
            if bucket.strip_suffix("_bucket") == Some(name)
                && let Some(le) = rest.remove("le")
                && rest == *labels
            {
                buckets.push((number(&le), *value));
            }
        }
        buckets.sort_by(|a, b| a.0.total_cmp(&b.0));
        assert!(buckets.is_sorted_by(|a, b| a.0 < b.0 && a.1 <= b.1), "{name}: {buckets:?}");
        assert_eq!(buckets.last(), Some(&(f64::INFINITY, *count)), "{name}");
    }
}

fn sample(line: &str) -> (String, BTreeMap<String, String>, f64) {
    let end = line.find(['{', ' ']).unwrap_or_else(|| panic!("no value: {line}"));
    let (name, mut rest) = line.split_at(end);
    assert!(good_name(name), "{line}");
    let mut labels = BTreeMap::new();
    if let Some(inside) = rest.strip_prefix('{') {
        rest = inside;
        loop {
            let (label, after) = rest.split_once("=\"").unwrap_or_else(|| panic!("{line}"));
            assert!(good_name(label) && !label.contains(':'), "{line}");
            let (value, after) = quoted(after);
            assert!(labels.insert(label.to_owned(), value).is_none(), "a label twice: {line}");
            match after.strip_prefix(',') {
                Some(next) => rest = next,
                None => {
                    rest = after.strip_prefix('}').unwrap_or_else(|| panic!("no end: {line}"));
                    break;
                }
            }
        }
    }
    let value = rest.strip_prefix(' ').unwrap_or_else(|| panic!("no space: {line}"));
    (name.to_owned(), labels, number(value))
}

/// A label's value and what comes after its closing quote.
fn quoted(text: &str) -> (String, &str) {
    let mut value = String::new();
    let mut letters = text.char_indices();
    while let Some((at, letter)) = letters.next() {
        match letter {
            '"' => return (value, &text[at + 1..]),
            '\\' => match letters.next().expect("something is escaped").1 {
                'n' => value.push('\n'),
                escaped @ ('"' | '\\') => value.push(escaped),
                other => panic!("\\{other} is no escape: {text}"),
            },
            other => value.push(other),
        }
    }
    panic!("no closing quote: {text}");
}

fn number(text: &str) -> f64 {
    match text {
        "+Inf" => f64::INFINITY,
        text => {
            assert!(
                text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'.' | b'-' | b'+' | b'e')),
                "{text}"
            );
            text.parse().unwrap_or_else(|_| panic!("no number: {text}"))
        }
    }
}

fn good_name(name: &str) -> bool {
    let first = name.bytes().next().is_some_and(|b| !b.is_ascii_digit());
    first && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b':')
}
