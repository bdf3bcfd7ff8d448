//! Whose is what: things of generations that nobody asked for, and journals that nobody can read.

use std::sync::Arc;

use events::{Attempt, Gen, Limits, Policy, Status};
use ports::{Compute as _, Lease, TaskSpec};
use producers::Bus;

use crate::bent::Bent;
use crate::system::{System, id};

async fn orphan(system: &System, name: &str, generation: Gen) {
    let spec = TaskSpec {
        workspace: id(name),
        generation,
        attempt: Attempt(1),
        client_token: format!("{name}-{generation}"),
        home: "/homes/ghost".to_owned(),
        token: events::Secret::new("t"),
        pass: events::Secret::new("p"),
    };
    system.outside.run(&spec).await.expect("an orphan");
}

#[tokio::test]
async fn what_the_compute_says_of_an_orphan_makes_nobody_own_it() {
    let system = System::new("observed");
    orphan(&system, "ghost", Gen(3)).await;
    system.rest().await;
    assert!(system.events("ghost").await.is_empty());
    system.sweep().await;
    assert_eq!(system.sweep().await.removed, 1);
    assert_eq!(system.things().await, (0, 0, 0));
}

#[tokio::test]
async fn a_task_of_a_later_generation_takes_nobody_down() {
    let system = System::new("later");
    system.outside.state().silent = true;
    orphan(&system, "ghost", Gen(7)).await;
    system.outside.listen();
    let mut task = system.outside.list().await.expect("listed").remove(0);
    task.workspace = id("ann");
    system.outside.state().tasks.clear();
    system.outside.state().silent = false;
    system.log_in("ann").await;
    system.rest().await;
    consumers::observer::observe(&system.world.bus, &task).await.expect("seen");
    system.rest().await;
    let workspace = system.workspace("ann").await;
    assert_eq!((workspace.status(), workspace.generation()), (Status::Ready, Gen(1)));
}

#[tokio::test]
async fn a_journal_that_nobody_can_read_holds_up_nobody_else() {
    let mut system = System::new("unreadable");
    for name in ["ann", "bob"] {
        system.log_in(name).await;
    }
    system.rest().await;
    let team = "everyone".parse().expect("a name");
    let (workspace, generation, attempt) = (id("ghost"), Gen(3), Attempt(1));
    let lease = Lease { workspace, generation, attempt, team, limits: Limits::default() };
    system.world.leases.grant(&lease).await.expect("an orphan");
    let (local, policy) = (&system.local, Policy::default());
    let journal = Arc::new(Bent::new(local.journal()));
    journal.state().unreadable = Some(id("ann"));
    let (queue, timers) = (local.queue(), local.timers());
    system.world.bus = Bus::new(journal, queue, timers, local.clock(), local.ids(), policy);
    system.sweep().await;
    assert_eq!(system.sweep().await.removed, 1, "the ghost's");
    assert_eq!(system.things().await, (2, 2, 2), "what cannot be read may own everything");
}
