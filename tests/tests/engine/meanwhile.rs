//! What happens between a sweep's look and its removal: it removes what it saw, and nothing that
//! came since.

use std::time::Duration;

use consumers::sweeper::sweep;
use events::Status;
use jiff::SignedDuration;
use ports::Compute as _;

use crate::rig::{Part, Rig, step};
use crate::system::SWEPT_EVERY;

fn sweeps(rig: &Rig) -> Part {
    let world = rig.world.clone();
    Box::pin(async move {
        sweep(&world).await.expect("swept");
    })
}

/// Ann's agent ended, her task is gone, and nobody was told; one sweep has seen that it is missing.
async fn missing() -> (Rig, Vec<ports::Task>) {
    let rig = Rig::ready().await;
    rig.outside.crash(&crate::system::id("ann"));
    let ended = rig.outside.changes(Duration::ZERO).await.expect("in memory");
    rig.outside.state().tasks.clear();
    sweep(&rig.world).await.expect("swept");
    rig.skip(SWEPT_EVERY);
    (rig, ended)
}

#[tokio::test]
async fn a_task_that_was_started_anew_meanwhile_is_not_declared_lost() {
    for calls in 0.. {
        let (rig, ended) = missing().await;
        let mut late = Some(sweeps(&rig));
        (0..calls).for_each(|_| step(&mut late));
        let over = late.is_none();
        // The message that the task ended comes after all, and the agent is started anew.
        for task in &ended {
            consumers::observer::observe(&rig.world.bus, task).await.expect("noted");
        }
        rig.rest().await;
        rig.skip(SignedDuration::from_secs(6));
        rig.rest().await;
        while late.is_some() {
            step(&mut late);
        }
        rig.rest().await;
        rig.skip(SignedDuration::from_secs(6));
        rig.rest().await;
        rig.check().await;
        assert_eq!(rig.workspace().await.status(), Status::Ready, "after {calls} calls");
        assert_eq!(rig.outside.state().starts, 2, "after {calls} calls");
        if over {
            break;
        }
    }
}

#[tokio::test]
async fn what_is_left_over_of_a_start_that_is_over_goes_without_a_word_in_the_journal() {
    let rig = Rig::ready().await;
    let task = rig.outside.state().live_tasks()[0].clone();
    rig.stop().await;
    rig.rest().await;
    // The compute said that it had gone, and it had not.
    rig.outside.state().tasks.insert(task.id.clone(), task);
    let before = rig.history().await;
    sweep(&rig.world).await.expect("swept");
    rig.skip(SWEPT_EVERY);
    assert_eq!(sweep(&rig.world).await.expect("swept").removed, 1);
    assert_eq!(rig.history().await, before, "it was over on record");
    rig.check().await;
}
