//! What a person's start and its stop cost, by DynamoDB's own word, is what the estimate makes bills of.

#[path = "../../aws/tests/rig/mod.rs"]
mod rig;

mod local;

#[allow(dead_code, reason = "each test program uses a part of it")]
#[path = "local/journey.rs"]
mod journey;

use std::sync::Arc;

use aws::journal::DynamoJournal;
use events::Activity;
use jiff::SignedDuration;
use journey::{AS_STACKED, Deployment, How};
use local::bus::bus;
use local::calls::{self, Call, Cost, Fate, Weather};
use local::units::Units;
use producers::activity;
use serde_json::Value;

/// How many uses are written down, one after the other.
const USES: u8 = 20;

/// Counts what everybody's calls cost.
fn counting() -> (Cost, Weather) {
    let cost = Cost::default();
    let counted = Arc::clone(&cost);
    (cost, Arc::new(move |_: &Call| Fate::IsCounted(Arc::clone(&counted))))
}

fn said() -> Value {
    serde_json::from_str(include_str!("../journey.json")).expect("JSON")
}

/// A message that comes twice, or an append that meets another, costs a little more; rows of the feed
/// that hold several facts a little less. How much is read follows from how often queues and the stream
/// start a function, some of them for nothing.
#[tokio::test(flavor = "multi_thread")]
async fn a_start_and_its_stop_cost_as_much_as_the_estimate_says() {
    let (cost, weather) = counting();
    let here = Deployment::under(weather, AS_STACKED).await;
    let ann = ["ann".parse().expect("a name")];
    here.all_come_up(&ann).await;
    here.all_stop(&ann).await;

    let units = *cost.lock().expect("unpoisoned");
    let said = said();
    for (name, counted, most) in
        [("writeUnits", units.writes, 1.5), ("readUnits", units.reads, 3.0)]
    {
        let said = said[name].as_f64().expect("a number");
        let near = (said * 0.7)..=(said * most);
        assert!(
            near.contains(&counted),
            "{name}: {counted} were counted; journey.json says {said}"
        );
    }
}

/// What is written down of somebody's use, again and again while they work, is the dearest of what the
/// tables cost: read, written, its timer set anew, and given its place in the feed.
#[tokio::test(flavor = "multi_thread")]
async fn a_use_costs_as_much_as_the_estimate_says() {
    let (cost, weather) = counting();
    let here = Deployment::under(Arc::clone(&weather), How { streams: 0, ..AS_STACKED }).await;
    let ann = ["ann".parse().expect("a name")];
    here.all_come_up(&ann).await;
    let server = rig::ministack().url();
    let by = calls::under(weather, server, here.environment.named("")).await;
    let config = here.config.to_builder().endpoint_url(by).build();
    let bus = bus(&config, &here.environment);
    let journal = DynamoJournal::new(aws_sdk_dynamodb::Client::new(&config), &here.environment);
    while journal.sequence().await.expect("ordered") > 0 {}
    *cost.lock().expect("unpoisoned") = Units::default();

    for second in 1..=USES {
        let at = bus.now().saturating_add(SignedDuration::from_secs(second.into())).expect("soon");
        activity::note(&bus, &ann[0], Activity::UserInput, at).await.expect("noted");
        assert_eq!(journal.sequence().await.expect("ordered"), 1, "it was written down");
    }

    let units = *cost.lock().expect("unpoisoned");
    let said = said();
    for (name, counted) in [("useWriteUnits", units.writes), ("useReadUnits", units.reads)] {
        let (each, said) = (counted / f64::from(USES), said[name].as_f64().expect("a number"));
        assert!(
            (each - said).abs() <= 0.5,
            "{name}: {each} were counted; journey.json says {said}"
        );
    }
}
