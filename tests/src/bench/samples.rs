//! What many measurements come to: rates, medians, percentiles.

use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until};

use super::Failure;

/// How long each of many calls took, and how long all of them together.
#[derive(Debug, Default)]
pub(super) struct Samples {
    each: Vec<Duration>,
    together: Duration,
}

impl Samples {
    /// From what was measured elsewhere.
    pub(super) fn new(mut each: Vec<Duration>, together: Duration) -> Self {
        each.sort_unstable();
        Self { each, together }
    }

    /// How many there were.
    pub(super) fn count(&self) -> usize {
        self.each.len()
    }

    /// How many a second.
    pub(super) fn rate(&self) -> f64 {
        self.each.len() as f64 / self.together.as_secs_f64().max(f64::MIN_POSITIVE)
    }

    /// The time that so many of a hundred stay within; nearest rank.
    pub(super) fn percentile(&self, percent: usize) -> Duration {
        let rank = (self.each.len() * percent).div_ceil(100).max(1);
        self.each.get(rank - 1).copied().unwrap_or_default()
    }

    /// From the first call to the end of the last.
    pub(super) fn together(&self) -> Duration {
        self.together
    }
}

/// Of several rounds the one with the middle rate.
pub(super) fn middle(mut rounds: Vec<Samples>) -> Samples {
    rounds.sort_by(|a, b| a.rate().total_cmp(&b.rate()));
    let place = rounds.len() / 2;
    if rounds.is_empty() { Samples::default() } else { rounds.swap_remove(place) }
}

/// Somebody who calls again and again, and waits for each answer before the next call.
pub(super) trait Producer: Send + 'static {
    /// One call.
    ///
    /// # Errors
    /// What it was answered.
    fn call(&mut self) -> impl Future<Output = Result<(), Failure>> + Send;
}

/// Lets `count` producers call side by side for `lasting`, and gives how long each call took.
/// `make` makes a producer by its number.
///
/// # Errors
/// The first that a call was answered.
pub(super) async fn together<P: Producer>(
    count: usize,
    lasting: Duration,
    make: impl Fn(usize) -> Result<P, Failure>,
) -> Result<Samples, Failure> {
    let producers: Vec<P> = (0..count).map(make).collect::<Result<_, _>>()?;
    let began = Instant::now();
    let mut tasks = JoinSet::new();
    for mut producer in producers {
        tasks.spawn(async move {
            let (mut each, mut now) = (Vec::new(), began);
            while now - began < lasting {
                producer.call().await?;
                let after = Instant::now();
                each.push(after - now);
                now = after;
            }
            Ok::<_, Failure>(each)
        });
    }
    gathered(tasks, began).await
}

/// The same at a fixed rate: together the producers call so many times a second, each at its own
/// moments. A call that its producer is late for counts from the moment when it was due, so that
/// whoever keeps producers waiting does not hide it (what Gil Tene calls coordinated omission).
///
/// # Errors
/// The first that a call was answered.
pub(super) async fn paced<P: Producer>(
    count: usize,
    rate: u32,
    lasting: Duration,
    make: impl Fn(usize) -> Result<P, Failure>,
) -> Result<Samples, Failure> {
    let producers: Vec<P> = (0..count).map(make).collect::<Result<_, _>>()?;
    let began = Instant::now();
    let gap = Duration::from_secs(1) / rate;
    let every = gap * u32::try_from(count)?;
    let mut tasks = JoinSet::new();
    for (number, mut producer) in (0..).zip(producers) {
        tasks.spawn(async move {
            let (mut each, mut due) = (Vec::new(), began + gap * number);
            while due - began < lasting {
                let late = Instant::now() > due;
                sleep_until(due).await;
                // A timer rings up to a millisecond late, which is no fault of who is called.
                let from = if late { due } else { Instant::now() };
                producer.call().await?;
                each.push(from.elapsed());
                due += every;
            }
            Ok::<_, Failure>(each)
        });
    }
    gathered(tasks, began).await
}

async fn gathered(
    mut tasks: JoinSet<Result<Vec<Duration>, Failure>>,
    began: Instant,
) -> Result<Samples, Failure> {
    let mut all = Vec::new();
    while let Some(each) = tasks.join_next().await {
        all.extend(each??);
    }
    Ok(Samples::new(all, began.elapsed()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_measured_values_and_a_rate_counts_all_of_the_time() {
        let each = (1..=200).rev().map(Duration::from_millis).collect();
        let samples = Samples::new(each, Duration::from_secs(4));
        assert_eq!(samples.percentile(50), Duration::from_millis(100));
        assert_eq!(samples.percentile(99), Duration::from_millis(198));
        assert_eq!(samples.percentile(100), Duration::from_millis(200));
        assert!((samples.rate() - 50.0).abs() < 1e-9);
        assert_eq!(Samples::default().percentile(99), Duration::ZERO);
    }

    #[test]
    fn the_middle_round_counts() {
        let round =
            |calls: usize| Samples::new(vec![Duration::ZERO; calls], Duration::from_secs(1));
        assert!((middle(vec![round(9), round(1), round(5)]).rate() - 5.0).abs() < 1e-9);
    }
}
