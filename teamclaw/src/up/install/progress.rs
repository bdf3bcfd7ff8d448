//! What a person sees while npm works: a bar on a terminal, a line now and then elsewhere.
//!
//! npm tells nothing of how far it is, so the bar shows what is on the disk against what it will
//! be. It is a guess, and nothing depends on it.

use std::future::Future;
use std::io::Write;
use std::path::Path;
use std::pin::pin;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};
use tokio::time::{Instant, MissedTickBehavior, interval_at};

use super::files;

/// What an installation takes on the disk.
const BYTES_EXPECTED: u64 = 830 * 1024 * 1024;

/// Counting forty-five thousand files takes a fraction of a second.
const BAR_EVERY: Duration = Duration::from_secs(1);

/// Often enough for a log that somebody watches.
const LINE_EVERY: Duration = Duration::from_secs(15);

const MIB: u64 = 1024 * 1024;

/// How progress is shown, on stderr.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Progress {
    /// A bar, for a terminal.
    Bar,
    /// A line at the start, now and then, and at the end.
    Lines,
    /// Nothing.
    Silent,
}

impl Progress {
    /// Shows how `dir` grows while `work` goes on.
    pub(super) async fn show<T>(self, title: &str, dir: &Path, work: impl Future<Output = T>) -> T {
        let began = Instant::now();
        let shown = Shown::new(self, title);
        let mut work = pin!(work);
        let every = if self == Self::Bar { BAR_EVERY } else { LINE_EVERY };
        let mut ticks = interval_at(began + every, every);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let done = loop {
            tokio::select! {
                biased;
                done = &mut work => break done,
                _ = ticks.tick(), if self != Self::Silent => {
                    let dir = dir.to_owned();
                    let count = tokio::task::spawn_blocking(move || files::bytes(&dir));
                    shown.at(count.await.unwrap_or_default(), began.elapsed());
                }
            }
        };
        shown.end();
        done
    }
}

enum Shown {
    Bar(ProgressBar),
    Lines(String),
    Nothing,
}

impl Shown {
    fn new(progress: Progress, title: &str) -> Self {
        match progress {
            Progress::Bar => {
                let bar = ProgressBar::new(BYTES_EXPECTED).with_message(title.to_owned());
                let template =
                    "{msg} {bar:28} {binary_bytes} of about {binary_total_bytes}, {elapsed}";
                if let Ok(style) = ProgressStyle::with_template(template) {
                    bar.set_style(style);
                }
                bar.enable_steady_tick(BAR_EVERY);
                Self::Bar(bar)
            }
            Progress::Lines => {
                line(&format!("{title}, about {} MiB", BYTES_EXPECTED / MIB));
                Self::Lines(title.to_owned())
            }
            Progress::Silent => Self::Nothing,
        }
    }

    fn at(&self, bytes: u64, elapsed: Duration) {
        match self {
            // Never full before it is done.
            Self::Bar(bar) => bar.set_position(bytes.min(BYTES_EXPECTED - MIB)),
            Self::Lines(title) => {
                line(&format!("{title}: {} MiB after {} s", bytes / MIB, elapsed.as_secs()));
            }
            Self::Nothing => {}
        }
    }

    fn end(self) {
        if let Self::Bar(bar) = self {
            bar.finish_and_clear();
        }
    }
}

fn line(words: &str) {
    // Nobody may read it, which is no reason not to install.
    let _ = writeln!(anstream::stderr(), "{words}");
}
