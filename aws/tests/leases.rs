//! The leases' promises over a local DynamoDB, and what only a table can show.

mod rig;
#[macro_use]
mod suite;

use aws::leases::{DynamoLeases, LEASES};
use aws_sdk_dynamodb::types::AttributeValue;
use events::token::token_hash;
use events::{Attempt, Gen, Limits, LimitsBook, Secret};
use ports::{Lease, LeaseLookup, Leases};

async fn leases() -> DynamoLeases {
    let (client, environment) = suite::tables(&[LEASES]).await;
    DynamoLeases::new(client, &environment, Secret::new("the-token-secret"))
}

ports::leases_rules!(suite);

fn lease(generation: u64, attempt: u32) -> Lease {
    Lease {
        workspace: "ann".parse().expect("a name"),
        generation: Gen(generation),
        attempt: Attempt(attempt),
        team: "research".parse().expect("a name"),
        limits: Limits::default(),
    }
}

fn hash(leases: &DynamoLeases, lease: &Lease) -> String {
    token_hash(leases.token(&lease.workspace, lease.generation, lease.attempt).expose())
}

fn book(json: &str) -> LimitsBook {
    serde_json::from_str(json).expect("a book")
}

/// And a grant fixes none.
#[tokio::test]
async fn limits_are_those_of_the_book_whatever_was_granted() {
    let leases = leases().await;
    let first = r#"{"tokens_per_day": 5, "teams": {"research": {"tokens_per_day": 7}}}"#;
    let limits = book(first).everybody;
    leases.grant(&Lease { limits, ..lease(1, 1) }).await.expect("granted");
    for (json, tokens) in [("{}", None), (first, Some(7)), (r#"{"tokens_per_day": 9}"#, Some(9))] {
        let limited = leases.limited_by(book(json));
        let found = limited.find(&hash(&leases, &lease(1, 1))).await.expect("found");
        let listed = limited.list().await.expect("listed");
        let told = |lease: &Lease| lease.limits.tokens_per_day.map(u64::from);
        assert_eq!(found.as_ref().and_then(told), tokens);
        assert_eq!(listed.first().and_then(told), tokens);
    }
}

/// The revoke that raised the fence died before it had deleted anything.
#[tokio::test]
async fn a_revoke_that_is_repeated_after_a_crash_deletes_what_the_first_one_left() {
    let (client, environment) = suite::tables(&[LEASES]).await;
    let secret = Secret::new("the-token-secret");
    let leases = DynamoLeases::new(client.clone(), &environment, secret);
    for lease in [lease(1, 1), lease(1, 2), lease(2, 1)] {
        leases.grant(&lease).await.expect("granted");
    }
    let raised = client
        .update_item()
        .table_name(environment.named(LEASES.name))
        .key("pk", AttributeValue::S("W#ann".to_owned()))
        .update_expression("SET revoked = :try")
        .expression_attribute_values(
            ":try",
            AttributeValue::S("00000000000000000001.0000000002".to_owned()),
        );
    raised.send().await.expect("raised");
    leases.revoke(&lease(1, 2).workspace, Gen(1), Attempt(2)).await.expect("revoked");
    assert_eq!(leases.list().await.expect("listed"), [lease(2, 1)]);
    for (lease, good) in [(lease(1, 1), false), (lease(1, 2), false), (lease(2, 1), true)] {
        let found = leases.find(&hash(&leases, &lease)).await.expect("found");
        assert_eq!(found.is_some(), good, "{lease:?}");
    }
}

/// Nothing that is stored can be used in a token's place.
#[tokio::test]
async fn no_token_is_in_the_table() {
    let (client, environment) = suite::tables(&[LEASES]).await;
    let secret = Secret::new("the-token-secret");
    let leases = DynamoLeases::new(client.clone(), &environment, secret);
    leases.grant(&lease(1, 1)).await.expect("granted");
    let rows = client.scan().table_name(environment.named(LEASES.name)).send().await;
    let text = format!("{:?}", rows.expect("rows").items());
    let token = leases.token(&lease(1, 1).workspace, Gen(1), Attempt(1));
    assert!(text.contains(&hash(&leases, &lease(1, 1))));
    assert!(!text.contains(token.expose()) && !text.contains("the-token-secret"));
}
