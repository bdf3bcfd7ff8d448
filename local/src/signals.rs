//! Who waits for what: after a commit, those who wait for its topic look again.
//!
//! A signal carries nothing. Whoever waits must subscribe before it looks, so that nothing that
//! was written after the look goes unnoticed.

use std::time::Duration;

use events::Class;
use tokio::sync::watch;
use tokio::time::Instant;

/// What a write may be news for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Topic {
    /// The feed of all events.
    Feed,
    /// The queue of a class.
    Queue(Class),
    /// The timers.
    Timers,
    /// The tasks.
    Tasks,
}

/// One channel for each topic.
#[derive(Debug, Default)]
pub(crate) struct Signals {
    feed: watch::Sender<()>,
    storage: watch::Sender<()>,
    compute: watch::Sender<()>,
    routing: watch::Sender<()>,
    keys: watch::Sender<()>,
    timers: watch::Sender<()>,
    tasks: watch::Sender<()>,
}

impl Signals {
    fn of(&self, topic: Topic) -> &watch::Sender<()> {
        match topic {
            Topic::Feed => &self.feed,
            Topic::Queue(Class::Storage) => &self.storage,
            Topic::Queue(Class::Compute) => &self.compute,
            Topic::Queue(Class::Routing) => &self.routing,
            Topic::Queue(Class::Keys) => &self.keys,
            Topic::Timers => &self.timers,
            Topic::Tasks => &self.tasks,
        }
    }

    pub(crate) fn tell(&self, topic: Topic) {
        self.of(topic).send_replace(());
    }

    pub(crate) fn watch(&self, topic: Topic) -> News {
        News(self.of(topic).subscribe())
    }
}

/// Waits for one topic.
#[derive(Debug)]
pub struct News(watch::Receiver<()>);

impl News {
    /// Waits until something was written since the last wait (or the subscription), at most until
    /// `until`.
    pub async fn wait(&mut self, until: Instant) {
        // A closed channel means that the database is closing: then only the time counts.
        let news = async {
            if self.0.changed().await.is_err() {
                std::future::pending::<()>().await;
            }
        };
        let _late = tokio::time::timeout_at(until, news).await;
    }
}

/// The end of a wait that begins now. Real time: a wait is never longer because a clock was set.
pub fn deadline(wait: Duration) -> Instant {
    Instant::now() + wait
}
