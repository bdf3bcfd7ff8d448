//! The promises of [`Leases`].

use events::token::token_hash;
use events::{Attempt, Gen, Limits};

use super::given::{person, team};
use crate::{Fault, Lease, Leases};

rules!($ leases_rules, leases:
    a_token_is_the_same_each_time_and_another_for_each_person_generation_and_try,
    a_pass_is_no_token_and_a_header_name,
    a_granted_token_stands_for_its_lease,
    a_token_that_was_never_granted_stands_for_nothing,
    granting_again_changes_nothing,
    a_revoked_token_is_worthless_and_so_is_every_older_one,
    a_later_token_survives_the_revoking_of_an_older_one,
    what_was_revoked_is_never_granted_again,
    revoking_what_never_was_is_a_success_and_still_a_fence,
    only_leases_in_force_are_listed,
);

fn lease(prefix: &str, name: &str, generation: u64, attempt: u32) -> Lease {
    Lease {
        workspace: person(prefix, name),
        generation: Gen(generation),
        attempt: Attempt(attempt),
        team: team(prefix, "red"),
        limits: Limits::default(),
    }
}

fn hash(leases: &dyn Leases, lease: &Lease) -> String {
    token_hash(leases.token(&lease.workspace, lease.generation, lease.attempt).expose())
}

async fn in_force(leases: &dyn Leases, lease: &Lease) -> bool {
    let found = leases.find(&hash(leases, lease)).await.expect("find");
    assert!(found.is_none() || found.as_ref() == Some(lease), "{found:?}");
    found.is_some()
}

async fn revoke(leases: &dyn Leases, lease: &Lease) {
    leases.revoke(&lease.workspace, lease.generation, lease.attempt).await.expect("revoke");
}

/// A repeated step mints the same one.
pub async fn a_token_is_the_same_each_time_and_another_for_each_person_generation_and_try(
    leases: &dyn Leases,
    prefix: &str,
) {
    let token = |lease: &Lease| {
        leases.token(&lease.workspace, lease.generation, lease.attempt).expose().to_owned()
    };
    let of = [("ann", 1, 1), ("bob", 1, 1), ("ann", 2, 1), ("ann", 1, 2)];
    let tokens = of.map(|(name, generation, attempt)| {
        let lease = lease(prefix, name, generation, attempt);
        assert_eq!(token(&lease), token(&lease));
        token(&lease)
    });
    let different: std::collections::BTreeSet<_> = tokens.iter().collect();
    assert_eq!(different.len(), tokens.len());
}

/// Who has one does not have the other.
pub async fn a_pass_is_no_token_and_a_header_name(leases: &dyn Leases, prefix: &str) {
    let ann = person(prefix, "ann");
    let pass = leases.pass(&ann, Gen(1), Attempt(1));
    let token = leases.token(&ann, Gen(1), Attempt(1));
    assert!(
        pass.expose().bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
    );
    assert!(!token.expose().contains(pass.expose()) && !pass.expose().contains(token.expose()));
    assert!(pass.matches(leases.pass(&ann, Gen(1), Attempt(1)).expose()));
    assert!(!pass.matches(leases.pass(&ann, Gen(1), Attempt(2)).expose()));
}

/// Team and all.
pub async fn a_granted_token_stands_for_its_lease(leases: &dyn Leases, prefix: &str) {
    let lease = lease(prefix, "ann", 1, 1);
    leases.grant(&lease).await.expect("grant");
    assert_eq!(leases.find(&hash(leases, &lease)).await.expect("find"), Some(lease));
}

/// Nor does the token itself in the place of its hash.
pub async fn a_token_that_was_never_granted_stands_for_nothing(leases: &dyn Leases, prefix: &str) {
    let (granted, other) = (lease(prefix, "ann", 1, 1), lease(prefix, "ann", 1, 2));
    leases.grant(&granted).await.expect("grant");
    assert!(!in_force(leases, &other).await);
    let token = leases.token(&granted.workspace, granted.generation, granted.attempt);
    assert_eq!(leases.find(token.expose()).await.expect("find"), None);
}

/// The first answer may have been lost.
pub async fn granting_again_changes_nothing(leases: &dyn Leases, prefix: &str) {
    let lease = lease(prefix, "ann", 1, 1);
    for _ in 0..2 {
        leases.grant(&lease).await.expect("grant");
    }
    let listed = leases.list().await.expect("list");
    assert_eq!(listed.iter().filter(|known| **known == lease).count(), 1);
}

/// Tries of its generation and of those before.
pub async fn a_revoked_token_is_worthless_and_so_is_every_older_one(
    leases: &dyn Leases,
    prefix: &str,
) {
    let all = [(1, 5), (2, 1), (2, 2)].map(|(g, a)| lease(prefix, "ann", g, a));
    for lease in &all {
        leases.grant(lease).await.expect("grant");
    }
    revoke(leases, &all[2]).await;
    for lease in &all {
        assert!(!in_force(leases, lease).await, "{lease:?}");
    }
}

/// A late message ends nobody's work.
pub async fn a_later_token_survives_the_revoking_of_an_older_one(
    leases: &dyn Leases,
    prefix: &str,
) {
    let (ann, bob) = (lease(prefix, "ann", 2, 2), lease(prefix, "bob", 1, 1));
    leases.grant(&ann).await.expect("grant");
    leases.grant(&bob).await.expect("grant");
    revoke(leases, &lease(prefix, "ann", 2, 1)).await;
    revoke(leases, &lease(prefix, "ann", 1, 9)).await;
    assert!(in_force(leases, &ann).await && in_force(leases, &bob).await);
}

/// Stop always wins.
pub async fn what_was_revoked_is_never_granted_again(leases: &dyn Leases, prefix: &str) {
    let ann = lease(prefix, "ann", 2, 2);
    leases.grant(&ann).await.expect("grant");
    revoke(leases, &ann).await;
    revoke(leases, &lease(prefix, "ann", 1, 1)).await;
    for late in [ann, lease(prefix, "ann", 2, 1), lease(prefix, "ann", 1, 1)] {
        let answer = leases.grant(&late).await;
        assert!(matches!(answer, Err(Fault::Refused(_))), "{answer:?}");
        assert!(!in_force(leases, &late).await);
    }
    leases.grant(&lease(prefix, "ann", 2, 3)).await.expect("a later try may");
}

/// The revoke may overtake the grant.
pub async fn revoking_what_never_was_is_a_success_and_still_a_fence(
    leases: &dyn Leases,
    prefix: &str,
) {
    let ann = lease(prefix, "ann", 1, 1);
    revoke(leases, &ann).await;
    assert!(matches!(leases.grant(&ann).await, Err(Fault::Refused(_))));
}

/// For the sweeper.
pub async fn only_leases_in_force_are_listed(leases: &dyn Leases, prefix: &str) {
    let (old, new) = (lease(prefix, "ann", 1, 1), lease(prefix, "ann", 2, 1));
    leases.grant(&old).await.expect("grant");
    leases.grant(&new).await.expect("grant");
    revoke(leases, &old).await;
    let listed = leases.list().await.expect("list");
    let ours: Vec<_> = listed.into_iter().filter(|l| l.workspace == new.workspace).collect();
    assert_eq!(ours, [new]);
}
