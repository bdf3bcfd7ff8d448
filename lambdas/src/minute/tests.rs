//! A minute of looks in simulated time.

use std::cell::Cell;

use super::*;

/// Looks for so long, badly so often at first. Gives the end, how long it took and how many looks.
async fn run(bad: u32, time: Duration) -> (Result<(), Fault>, Duration, u32) {
    let (began, looks) = (Instant::now(), Cell::new(0));
    let (found, last) = again_and_again(time, async |wait| {
        looks.set(looks.get() + 1);
        if looks.get() <= bad {
            return Err(Fault::unavailable("DynamoDB", "no answer"));
        }
        sleep(wait).await;
        Ok(2)
    })
    .await;
    assert_eq!(found, 2 * usize::try_from(looks.get().saturating_sub(bad)).expect("small"));
    (last, began.elapsed(), looks.get())
}

#[tokio::test(start_paused = true)]
async fn timers_are_looked_after_until_the_next_run_begins() {
    let (last, took, looks) = run(0, RUN).await;
    assert!(last.is_ok());
    assert_eq!((took, looks), (RUN, 3));
    assert_eq!(run(0, Duration::from_secs(5)).await.1, Duration::from_secs(5));
}

#[tokio::test(start_paused = true)]
async fn an_outage_is_waited_out_and_told_when_it_lasts() {
    let (last, took, looks) = run(10, RUN).await;
    assert!(last.is_ok());
    assert_eq!((took, looks), (RUN, 13));
    let (last, took, looks) = run(u32::MAX, RUN).await;
    assert!(last.is_err(), "Lambda counts it");
    assert_eq!((took, looks), (RUN, 60));
}
