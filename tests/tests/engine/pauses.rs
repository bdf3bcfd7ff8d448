//! How long a message stays away after a failed try: longer each time, never beyond what its step
//! has, and never less than the service asked for.

use std::time::Duration;

use consumers::{Verdict, handle};
use events::{Policy, Status, Step};
use jiff::SignedDuration;
use ports::{Fault, Queue as _};

use crate::rig::Rig;

/// Handles what waits until so many tries have failed, and gives the pause after each.
async fn pauses(rig: &Rig, failures: usize) -> Vec<Duration> {
    let mut pauses = Vec::new();
    while pauses.len() < failures {
        for (class, delivery) in rig.messages().await {
            let settled = match handle(&rig.world, class, &delivery).await {
                Verdict::ComeBack(after) => {
                    pauses.push(after);
                    // In this queue it is back at once; a step rests until the clock says so.
                    rig.skip(SignedDuration::try_from(after).expect("short"));
                    rig.memory.change_visibility(class, &delivery.handle, after).await
                }
                Verdict::Delete => rig.memory.delete(class, &[delivery.handle]).await,
            };
            settled.expect("settled");
        }
    }
    pauses
}

#[tokio::test]
async fn pauses_grow_and_leave_room_for_every_try_within_the_deadline() {
    let rig = Rig::new();
    rig.log_in().await;
    let tries = usize::try_from(events::workspace::FAILURES_MAX).expect("few") - 1;
    for _ in 0..tries {
        rig.outside.fail("prepare_home", Fault::unavailable("the homes", "they are away"));
    }
    let pauses = pauses(&rig, tries).await;
    let deadline = Step::PrepareHome.deadline(&Policy::default()).unsigned_abs();
    assert!(pauses.iter().sum::<Duration>() < deadline / 2, "{pauses:?}");
    assert!(pauses.iter().all(|pause| *pause <= Duration::from_secs(8)), "{pauses:?}");
    assert!(pauses[0] > Duration::ZERO && pauses[tries - 1] > 4 * pauses[0], "{pauses:?}");
    rig.rest().await;
    assert_eq!(rig.workspace().await.status(), Status::Ready);
}

#[tokio::test]
async fn a_service_that_says_when_to_come_back_is_not_asked_earlier() {
    let rig = Rig::new();
    rig.log_in().await;
    let after = Duration::from_secs(20);
    rig.outside.fail("prepare_home", Fault::Throttled { service: "the homes", after: Some(after) });
    let pause = pauses(&rig, 1).await[0];
    assert!(pause >= after && pause <= 2 * after, "{pause:?}");
}
