//! The real program as the sweeper: a fact whose record in the journal's stream was lost gets its place in
//! the one order all the same.

#[path = "../../aws/tests/rig/mod.rs"]
mod rig;

mod local;

use fake_aws::Fake;
use local::Endpoints;
use ports::Person;
use serde_json::json;

/// How many rows of the feed there are. Who reads the feed itself would order what is pending.
async fn rows(client: &aws_sdk_dynamodb::Client, environment: &aws::Environment) -> usize {
    let pages = client.scan().table_name(environment.named("journal")).into_paginator().items();
    let items = pages.send().collect::<Result<Vec<_>, _>>().await.expect("the whole table");
    let key = |item: &aws_sdk_dynamodb::types::AttributeValue| item.as_s().cloned().expect("text");
    items.iter().filter(|item| key(&item["pk"]).starts_with("F#")).count()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fact_whose_record_in_the_stream_was_lost_is_put_in_order_by_the_next_sweep() {
    let server = rig::ministack();
    let (config, environment) = (server.config().await, rig::environment());
    local::stacks::make(&config, &environment).await;
    let fake = Fake::start().await.expect("the fake starts");
    let endpoints = Endpoints { local: server.url(), fake: fake.url() };
    let settings = serde_json::from_str(include_str!("../settings.json")).expect("JSON");
    // No stream starts anything here.
    tokio::task::block_in_place(|| {
        local::deploy(server, &environment, "sweeper", (&settings, &endpoints));
    });
    let dynamodb = aws_sdk_dynamodb::Client::new(&config);
    let bus = local::bus::bus(&config, &environment);
    let (id, team) = ("ann".parse().expect("a name"), "red".parse().expect("a name"));
    let ann = Person { id, team, admin: false };
    producers::session::log_in(&bus, &ann).await.expect("recorded");
    assert_eq!(rows(&dynamodb, &environment).await, 0, "it is pending");
    let sweep = || local::invoke(server, &environment, "sweeper", &json!({}));
    let answer = tokio::task::block_in_place(sweep);
    assert!(answer.is_null(), "{answer}");
    assert_eq!(rows(&dynamodb, &environment).await, 1);
    tokio::task::block_in_place(sweep);
    assert_eq!(rows(&dynamodb, &environment).await, 1, "once");
}
