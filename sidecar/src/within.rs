//! A limit on a wait that mostly is none: what is there at once costs no timer.

use std::future::poll_fn;
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use tokio::time::error::Elapsed;
use tokio::time::timeout;

/// What `future` gives, if it does within `longest` from the moment when it had to be waited for.
///
/// # Errors
/// It did not.
pub(crate) async fn within<F: Future>(longest: Duration, future: F) -> Result<F::Output, Elapsed> {
    let mut future = pin!(future);
    let at_once = poll_fn(|cx| match future.as_mut().poll(cx) {
        Poll::Ready(there) => Poll::Ready(Some(there)),
        Poll::Pending => Poll::Ready(None),
    });
    match at_once.await {
        Some(there) => Ok(there),
        None => timeout(longest, future).await,
    }
}

#[cfg(test)]
mod tests {
    use std::future::{pending, ready};

    use tokio::time::{Instant, sleep};

    use super::*;

    const LONGEST: Duration = Duration::from_secs(60);

    #[tokio::test(start_paused = true)]
    async fn what_is_there_is_given_and_what_does_not_come_is_given_up() {
        let began = Instant::now();
        assert_eq!(within(LONGEST, ready(1)).await, Ok(1));
        assert_eq!(within(LONGEST, sleep(LONGEST / 2)).await, Ok(()));
        assert_eq!(began.elapsed(), LONGEST / 2);
        assert!(within(LONGEST, pending::<()>()).await.is_err());
        assert_eq!(began.elapsed(), LONGEST / 2 + LONGEST);
    }
}
