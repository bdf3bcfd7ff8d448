//! What a person's start and its stop cost, by DynamoDB's own word, is what the estimate makes bills of.

#[path = "../../aws/tests/rig/mod.rs"]
mod rig;

mod local;

#[allow(dead_code, reason = "each test program uses a part of it")]
#[path = "local/journey.rs"]
mod journey;

use std::sync::Arc;

use journey::{AS_STACKED, Deployment};
use local::calls::{Call, Cost, Fate};
use serde_json::Value;

/// A message that comes twice, or an append that meets another, costs a little more; rows of the feed
/// that hold several facts a little less. How much is read follows from how often queues and the stream
/// start a function, some of them for nothing.
#[tokio::test(flavor = "multi_thread")]
async fn a_start_and_its_stop_cost_as_much_as_the_estimate_says() {
    let cost = Cost::default();
    let counted = Arc::clone(&cost);
    let weather = Arc::new(move |_: &Call| Fate::IsCounted(Arc::clone(&counted)));
    let here = Deployment::under(weather, AS_STACKED).await;
    let ann = ["ann".parse().expect("a name")];
    here.all_come_up(&ann).await;
    here.all_stop(&ann).await;

    let units = *cost.lock().expect("unpoisoned");
    let said: Value = serde_json::from_str(include_str!("../journey.json")).expect("JSON");
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
