//! Every golden answer, read by the meter: whole, cut at every byte, and broken off after every
//! event.

use events::price::PriceTable;
use events::usage::Completion;
use expect_test::expect_file;
use http::{HeaderMap, HeaderName, HeaderValue, Method};

use super::{Meter, Reading};
use crate::bill::{Bill, bill};
use crate::config::{Config, Upstreams};
use crate::form;
use crate::include_usage::Asked;

#[path = "../../tests/golden/case.rs"]
pub(in crate::meter) mod case;

use case::Case;

/// A case with what the sidecar knows of its request.
struct Known {
    case: Case,
    provider: std::sync::Arc<crate::providers::Provider>,
    api: crate::providers::Api,
    model: String,
    headers: HeaderMap,
    prices: PriceTable,
}

impl Known {
    fn new(case: Case) -> Self {
        let upstreams = Upstreams::new(&Config::default()).expect("good");
        let target = crate::target::Target::parse(&case.path);
        let target = target.unwrap_or_else(|odd| panic!("{}: {odd}", case.name));
        let provider = upstreams.providers.find(target.provider).expect("in the table");
        let found = provider.route(&Method::POST, target.path).expect("served");
        let asked = Asked::read(&case.request.clone().into()).and_then(|asked| asked.model);
        let asked = asked.or_else(|| form::field(case.request.as_bytes(), "model"));
        let mut headers = HeaderMap::new();
        let kind = ("content-type".to_owned(), case.content_type.clone());
        for (name, value) in case.headers.iter().chain([&kind]) {
            let name: HeaderName = name.parse().expect("a name");
            headers.insert(name, HeaderValue::from_str(value).expect("a value"));
        }
        Self {
            provider: std::sync::Arc::clone(provider),
            api: found.api.expect("billed"),
            model: asked.or(found.model).unwrap_or_default(),
            headers,
            prices: PriceTable::built_in(),
            case,
        }
    }

    fn read<'a>(&self, parts: impl Iterator<Item = &'a [u8]>) -> Reading {
        let mut meter = Meter::new(self.api, &self.headers);
        parts.for_each(|part| meter.see(part));
        meter.finish()
    }

    /// How many bytes of text the request has.
    fn asked(&self) -> u64 {
        if self.api.takes_json() { self.case.request.len() as u64 } else { 0 }
    }

    fn bill(&self, reading: &Reading) -> Bill {
        let model = reading.model.as_ref().unwrap_or(&self.model);
        bill(&self.prices, &self.provider, model, reading, self.asked())
    }

    fn line(&self, reading: &Reading) -> String {
        let model = reading.model.as_ref().unwrap_or(&self.model);
        let Bill { tokens, estimated, cost } = self.bill(reading);
        case::line(model, reading.completion, &tokens, estimated, &cost)
    }
}

fn all() -> Vec<Known> {
    let all: Vec<Known> = case::all().into_iter().map(Known::new).collect();
    assert!(all.len() > 50, "the golden answers are missing");
    all
}

#[test]
fn every_golden_answer_is_read_to_the_token_and_every_beginning_of_it_as_far_as_it_goes() {
    for known in all() {
        let body = &known.case.body;
        let mut lines = vec![known.line(&known.read([&body[..]].into_iter()))];
        for (n, end) in known.case.ends.iter().enumerate() {
            let reading = known.read([&body[..*end]].into_iter());
            lines.push(format!("after {}: {}", n + 1, known.line(&reading)));
        }
        let expected = case::directory().join(format!("{}.expected", known.case.name));
        expect_file![expected].assert_eq(&(lines.join("\n") + "\n"));
    }
}

#[test]
fn the_same_is_read_wherever_the_answer_is_cut() {
    for known in all() {
        let (name, body) = (&known.case.name, &known.case.body);
        let whole = known.read([&body[..]].into_iter());
        // An answer of a megabyte is of one letter nearly all through.
        let sizes = if body.len() > 100_000 { 1..=1 } else { 1..=16 };
        for size in sizes {
            assert_eq!(known.read(body.chunks(size)), whole, "{name}, by {size} bytes");
        }
        for at in (0..body.len()).step_by(body.len().div_ceil(40)) {
            let (first, second) = body.split_at(at);
            assert_eq!(known.read([first, second].into_iter()), whole, "{name}, cut at {at}");
        }
    }
}

#[test]
fn of_what_breaks_off_at_least_the_input_is_counted() {
    for known in all() {
        let whole = known.bill(&known.read([&known.case.body[..]].into_iter()));
        for end in &known.case.ends {
            let reading = known.read([&known.case.body[..*end]].into_iter());
            let (bill, name) = (known.bill(&reading), &known.case.name);
            match reading.completion {
                Completion::Complete => assert_eq!(bill.tokens, whole.tokens, "{name} at {end}"),
                Completion::Failed => {}
                Completion::Aborted if reading.tokens.input() > 0 => {
                    assert_eq!(bill.tokens.input(), reading.tokens.input(), "{name} at {end}");
                }
                Completion::Aborted => {
                    assert_eq!(bill.tokens.input(), known.asked().div_ceil(4), "{name} at {end}");
                    assert!(bill.estimated, "{name} at {end}");
                }
            }
        }
    }
}
