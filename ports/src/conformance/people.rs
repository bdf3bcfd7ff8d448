//! The promises of [`People`].

use events::Secret;

use super::given::{person, second, team};
use crate::{People, Person};

rules!($ people_rules, people:
    a_link_is_traded_for_a_session_of_the_same_person,
    a_link_works_once,
    a_link_works_only_before_its_end,
    of_two_who_use_a_link_at_once_one_gets_in,
    a_session_is_good_until_its_end_and_not_after,
    a_text_that_was_never_handed_out_is_nobodys,
    a_link_is_no_session_and_a_session_is_no_link,
    who_is_forgotten_loses_every_session_and_link_at_once,
    forgetting_one_person_leaves_the_others,
);

fn somebody(prefix: &str, name: &str, admin: bool) -> Person {
    Person { id: person(prefix, name), team: team(prefix, "red"), admin }
}

async fn invited(people: &dyn People, who: &Person) -> Secret {
    people.invite(who, second(100)).await.expect("invite")
}

async fn redeemed(people: &dyn People, link: &Secret, now: i64) -> Option<(Person, Secret)> {
    let answer = people.redeem(link.expose(), second(now), second(1_000)).await.expect("redeem");
    answer.map(|(person, session)| {
        assert_eq!(session.until, second(1_000));
        (person, session.token)
    })
}

async fn found(people: &dyn People, token: &Secret, now: i64) -> Option<Person> {
    people.find(token.expose(), second(now)).await.expect("find")
}

/// With their team and rights.
pub async fn a_link_is_traded_for_a_session_of_the_same_person(people: &dyn People, prefix: &str) {
    for (name, admin) in [("ann", true), ("bob", false)] {
        let who = somebody(prefix, name, admin);
        let link = invited(people, &who).await;
        let (person, token) = redeemed(people, &link, 0).await.expect("a good link");
        assert_eq!(person, who);
        assert_eq!(found(people, &token, 1).await, Some(who));
    }
}

/// Whoever finds it in a history gets nothing.
pub async fn a_link_works_once(people: &dyn People, prefix: &str) {
    let link = invited(people, &somebody(prefix, "ann", true)).await;
    assert!(redeemed(people, &link, 0).await.is_some());
    assert!(redeemed(people, &link, 0).await.is_none());
}

/// Its end itself is too late.
pub async fn a_link_works_only_before_its_end(people: &dyn People, prefix: &str) {
    for (now, works) in [(99, true), (100, false), (101, false)] {
        let link = invited(people, &somebody(prefix, "ann", false)).await;
        assert_eq!(redeemed(people, &link, now).await.is_some(), works, "at {now}");
    }
}

/// A race has one winner.
pub async fn of_two_who_use_a_link_at_once_one_gets_in(people: &dyn People, prefix: &str) {
    let link = invited(people, &somebody(prefix, "ann", true)).await;
    let (one, two) = tokio::join!(redeemed(people, &link, 0), redeemed(people, &link, 0));
    assert!(one.is_some() != two.is_some());
}

/// To the second.
pub async fn a_session_is_good_until_its_end_and_not_after(people: &dyn People, prefix: &str) {
    let link = invited(people, &somebody(prefix, "ann", false)).await;
    let (_, token) = redeemed(people, &link, 0).await.expect("a good link");
    assert!(found(people, &token, 1_000).await.is_some());
    assert!(found(people, &token, 1_001).await.is_none());
}

/// Nor is nothing at all.
pub async fn a_text_that_was_never_handed_out_is_nobodys(people: &dyn People, prefix: &str) {
    for text in ["", prefix, &"0".repeat(64)] {
        let text = Secret::new(text);
        assert!(found(people, &text, 0).await.is_none());
        assert!(redeemed(people, &text, 0).await.is_none());
    }
}

/// Each is good for one thing.
pub async fn a_link_is_no_session_and_a_session_is_no_link(people: &dyn People, prefix: &str) {
    let link = invited(people, &somebody(prefix, "ann", true)).await;
    assert!(found(people, &link, 0).await.is_none());
    let (_, token) = redeemed(people, &link, 0).await.expect("a good link");
    assert!(!token.matches(link.expose()));
    assert!(redeemed(people, &token, 0).await.is_none());
}

/// On every device.
pub async fn who_is_forgotten_loses_every_session_and_link_at_once(
    people: &dyn People,
    prefix: &str,
) {
    let ann = somebody(prefix, "ann", true);
    let mut tokens = Vec::new();
    for _ in 0..2 {
        let link = invited(people, &ann).await;
        tokens.push(redeemed(people, &link, 0).await.expect("a good link").1);
    }
    let unused = invited(people, &ann).await;
    let count = async |now| people.count(&ann.id, second(now)).await.expect("counted");
    assert_eq!((count(0).await, count(500).await, count(2_000).await), (3, 2, 0));
    people.forget(&ann.id).await.expect("forget");
    for token in &tokens {
        assert!(found(people, token, 0).await.is_none());
    }
    assert!(redeemed(people, &unused, 0).await.is_none());
    assert_eq!(count(0).await, 0);
    people.forget(&ann.id).await.expect("again is a success");
}

/// Only the one who was named.
pub async fn forgetting_one_person_leaves_the_others(people: &dyn People, prefix: &str) {
    let link = invited(people, &somebody(prefix, "bob", false)).await;
    people.forget(&person(prefix, "ann")).await.expect("forget");
    assert!(redeemed(people, &link, 0).await.is_some());
}
