//! The promises about people over a local DynamoDB, and what only a table can show.

mod rig;
mod sample;
#[macro_use]
mod suite;

use std::sync::Arc;

use aws::people::{DynamoPeople, PEOPLE};
use events::WorkspaceId;
use events::token::token_hash;
use jiff::Timestamp;
use ports::{People, Person};
use sample::Counted;

async fn people() -> DynamoPeople {
    let (client, environment) = suite::tables(&[PEOPLE]).await;
    DynamoPeople::new(client, &environment, Arc::new(Counted::default()))
}

ports::people_rules!(suite);

fn second(second: i64) -> Timestamp {
    Timestamp::from_second(second).expect("in range")
}

fn ann() -> Person {
    let id: WorkspaceId = "ann".parse().expect("a name");
    Person { id, team: "red".parse().expect("a name"), admin: false }
}

/// The next round is like the first.
#[tokio::test]
async fn who_was_forgotten_can_be_invited_again() {
    let people = people().await;
    for _ in 0..2 {
        people.forget(&ann().id).await.expect("forgotten");
        let link = people.invite(&ann(), second(100)).await.expect("invited");
        let redeemed =
            people.redeem(link.expose(), second(0), second(200)).await.expect("redeemed");
        let (_, session) = redeemed.expect("a good link");
        let found = people.find(session.token.expose(), second(100)).await.expect("found");
        assert_eq!(found, Some(ann()));
        assert_eq!(people.count(&ann().id, second(0)).await.expect("counted"), 1);
    }
}

/// DynamoDB may delete a row once this time has passed, and what has not ended must stay; the row
/// that tells what was forgotten must stay for ever.
#[tokio::test]
async fn only_what_has_ended_for_a_day_may_be_deleted() {
    let (client, environment) = suite::tables(&[PEOPLE]).await;
    let people = DynamoPeople::new(client.clone(), &environment, Arc::new(Counted::default()));
    people.invite(&ann(), second(100)).await.expect("invited");
    people.forget(&ann().id).await.expect("forgotten");
    let rows = client.scan().table_name(environment.named(PEOPLE.name)).send().await;
    let mut found = Vec::new();
    for row in rows.expect("rows").items() {
        found.push(row.get("expires").and_then(|value| value.as_n().ok().cloned()));
    }
    found.sort();
    assert_eq!(found, [None, Some((100 + 24 * 3_600).to_string())]);
}

/// Nothing that is stored can be used in a secret's place.
#[tokio::test]
async fn no_secret_is_in_the_table() {
    let (client, environment) = suite::tables(&[PEOPLE]).await;
    let people = DynamoPeople::new(client.clone(), &environment, Arc::new(Counted::default()));
    let unused = people.invite(&ann(), second(100)).await.expect("invited");
    let link = people.invite(&ann(), second(100)).await.expect("invited");
    let redeemed = people.redeem(link.expose(), second(0), second(200)).await.expect("redeemed");
    let (_, session) = redeemed.expect("a good link");
    let rows = client.scan().table_name(environment.named(PEOPLE.name)).send().await;
    let text = format!("{:?}", rows.expect("rows").items());
    assert!(text.contains(&token_hash(unused.expose())));
    assert!(!text.contains(unused.expose()) && !text.contains(session.token.expose()));
}
