//! Two good inventories: by whatever processes, however they overlap, wherever they are killed, and
//! whatever their clocks say.

use std::sync::Arc;

use consumers::sweeper::{SUSPECTED_FOR, Swept, sweep};
use events::{Attempt, Gen, Limits, Policy, Secret, Status};
use jiff::SignedDuration;
use ports::{Compute as _, Lease, Route, TaskSpec, TaskStatus};
use producers::Bus;

use crate::bent::Bent;
use crate::rig::{Part, Rig, in_every_order, step};
use crate::system::{SWEPT_EVERY, System, id};

/// The calls that a sweep makes for whoever is late, before it looks for what is left over: two
/// searches of two pages, and one look at the rotations.
const SEARCHES: usize = 5;
const HOUR: SignedDuration = SignedDuration::from_hours(1);

/// A task, a route and a lease of somebody who never logged in, beside ann's own.
async fn with_orphans() -> Rig {
    with_ghost(Rig::ready().await).await
}

async fn with_ghost(rig: Rig) -> Rig {
    let (ghost, generation, attempt) = (id("ghost"), Gen(3), Attempt(1));
    rig.outside.run(&spec("ghost", generation)).await.expect("an orphan");
    let team = "everyone".parse().expect("a name");
    let lease =
        Lease { workspace: ghost.clone(), generation, attempt, team, limits: Limits::default() };
    rig.world.leases.grant(&lease).await.expect("an orphan");
    let route = Route { generation, attempt, address: ([127, 0, 0, 1], 9).into() };
    assert!(rig.world.routes.open(&ghost, &route).await.expect("an orphan"));
    rig
}

/// The same, after one sweep, a minute ago.
async fn with_suspects() -> Rig {
    let rig = with_orphans().await;
    assert_eq!(sweep(&rig.world).await.expect("swept").reported, 3);
    rig.skip(SWEPT_EVERY);
    rig
}

pub(crate) fn spec(name: &str, generation: Gen) -> TaskSpec {
    TaskSpec {
        workspace: id(name),
        generation,
        attempt: Attempt(1),
        client_token: format!("{name}-{generation}"),
        home: "/homes/ghost".to_owned(),
        token: Secret::new("t"),
        pass: Secret::new("p"),
    }
}

/// Tasks, routes, leases.
async fn things(rig: &Rig) -> [usize; 3] {
    let tasks = rig.outside.state().live_tasks().len();
    let routes = rig.world.routes.list().await.expect("listed").len();
    [tasks, routes, rig.world.leases.list().await.expect("listed").len()]
}

/// Somebody sweeps, by a clock that is so far ahead.
fn sweeps(rig: &Rig, ahead: SignedDuration) -> Part {
    let rig = rig.ahead(ahead);
    Box::pin(async move {
        sweep(&rig.world).await.expect("swept");
    })
}

/// Past what it does for whoever is late, which is nobody, and so many calls of the look itself.
fn looking(rig: &Rig, ahead: SignedDuration, calls: usize) -> Part {
    let mut part = Some(sweeps(rig, ahead));
    (0..=SEARCHES + calls).for_each(|_| step(&mut part));
    part.expect("still looking")
}

#[tokio::test]
async fn two_sweepers_at_once_make_no_two_inventories_of_one_moment() {
    let none = SignedDuration::ZERO;
    // When their clocks differ, at once means that both have read what was suspected before.
    for (calls, ahead) in [(0, none), (1, HOUR), (1, -HOUR)] {
        let both = |rig: &Rig| [looking(rig, none, calls), looking(rig, ahead, calls)];
        let setup = async || with_ghost(Rig::new()).await;
        let all_stand = async |rig: &Rig| assert_eq!(things(rig).await, [1, 1, 1]);
        let orders = in_every_order(setup, both, all_stand).await;
        assert!(orders > 500, "{orders} orders");
    }
}

#[tokio::test]
async fn two_sweepers_at_once_remove_what_one_does_and_nothing_else() {
    for first in 0.. {
        let mut over = false;
        for second in 0.. {
            let rig = with_suspects().await;
            let none = SignedDuration::ZERO;
            let mut parts = [Some(sweeps(&rig, none)), Some(sweeps(&rig, none))];
            (0..first).for_each(|_| step(&mut parts[0]));
            (0..second).for_each(|_| step(&mut parts[1]));
            over = parts[0].is_none();
            let last = parts[1].is_none();
            for mut part in parts {
                while part.is_some() {
                    step(&mut part);
                }
            }
            assert_eq!(things(&rig).await, [1, 1, 1], "{first} and {second} calls");
            rig.rest().await;
            rig.check().await;
            if last {
                break;
            }
        }
        if over {
            break;
        }
    }
}

#[tokio::test]
async fn a_sweeper_that_is_killed_at_any_call_is_continued_by_any_other() {
    for suspected in [false, true] {
        for calls in 0.. {
            let rig = if suspected { with_suspects().await } else { with_orphans().await };
            let mut killed = Some(sweeps(&rig, SignedDuration::ZERO));
            (0..calls).for_each(|_| step(&mut killed));
            let over = killed.take().is_none();
            rig.skip(SWEPT_EVERY);
            sweep(&rig.world).await.expect("swept");
            if !suspected {
                rig.skip(SWEPT_EVERY);
                sweep(&rig.world).await.expect("swept");
            }
            assert_eq!(things(&rig).await, [1, 1, 1], "killed after {calls} calls");
            rig.rest().await;
            rig.check().await;
            assert_eq!(rig.outside.state().starts, 2, "ann's and the ghost's");
            if over {
                break;
            }
        }
    }
}

#[tokio::test]
async fn processes_that_live_for_ten_seconds_each_remove_it_when_its_time_has_come() {
    let rig = with_orphans().await;
    let ten = SignedDuration::from_secs(10);
    let mut passed = SignedDuration::ZERO;
    loop {
        let Swept { removed, .. } = sweep(&rig.world).await.expect("swept");
        assert_eq!(removed, if passed >= SUSPECTED_FOR { 3 } else { 0 }, "after {passed}");
        if removed > 0 {
            return;
        }
        rig.skip(ten);
        passed += ten;
    }
}

#[tokio::test]
async fn a_clock_that_is_set_back_removes_nothing_early_and_keeps_nothing_for_ever() {
    let rig = with_orphans().await;
    let removed = async |jump| {
        rig.skip(jump);
        sweep(&rig.world).await.expect("swept").removed
    };
    assert_eq!(removed(SignedDuration::ZERO).await, 0);
    assert_eq!(removed(-HOUR).await, 0, "now it is suspected since now");
    assert_eq!(removed(SignedDuration::from_secs(10)).await, 0, "too early");
    assert_eq!(removed(SWEPT_EVERY).await, 3);
}

#[tokio::test]
async fn a_failed_inventory_neither_forgets_nor_counts() {
    let rig = with_suspects().await;
    let before = rig.world.suspects.list().await.expect("listed");
    for _ in 0..3 {
        let away = ports::Fault::unavailable("the compute", "it does not answer");
        rig.outside.fail("list", away);
        sweep(&rig.world).await.expect_err("no inventory");
        assert_eq!(rig.world.suspects.list().await.expect("listed"), before);
        assert_eq!(things(&rig).await, [2, 2, 2]);
    }
    assert_eq!(sweep(&rig.world).await.expect("swept").removed, 3);
}

#[tokio::test]
async fn a_journal_that_cannot_be_read_for_a_while_neither_clears_nor_removes() {
    let mut system = System::new("unsure");
    system.outside.run(&spec("ghost", Gen(3))).await.expect("an orphan");
    let (local, policy) = (&system.local, Policy::default());
    let journal = Arc::new(Bent::new(local.journal()));
    let (queue, timers) = (local.queue(), local.timers());
    let (clock, ids) = (local.clock(), local.ids());
    system.world.bus = Bus::new(journal.clone(), queue, timers, clock, ids, policy);
    journal.state().unreadable = Some(id("ghost"));
    assert_eq!(system.sweep().await, Swept::default(), "whose it is is not known");
    assert_eq!(system.world.suspects.list().await.expect("listed"), []);
    journal.state().unreadable = None;
    assert_eq!(system.sweep().await.reported, 1);
    let before = system.world.suspects.list().await.expect("listed");
    journal.state().unreadable = Some(id("ghost"));
    assert_eq!(system.sweep().await, Swept::default());
    assert_eq!(system.world.suspects.list().await.expect("listed"), before);
    journal.state().unreadable = None;
    assert_eq!(system.sweep().await.removed, 1);
}

#[tokio::test]
async fn one_that_cannot_be_removed_holds_up_no_other_and_goes_later() {
    for fault in [
        ports::Fault::unavailable("the compute", "it does not answer"),
        ports::Fault::Nonsense { service: "the compute", words: "never heard of it".to_owned() },
    ] {
        let rig = with_suspects().await;
        rig.outside.fail("stop_task", fault);
        assert_eq!(sweep(&rig.world).await.expect("swept").removed, 2);
        assert_eq!(things(&rig).await, [2, 1, 1]);
        rig.skip(SWEPT_EVERY);
        assert_eq!(sweep(&rig.world).await.expect("swept").removed, 1);
    }
    let rig = with_suspects().await;
    rig.outside.state().panics = Some("stop_task");
    assert_eq!(sweep(&rig.world).await.expect("swept").removed, 2);
}

#[tokio::test]
async fn what_came_to_be_owned_meanwhile_stays() {
    let rig = Rig::new();
    rig.outside.run(&spec("ann", Gen(1))).await.expect("an orphan");
    sweep(&rig.world).await.expect("swept");
    rig.skip(SWEPT_EVERY);
    let mut late = Some(sweeps(&rig, SignedDuration::ZERO));
    // As far as the comparison; then she logs in, and generation 1 is hers.
    for _ in 0..SEARCHES + 7 {
        step(&mut late);
    }
    rig.log_in().await;
    while late.is_some() {
        step(&mut late);
    }
    assert_eq!(things(&rig).await[0], 1, "it belongs to a generation on record");
}

/// A journal that was restored from an old copy is behind by some starts.
#[tokio::test]
async fn what_nobody_asked_for_yet_takes_nothing_with_it_and_is_in_no_start_s_way() {
    let rig = Rig::ready().await;
    let (workspace, generation, attempt) = (id("ann"), Gen(7), Attempt(1));
    let team = "everyone".parse().expect("a name");
    let lease = Lease { workspace, generation, attempt, team, limits: Limits::default() };
    rig.world.leases.grant(&lease).await.expect("an orphan");
    for _ in 0..3 {
        assert_eq!(sweep(&rig.world).await.expect("swept").removed, 0);
        rig.skip(SWEPT_EVERY);
    }
    assert_eq!(things(&rig).await, [1, 1, 2], "ann's own lease is the older one");
    rig.stop().await;
    rig.rest().await;
    // Her own teardown revoked her lease alone.
    assert_eq!(things(&rig).await, [0, 0, 1]);
    rig.skip(SWEPT_EVERY);
    assert_eq!(sweep(&rig.world).await.expect("swept").removed, 1);
    rig.check().await;
    rig.log_in().await;
    rig.rest().await;
    rig.check().await;
    let workspace = rig.workspace().await;
    assert_eq!((workspace.status(), workspace.generation()), (Status::Ready, Gen(8)));
}

#[tokio::test]
async fn a_number_that_no_start_ever_had_is_reported_and_left_to_a_human() {
    let rig = Rig::new();
    rig.outside.run(&spec("ann", Gen(u64::MAX))).await.expect("an orphan");
    for _ in 0..3 {
        assert_eq!(sweep(&rig.world).await.expect("swept").removed, 0);
        rig.skip(SWEPT_EVERY);
    }
    assert_eq!(rig.world.suspects.list().await.expect("listed").len(), 1);
    assert!(rig.history().await.is_empty());
}

#[tokio::test]
async fn an_end_that_the_compute_knows_of_is_written_down_by_the_first_sweep() {
    let rig = Rig::ready().await;
    rig.outside.crash(&id("ann"));
    let lost = rig.outside.changes(std::time::Duration::ZERO).await.expect("in memory");
    assert!(matches!(lost[..], [ports::Task { status: TaskStatus::Stopped(_), .. }]));
    let swept = sweep(&rig.world).await.expect("swept");
    assert_eq!((swept.observed, swept.reported), (1, 0));
    rig.rest().await;
    rig.skip(SignedDuration::from_secs(6));
    rig.rest().await;
    rig.check().await;
    assert_eq!(rig.workspace().await.status(), Status::Ready);
    assert_eq!(rig.outside.state().starts, 2);
}

#[tokio::test]
async fn a_task_that_cannot_be_asked_after_is_not_missing() {
    let rig = Rig::ready().await;
    rig.outside.state().tasks.clear();
    sweep(&rig.world).await.expect("swept");
    rig.skip(SWEPT_EVERY);
    rig.outside.fail("await_address", ports::Fault::unavailable("the compute", "not now"));
    let swept = sweep(&rig.world).await.expect("swept");
    assert_eq!((swept.reported, swept.removed), (0, 0));
    assert_eq!(rig.world.suspects.list().await.expect("listed").len(), 1, "still suspected");
    rig.skip(SWEPT_EVERY);
    assert_eq!(sweep(&rig.world).await.expect("swept").removed, 1);
}

#[tokio::test]
async fn everybody_who_is_late_is_nudged_however_many_pages_that_takes() {
    let rig = Rig::new();
    let letters = || 'a'..='z';
    let names = letters().flat_map(|a| letters().map(move |b| format!("{a}{b}")));
    let names: Vec<String> = names.flat_map(|ab| [ab.clone() + "1", ab + "2"]).collect();
    for name in &names {
        let team = "everyone".parse().expect("a name");
        let person = ports::Person { id: id(name), team, admin: false };
        producers::session::log_in(&rig.world.bus, &person).await.expect("logged in");
    }
    assert!(names.len() > 1_000, "more than two pages");
    for _ in 0..5 {
        let swept = sweep(&rig.world).await.expect("swept");
        assert_eq!(swept.nudged, names.len(), "wherever it begins");
    }
}

#[tokio::test]
async fn what_was_reported_is_not_reported_again() {
    let rig = Rig::new();
    rig.outside.run(&spec("ghost", Gen(3))).await.expect("an orphan");
    for reported in [1, 0, 0] {
        assert_eq!(sweep(&rig.world).await.expect("swept").reported, reported);
        rig.skip(SignedDuration::from_secs(10));
    }
}

#[tokio::test]
async fn who_has_nothing_to_do_is_not_nudged() {
    let rig = Rig::ready().await;
    assert_eq!(sweep(&rig.world).await.expect("swept").nudged, 0);
    rig.skip(SignedDuration::from_mins(31));
    assert_eq!(sweep(&rig.world).await.expect("swept").nudged, 1);
    rig.stop().await;
    rig.rest().await;
    assert_eq!(sweep(&rig.world).await.expect("swept").nudged, 0);
}
