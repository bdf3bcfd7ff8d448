//! How the fake behaves until a test says otherwise.

use std::time::Duration;

/// What a test may change. The defaults are quick, so that a suite is.
#[derive(Clone, Debug)]
pub struct Habits {
    /// How long Describe and List miss a fresh task.
    pub unseen: Duration,
    /// How many items a page of a list has at the most.
    pub page: usize,
    /// How long a task is `PROVISIONING`.
    pub provisioning: Duration,
    /// How long a task is `PENDING`.
    pub pending: Duration,
    /// How long a task is `DEACTIVATING` when nothing runs in it that could end.
    pub deactivating: Duration,
    /// How long after SIGTERM a process is killed: the `stopTimeout`.
    pub stop_timeout: Duration,
    /// How long an access point is `creating`.
    pub creating: Duration,
    /// What runs in a task.
    pub runs: Runs,
}

/// What runs in a task.
#[derive(Clone, Debug)]
pub enum Runs {
    /// Nothing: the task only has its states.
    Nothing,
    /// Something that takes connections at the task's address and says nothing.
    Listener,
    /// A command for `sh -c`, with the environment of the agent's part of the task and
    /// `FAKE_AWS_ADDRESS`, where it is to listen.
    Command(String),
}

impl Default for Habits {
    fn default() -> Self {
        Self {
            unseen: Duration::ZERO,
            page: 100,
            provisioning: Duration::from_millis(20),
            pending: Duration::from_millis(20),
            deactivating: Duration::from_millis(20),
            stop_timeout: Duration::from_secs(5),
            creating: Duration::ZERO,
            runs: Runs::Listener,
        }
    }
}
