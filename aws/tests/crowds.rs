//! What many at once leave behind: the same, whoever comes first.

mod rig;
mod sample;
#[macro_use]
mod suite;

use std::sync::Arc;

use aws::leases::{DynamoLeases, LEASES};
use aws::people::{DynamoPeople, PEOPLE};
use aws::routes::{DynamoRoutes, ROUTES};
use events::token::token_hash;
use events::{Attempt, Gen, Limits, Secret, WorkspaceId};
use jiff::Timestamp;
use ports::{Fault, Lease, LeaseLookup, Leases, People, Person, Route, Routes};
use sample::Counted;
use tokio::task::JoinSet;

/// How many generations, each of as many tries, are opened and closed at once.
const GENERATIONS: u64 = 5;
const TRIES: u32 = 4;

fn ann() -> WorkspaceId {
    "ann".parse().expect("a name")
}

/// Every generation and try, in an order that mixes them.
fn tries() -> Vec<(Gen, Attempt)> {
    let all = (1..=GENERATIONS).flat_map(|g| (1..=TRIES).map(move |a| (Gen(g), Attempt(a))));
    let mut all: Vec<_> = all.collect();
    all.sort_by_key(|(generation, attempt)| token_hash(&format!("{generation}/{attempt}")));
    all
}

/// Those up to which is closed or revoked.
const LAST: [(Gen, Attempt); 3] =
    [(Gen(3), Attempt(2)), (Gen(2), Attempt(4)), (Gen(3), Attempt(1))];

/// The latest open wins that no close reaches, and nothing at all if one reaches them all.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_many_opens_and_closes_at_once_the_latest_counts() {
    for last in [LAST.to_vec(), vec![(Gen(GENERATIONS), Attempt(TRIES))]] {
        let (client, environment) = suite::tables(&[ROUTES]).await;
        let routes = DynamoRoutes::new(client, &environment);
        let mut all = JoinSet::new();
        for (generation, attempt) in tries() {
            let routes = routes.clone();
            let address = ([10, 0, 0, 1], 18_789).into();
            let route = Route { generation, attempt, address };
            all.spawn(async move { routes.open(&ann(), &route).await.map(drop) });
        }
        for (generation, attempt) in last.clone() {
            let routes = routes.clone();
            all.spawn(async move { routes.close(&ann(), generation, attempt).await });
        }
        for answer in all.join_all().await {
            answer.expect("an answer");
        }
        let latest = (Gen(GENERATIONS), Attempt(TRIES));
        let found = routes.find(&ann()).await.expect("found");
        let expected = Some(latest).filter(|latest| !last.contains(latest));
        assert_eq!(found.map(|route| (route.generation, route.attempt)), expected);
        assert_eq!(routes.list().await.expect("listed").len(), usize::from(expected.is_some()));
    }
}

/// A grant that overtakes the revoke of its try is revoked, and one that comes after it is refused.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_many_grants_and_revokes_at_once_those_after_the_latest_revoke_are_in_force() {
    let (client, environment) = suite::tables(&[LEASES]).await;
    let leases = DynamoLeases::new(client, &environment, Secret::new("secret"));
    let lease = |(generation, attempt)| {
        let (team, limits) = ("red".parse().expect("a name"), Limits::default());
        Lease { workspace: ann(), generation, attempt, team, limits }
    };
    let mut all = JoinSet::new();
    for of in tries() {
        let (leases, lease) = (leases.clone(), lease(of));
        all.spawn(async move {
            match leases.grant(&lease).await {
                Ok(()) | Err(Fault::Refused(_)) => Ok(()),
                Err(fault) => Err(fault),
            }
        });
    }
    for (generation, attempt) in LAST {
        let leases = leases.clone();
        all.spawn(async move { leases.revoke(&ann(), generation, attempt).await });
    }
    for answer in all.join_all().await {
        answer.expect("an answer");
    }
    let mut expected: Vec<_> = tries().into_iter().filter(|of| *of > LAST[0]).map(lease).collect();
    expected.sort_by_key(|lease| (lease.generation, lease.attempt));
    assert_eq!(leases.list().await.expect("listed"), expected);
    for of in tries() {
        let token = leases.token(&ann(), of.0, of.1);
        let found = leases.find(&token_hash(token.expose())).await.expect("found");
        assert_eq!(found.is_some(), of > LAST[0], "{of:?}");
    }
}

/// Whatever of it came first.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_session_outlives_the_forgetting_that_it_was_traded_beside() {
    let (client, environment) = suite::tables(&[PEOPLE]).await;
    let people = DynamoPeople::new(client, &environment, Arc::new(Counted::default()));
    let second = |second| Timestamp::from_second(second).expect("in range");
    let person = Person { id: ann(), team: "red".parse().expect("a name"), admin: true };
    let mut links = Vec::new();
    for _ in 0..12 {
        links.push(people.invite(&person, second(100)).await.expect("invited"));
    }
    let mut all = JoinSet::new();
    for (n, link) in links.into_iter().enumerate() {
        let people = people.clone();
        all.spawn(async move {
            if n == 6 {
                people.forget(&ann()).await.expect("forgotten");
            }
            people.redeem(link.expose(), second(0), second(100)).await.expect("an answer")
        });
    }
    for (_, session) in all.join_all().await.into_iter().flatten() {
        let found = people.find(session.token.expose(), second(1)).await.expect("found");
        assert_eq!(found, None);
    }
    assert_eq!(people.count(&ann(), second(1)).await.expect("counted"), 0);
}
