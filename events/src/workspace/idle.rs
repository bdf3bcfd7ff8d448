//! When a ready workspace may be stopped for idleness. It is told first, asked first, and never
//! stopped while it works.
//!
//! The agent's own heartbeat is a turn that nobody asked for: a single busy answer puts the stop
//! off by a minute and counts for nothing, three in a row are real work (see
//! [`absorb`](super::absorb)).

use jiff::{SignedDuration, Timestamp};

use super::next::Next;
use super::{Life, Workspace};
use crate::ids::Gen;
use crate::policy::Policy;

/// What is next for a workspace that is ready.
pub(super) fn idle(
    workspace: &Workspace,
    generation: Gen,
    life: &Life,
    policy: &Policy,
    now: Timestamp,
) -> Next {
    let (idle_since, idle_at) = idle_from(workspace, life, policy, now);
    let told = life.notice.filter(|n| n.idle_since == idle_since && n.given >= idle_at);
    let ask_at = told.map_or(idle_at, |notice| notice.stop_at);
    let busy_until = life.busy.map(|(at, _)| after(at, policy.busy_again));
    let ask_at = busy_until.map_or(ask_at, |busy| busy.max(ask_at));
    if now < ask_at {
        return Next::Wait { until: Some(ask_at) };
    }
    Next::AskIdle { generation, idle_since, stop: told.is_some() }
}

/// Since when it has been left alone, which is the last activity or the moment when the person
/// could first have been active; and from when on that is for too long.
fn idle_from(
    workspace: &Workspace,
    life: &Life,
    policy: &Policy,
    now: Timestamp,
) -> (Timestamp, Timestamp) {
    let ready = life.ready.map(|(_, at)| at);
    let active = workspace.active.map(|(at, _)| at);
    let idle_since = ready.max(active).unwrap_or(now);
    let idle_at = after(idle_since, policy.idle_timeout(workspace.idle_wish()));
    (idle_since, life.snoozed.map_or(idle_at, |snoozed| snoozed.max(idle_at)))
}

fn after(at: Timestamp, delay: SignedDuration) -> Timestamp {
    at.saturating_add(delay).unwrap_or(at)
}

impl Workspace {
    /// The notice that stands, for the person to see.
    pub fn notice(&self, policy: &Policy, now: Timestamp) -> Option<super::StopNotice> {
        let (_, life) = self.lives.last_key_value()?;
        let notice = life.notice.filter(|_| life.is_ready() && life.stop.is_none())?;
        let (idle_since, idle_at) = idle_from(self, life, policy, now);
        let stands = notice.idle_since == idle_since && notice.given >= idle_at;
        stands.then_some(super::StopNotice { idle_since, stop_at: notice.stop_at })
    }
}
