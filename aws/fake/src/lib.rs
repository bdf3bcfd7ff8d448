//! What local AWSs do not honour, in the words of its documents: ECS, IAM's roles, EFS's access
//! points and ELBv2's rules, the parts that bite included and switched on by the test.
//!
//! Real SDKs talk to it over HTTP. It knows only the calls and fields that adapters use, checks no
//! signatures, and keeps everything in memory. Nothing but tests may depend on it. Each file names the
//! pages of docs.aws.amazon.com that it speaks for.

mod answer;
mod ecs;
mod efs;
mod elb;
mod habits;
mod iam;
mod request;
mod server;
mod state;

use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde_json::Value;

pub use answer::Trouble;
pub use habits::{Habits, Runs};

use state::State;

/// The account to which everything belongs.
pub const ACCOUNT: &str = "123456789012";
/// The region in which everything lies.
pub const REGION: &str = "eu-central-1";

/// A server, for as long as it is held.
#[derive(Debug)]
pub struct Fake {
    state: Arc<Mutex<State>>,
    address: SocketAddr,
    serving: tokio::task::JoinHandle<()>,
}

impl Fake {
    /// Starts it at a free port of this machine.
    ///
    /// # Errors
    /// No port, or no runtime of tokio with time and network.
    pub async fn start() -> io::Result<Self> {
        Self::start_at(SocketAddr::from(([127, 0, 0, 1], 0))).await
    }

    /// Starts it at an address.
    ///
    /// # Errors
    /// The address is not free.
    pub async fn start_at(address: SocketAddr) -> io::Result<Self> {
        let listener = tokio::net::TcpListener::bind(address).await?;
        let address = listener.local_addr()?;
        let state = Arc::new(Mutex::new(State::new(address.port())));
        let serving = tokio::spawn(server::serve(listener, Arc::clone(&state)));
        Ok(Self { state, address, serving })
    }

    /// Where SDKs find it: the `endpoint_url` of ECS, IAM, EFS and ELBv2.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// What the next call of this name meets; said several times, the ones after it too.
    /// A name is a service's and a call's: `ecs.RunTask`, `iam.CreateRole`, `efs.CreateAccessPoint`,
    /// `elb.CreateRule`.
    pub fn trouble(&self, call: &str, trouble: Trouble) {
        self.state().troubles.entry(call.to_owned()).or_default().push_back(trouble);
    }

    /// Changes how it behaves from now on; a task keeps the habits that it began with.
    pub fn change(&self, change: impl FnOnce(&mut Habits)) {
        change(&mut self.state().habits);
    }

    /// Sets the clock forward.
    pub fn advance(&self, by: Duration) {
        let mut state = self.state();
        state.skipped += by;
        state.tick();
    }

    /// The time, in milliseconds since 1970.
    pub fn now_ms(&self) -> u64 {
        self.state().now_ms()
    }

    /// What was asked with calls of this name, in order: JSON, or a form's fields as JSON.
    pub fn asked(&self, call: &str) -> Vec<Value> {
        let state = self.state();
        state.asked.iter().filter(|(name, _)| name == call).map(|(_, body)| body.clone()).collect()
    }

    /// Every "ECS Task State Change" so far, as EventBridge delivers it.
    pub fn events(&self) -> Vec<Value> {
        let mut state = self.state();
        state.tick();
        state.ecs.events.clone()
    }

    /// Tasks that are not stopped: their ARNs and `startedBy`.
    pub fn living(&self) -> Vec<(String, String)> {
        let mut state = self.state();
        state.tick();
        state.ecs.living()
    }

    /// AWS itself ends a task, as it does when Spot capacity is taken back or a home cannot be
    /// mounted: `stopCode` and `stoppedReason`.
    pub fn end_task(&self, arn: &str, stop_code: &str, reason: &str) {
        let mut state = self.state();
        let now = state.now_ms();
        state.ecs.end(arn, stop_code, reason, now);
        state.tick();
    }

    /// Every event of a task is lost from now on.
    pub fn lose_events_of(&self, arn: &str) {
        self.state().ecs.lose_events_of(arn);
    }

    /// Somebody makes a rule by hand, for a group of their own.
    pub fn foreign_rule(&self, listener: &str, priority: u32) {
        self.state().elb.foreign_rule(listener, priority);
    }

    /// The names of what there is: roles, access points, target groups, rules' priorities.
    pub fn inventory(&self) -> Vec<String> {
        let state = self.state();
        let mut all = state.iam.names();
        all.extend(state.efs.names());
        all.extend(state.elb.names());
        all
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Fake {
    fn drop(&mut self) {
        self.serving.abort();
        self.state().ecs.end_all();
    }
}
