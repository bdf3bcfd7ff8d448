//! The line in front of the compute: who waits there holds nothing, loses nothing, and starts once.

use std::sync::Arc;

use events::admission::Rate;
use events::{Attempt, Event, Gen, Status, WorkspaceId};
use jiff::SignedDuration;
use ports::{Fault, Starts as _};
use tests::world::{Hazard, Pace, Seat, State, Weather, World};

use crate::rig::Rig;
use crate::system::id;

/// Far longer than the step's deadline.
const WAIT: SignedDuration = SignedDuration::from_mins(10);

/// A system in which somebody else has taken the only slot of the next ten minutes.
async fn rig() -> (Rig, Arc<World>) {
    let mut state = State::default();
    state.line.rate = Some(Rate { burst: 1, interval: WAIT });
    let world = World::new(Pace::ByHand, state);
    let line: Arc<Seat> = Arc::new(world.start_process(0));
    let mut rig = Rig::new();
    let other: WorkspaceId = id("other");
    line.admit(&other, Gen(1), Attempt(1), rig.world.bus.now()).await.expect("admitted");
    rig.world.starts = Some(line);
    world.state().line.asked = 0;
    (rig, world)
}

async fn in_line(rig: &Rig) -> Option<u32> {
    rig.workspace().await.in_line(rig.world.bus.now()).map(|line| line.place)
}

fn runs(rig: &Rig) -> usize {
    rig.outside.state().calls.iter().filter(|call| **call == "run_task").count()
}

#[tokio::test]
async fn a_start_waits_for_its_turn_without_a_message_or_a_failure_and_is_made_once() {
    let (rig, world) = rig().await;
    rig.log_in().await;
    rig.rest().await;
    for _ in 0..4 {
        assert_eq!(rig.workspace().await.status(), Status::Starting);
        assert_eq!((in_line(&rig).await, runs(&rig)), (Some(1), 0));
        assert!(rig.messages().await.is_empty(), "it holds a message");
        // The sweeper nudges whoever is on their way.
        consumers::sweeper::sweep(&rig.world).await.expect("swept");
        rig.skip(SignedDuration::from_mins(2));
        rig.rest().await;
    }
    rig.skip(SignedDuration::from_mins(2));
    rig.rest().await;
    assert_eq!(rig.workspace().await.status(), Status::Ready);
    assert_eq!(in_line(&rig).await, None);
    assert_eq!((world.state().line.asked, runs(&rig)), (1, 1));
    let failed = |event: &Event| matches!(event, Event::StepRetried { .. });
    assert!(rig.history().await.iter().all(|envelope| !failed(&envelope.event)));
    rig.check().await;
}

#[tokio::test]
async fn what_fails_after_the_turn_has_come_is_tried_again_as_ever() {
    let (rig, world) = rig().await;
    // One more than it takes where the deadline is over.
    for _ in 0..2 {
        rig.outside.fail("run_task", Fault::Throttled { service: "the compute", after: None });
    }
    rig.log_in().await;
    rig.rest().await;
    rig.skip(WAIT);
    rig.rest().await;
    assert_eq!(rig.workspace().await.status(), Status::Ready);
    assert_eq!(world.state().line.asked, 1, "nobody stands in line twice");
}

#[tokio::test]
async fn who_is_stopped_while_in_line_leaves_it_at_once_and_comes_back_to_its_end() {
    let (rig, world) = rig().await;
    rig.log_in().await;
    rig.rest().await;
    rig.stop().await;
    rig.rest().await;
    assert_eq!((rig.workspace().await.status(), runs(&rig)), (Status::Asleep, 0));
    rig.log_in().await;
    rig.rest().await;
    assert_eq!(in_line(&rig).await, Some(2), "the slot that was left goes by unused");
    rig.skip(WAIT + WAIT);
    rig.rest().await;
    assert_eq!(rig.workspace().await.status(), Status::Ready);
    assert_eq!((world.state().line.asked, runs(&rig)), (2, 1));
    rig.check().await;
}

#[tokio::test]
async fn a_line_that_does_not_answer_is_a_failed_try_and_starts_nothing() {
    let down = State::under(Weather::only(Hazard::Unavailable, 10_000));
    let mut rig = Rig::new();
    rig.world.starts = Some(Arc::new(World::new(Pace::ByHand, down).start_process(0)));
    rig.log_in().await;
    for _ in 0..20 {
        for (class, delivery) in rig.messages().await {
            rig.handle(class, &delivery).await;
        }
        rig.skip(SignedDuration::from_secs(1));
    }
    assert_eq!(runs(&rig), 0);
    let retried = |event: &Event| matches!(event, Event::StepRetried { .. });
    assert!(rig.history().await.iter().any(|envelope| retried(&envelope.event)));
}
