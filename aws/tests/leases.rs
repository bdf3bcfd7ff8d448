//! The leases' promises over a local DynamoDB, and what only a table can show.

mod rig;
#[macro_use]
mod suite;

use aws::broker::wire::Proof;
use aws::broker::{HeldLeases, Refusal};
use aws::leases::{DynamoLeases, LEASES, Openings};
use aws_sdk_dynamodb::types::AttributeValue;
use events::token::token_hash;
use events::{Attempt, Gen, Limits, LimitsBook, Secret};
use jiff::Timestamp;
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

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).expect("in range")
}

/// A lease that was granted, and what starts and sidecars do with it.
struct Held {
    leases: DynamoLeases,
    openings: Openings,
    token: Secret,
}

impl Held {
    async fn granted() -> Self {
        let (client, environment) = suite::tables(&[LEASES]).await;
        let secret = Secret::new("the-token-secret");
        let leases = DynamoLeases::new(client.clone(), &environment, secret);
        leases.grant(&lease(1, 1)).await.expect("granted");
        let token = leases.token(&lease(1, 1).workspace, Gen(1), Attempt(1));
        Self { leases, openings: Openings::new(client, &environment), token }
    }

    /// The start of this try shows the token; the first may ask until second 100.
    async fn start(&self, attempt: u32) {
        let start = (Gen(1), Attempt(attempt));
        self.openings.open(&self.token, start, at(100)).await.expect("opened");
    }

    async fn asks(&self, holder: &str, second: i64) -> Result<Lease, Refusal> {
        let proof = Proof { token: self.token.expose(), holder };
        self.leases.hold(proof, at(second)).await
    }

    async fn is_known(&self, holder: &str, second: i64) -> bool {
        match self.asks(holder, second).await {
            Ok(held) => held == lease(1, 1),
            Err(Refusal::Unknown) => false,
            Err(other) => panic!("{other:?}"),
        }
    }

    async fn is_taken(&self, holder: &str, second: i64) -> bool {
        matches!(self.asks(holder, second).await, Err(Refusal::Taken))
    }
}

/// Whoever has read the token where ECS shows it comes second.
#[tokio::test]
async fn a_lease_is_the_first_ones_who_asks_and_nobody_elses() {
    let held = Held::granted().await;
    held.start(1).await;
    assert!(held.is_known("sidecar", 1).await);
    for second in [1, 99, 1_000] {
        assert!(held.is_taken("thief", second).await);
        // Again because its answer was lost, and to renew, long after the boot.
        assert!(held.is_known("sidecar", second).await);
    }
    held.leases.revoke(&lease(1, 1).workspace, Gen(1), Attempt(1)).await.expect("revoked");
    assert!(!held.is_known("sidecar", 1_001).await);
    assert!(!held.is_known("thief", 1_001).await);
}

#[tokio::test]
async fn a_token_that_no_start_has_shown_or_that_nobody_held_in_time_is_worthless() {
    let held = Held::granted().await;
    assert!(!held.is_known("sidecar", 1).await, "nobody can have it");
    held.start(1).await;
    assert!(!held.is_known("late", 101).await);
    // Another delivery of the same start.
    held.start(1).await;
    assert!(!held.is_known("late", 101).await);
    assert!(held.is_known("sidecar", 100).await);
}

/// A replay from run_task keeps the lease; the task before it has ended by then.
#[tokio::test]
async fn a_later_start_of_a_lease_opens_it_anew_and_a_repeated_or_earlier_one_does_not() {
    let held = Held::granted().await;
    held.start(2).await;
    assert!(held.is_known("first", 1).await);
    for repeated in [2, 1] {
        held.start(repeated).await;
        assert!(held.is_taken("second", 1).await);
    }
    held.start(3).await;
    assert!(held.is_known("second", 1).await);
    assert!(held.is_taken("first", 1).await);
}

/// Nor does it leave a row behind.
#[tokio::test]
async fn a_start_opens_no_lease_that_is_not_in_force() {
    let held = Held::granted().await;
    held.leases.revoke(&lease(1, 1).workspace, Gen(1), Attempt(1)).await.expect("revoked");
    held.start(1).await;
    assert!(!held.is_known("sidecar", 1).await);
    assert_eq!(held.leases.find(&hash(&held.leases, &lease(1, 1))).await.expect("found"), None);
}

/// Two that ask at the same moment.
#[tokio::test]
async fn of_two_who_ask_at_once_one_holds_the_lease() {
    for _ in 0..8 {
        let held = Held::granted().await;
        held.start(1).await;
        let (one, two) = tokio::join!(held.asks("one", 1), held.asks("two", 1));
        assert!(one.is_ok() != two.is_ok(), "{one:?} {two:?}");
        let lost = one.err().or(two.err()).expect("one of them");
        assert!(matches!(lost, Refusal::Taken), "{lost:?}");
    }
}
