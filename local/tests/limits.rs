//! Limits come with a lease as it is found, and not as it was granted.

#[path = "../src/scratch.rs"]
mod scratch;

use events::token::token_hash;
use events::{Attempt, Gen, Limits, LimitsBook};
use local::Local;
use ports::{Lease, Leases};
use scratch::Scratch;

fn lease(name: &str, team: &str) -> Lease {
    Lease {
        workspace: name.parse().expect("a name"),
        generation: Gen(1),
        attempt: Attempt(1),
        team: team.parse().expect("a name"),
        limits: Limits::default(),
    }
}

async fn tokens_per_day(leases: &dyn Leases, lease: &Lease) -> Option<u64> {
    let token = leases.token(&lease.workspace, lease.generation, lease.attempt);
    let found = leases.find(&token_hash(token.expose())).await.expect("found").expect("in force");
    found.limits.tokens_per_day.map(Into::into)
}

fn book(json: &str) -> LimitsBook {
    serde_json::from_str(json).expect("a book")
}

#[tokio::test]
async fn a_changed_book_is_in_force_for_who_runs_already() {
    let scratch = Scratch::new();
    let (ann, bob) = (lease("ann", "research"), lease("bob", "sales"));
    let local = Local::open(&scratch.path("data")).expect("opens");
    let leases = local.leases();
    for lease in [&ann, &bob] {
        leases.grant(lease).await.expect("granted");
    }
    assert_eq!(tokens_per_day(&*leases, &ann).await, None);
    drop((leases, local));

    let local = Local::open(&scratch.path("data")).expect("opens again");
    let first = r#"{"tokens_per_day": 5, "teams": {"research": {"tokens_per_day": 7}}}"#;
    let leases = local.limited_leases(book(first));
    assert_eq!(tokens_per_day(&*leases, &ann).await, Some(7), "the team's");
    assert_eq!(tokens_per_day(&*leases, &bob).await, Some(5), "everybody's");
    let second = r#"{"people": {"ann": {"tokens_per_day": 9}}}"#;
    let leases = local.limited_leases(book(second));
    assert_eq!(tokens_per_day(&*leases, &ann).await, Some(9), "her own");
    assert_eq!(tokens_per_day(&*leases, &bob).await, None, "taken back");
}

#[tokio::test]
async fn a_grant_fixes_no_limits() {
    let scratch = Scratch::new();
    let local = Local::open(&scratch.path("data")).expect("opens");
    let leases = local.limited_leases(book(r#"{"tokens_per_day": 5}"#));
    let limits = Limits { tokens_per_day: std::num::NonZeroU64::new(99), ..Limits::default() };
    let granted = Lease { limits, ..lease("ann", "research") };
    leases.grant(&granted).await.expect("granted");
    assert_eq!(tokens_per_day(&*leases, &granted).await, Some(5));
    let listed = leases.list().await.expect("listed");
    assert_eq!(listed[0].limits.tokens_per_day.map(u64::from), Some(5));
}
