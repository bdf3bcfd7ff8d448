//! What journeys leave behind, read from the journal and from AWS: every fact once, one task each, and
//! nothing that outlives a stop but a role and a home.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use aws::leases::DynamoLeases;
use aws::routes::DynamoRoutes;
use events::step::STEPS;
use events::{Class, Event, Secret, Step, Version, WorkspaceId};
use ports::{Cursor, Leases as _, Routes as _};

use crate::journey::{CLASSES, Deployment, FACTS_MAX, LOOK_EVERY, LOOKS_MAX};

/// What a stop takes back, in this order.
const TAKEN_BACK: [Step; 3] = [Step::OpenRoute, Step::RunTask, Step::GrantLease];

impl Deployment {
    /// Looks at everything: of what disturbed a journey there is nothing in what it left.
    pub(crate) async fn ends_undisturbed(self, people: &[WorkspaceId]) {
        for class in CLASSES {
            self.falls_silent(class).await;
            assert_eq!(self.set_aside(class).await, BTreeSet::new(), "{class:?}");
        }
        self.ends_undisturbed_but_for_letters(people).await;
    }

    /// The same, whatever was set aside. Whoever calls functions has ended then.
    pub(crate) async fn ends_undisturbed_but_for_letters(mut self, people: &[WorkspaceId]) {
        for who in people {
            each_once(who, &self.facts(who).await);
        }
        self.leaves_nothing(people).await;
        self.is_in_order(people).await;
        self.others.shutdown().await;
    }

    /// Waits until a queue has no message any more.
    pub(crate) async fn falls_silent(&self, class: Class) {
        let mut looks = 0;
        while self.left(&self.environment.queue(class)).await > 0 {
            looks += 1;
            assert!(looks < LOOKS_MAX, "{class:?}: messages come back for ever");
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    /// Finds that nothing lives and nothing stays but what outlives a stop: for each person one role
    /// and one home; and that of each there never was more than one task.
    async fn leaves_nothing(&self, people: &[WorkspaceId]) {
        let living = self.fake.living();
        assert!(living.is_empty(), "a task runs after everybody's stop: {living:?}");
        let (dynamodb, environment) = (self.dynamodb(), &self.environment);
        let leases = DynamoLeases::new(dynamodb.clone(), environment, Secret::new(String::new()));
        assert_eq!(leases.list().await.expect("leases").len(), 0, "a lease is in force");
        let routes = DynamoRoutes::new(dynamodb, environment).list().await.expect("routes");
        assert!(routes.is_empty(), "a route is open: {routes:?}");
        let mut tasks = BTreeMap::<String, BTreeSet<String>>::new();
        for event in self.fake.events() {
            let text = |name: &str| event["detail"][name].as_str().unwrap_or_default().to_owned();
            tasks.entry(text("startedBy")).or_default().insert(text("taskArn"));
        }
        let starts = |who: &WorkspaceId| format!("tc/{environment}/{who}/1/1");
        let all: Vec<String> = people.iter().map(starts).collect();
        assert_eq!(tasks.keys().cloned().collect::<Vec<_>>(), all, "one start each");
        assert!(tasks.values().all(|tasks| tasks.len() == 1), "one task each: {tasks:#?}");
        let role =
            |who: &WorkspaceId| format!("role {}", environment.named(&format!("agent-{who}")));
        let home = |who: &WorkspaceId| format!("access point /users/{who}");
        let mut kept: Vec<String> = people.iter().map(role).collect();
        kept.extend(people.iter().map(home));
        let mut there = self.fake.inventory();
        there.sort();
        kept.sort();
        assert_eq!(there, kept, "a role and a home each");
    }

    /// Finds that the one order over all facts has each of them once, and a person's in their order.
    async fn is_in_order(&self, people: &[WorkspaceId]) {
        let (mut after, mut order) = (Cursor(0), BTreeMap::<String, Vec<_>>::new());
        loop {
            let some = self.bus.journal().feed(after, 100, Duration::ZERO).await.expect("a feed");
            let Some((last, _)) = some.last() else { break };
            after = *last;
            for (_, fact) in some {
                let who = fact.subject.as_ref().map(ToString::to_string).unwrap_or_default();
                order.entry(who).or_default().push(fact.id);
            }
        }
        for who in people {
            let facts = self.bus.journal().history(who, Version(0), FACTS_MAX).await;
            let facts: Vec<_> =
                facts.expect("a history").into_iter().map(|(_, fact)| fact.id).collect();
            assert_eq!(order.remove(who.as_str()), Some(facts), "{who}");
        }
        assert!(order.is_empty(), "facts of nobody: {order:?}");
    }
}

/// Finds that every step was done once and taken back once, in order, and no fact is there twice, but
/// that somebody who got no answer logged in again.
fn each_once(who: &WorkspaceId, facts: &[Event]) {
    let told = || format!("{who}: {facts:#?}");
    for (at, fact) in facts.iter().enumerate() {
        let again = matches!(fact, Event::LoggedIn { .. });
        assert!(again || !facts[..at].contains(fact), "twice: {fact:?} of {}", told());
        let lost =
            matches!(fact, Event::Parked { .. } | Event::StepRefused { .. } | Event::Failed { .. });
        assert!(!lost, "not as it should be: {}", told());
    }
    let done = facts.iter().filter_map(|fact| {
        let Event::StepDone { step, .. } = fact else { return None };
        Some(*step)
    });
    assert_eq!(done.collect::<Vec<_>>(), STEPS, "{}", told());
    let undone = facts.iter().filter_map(|fact| {
        let Event::StepUndone { step, .. } = fact else { return None };
        Some(*step)
    });
    assert_eq!(undone.collect::<Vec<_>>(), TAKEN_BACK, "{}", told());
    let count = |is: fn(&Event) -> bool| facts.iter().filter(|fact| is(fact)).count();
    assert_eq!(count(|fact| matches!(fact, Event::StartRequested { .. })), 1, "{}", told());
    assert_eq!(count(|fact| matches!(fact, Event::Ready { .. })), 1, "{}", told());
    assert_eq!(count(|fact| matches!(fact, Event::Stopped { .. })), 1, "{}", told());
}
