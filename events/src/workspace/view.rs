//! What a workspace tells about itself: for steps, for people, for searches. It decides nothing and
//! changes nothing.

use std::net::SocketAddr;

use jiff::{SignedDuration, Timestamp};

use super::{Ending, Life, Status, Trouble, Workspace};
use crate::admission::InLine;
use crate::event::{StartCause, StopReason};
use crate::ids::{Attempt, Gen, TaskId, TeamId};
use crate::policy::Policy;
use crate::reason::Reason;
use crate::step::{Output, Step};

impl Workspace {
    /// The highest generation that was ever mentioned; 0 before the first start.
    pub fn generation(&self) -> Gen {
        let ended = self.ended.as_ref().map_or(Gen(0), |ending| ending.generation);
        let newest = self.lives.last_key_value().map_or(ended, |(newest, _)| *newest);
        newest.max(ended).max(self.purge.generation())
    }

    /// The try that the highest generation is at; 1 before the first replay.
    pub fn attempt(&self) -> Attempt {
        self.lives.last_key_value().map_or(Attempt(1), |(_, life)| life.attempt())
    }

    /// The try that a generation is at; 1 before its first replay.
    pub fn attempt_of(&self, generation: Gen) -> Attempt {
        self.lives.get(&generation).map_or(Attempt(1), Life::attempt)
    }

    /// The person's team, once they have been invited or logged in.
    pub fn team(&self) -> Option<&TeamId> {
        self.team.as_ref().map(|(_, team)| team)
    }

    /// The idle time-out that the person asked for.
    pub fn idle_wish(&self) -> Option<SignedDuration> {
        self.settings.and_then(|(_, wish)| wish)
    }

    /// The revision that the next change of settings must carry.
    pub fn settings_revision(&self) -> u64 {
        self.settings.map_or(1, |(revision, _)| revision.saturating_add(1))
    }

    /// How the last generation that is over ended.
    pub fn ending(&self) -> Option<&Ending> {
        self.ended.as_ref()
    }

    /// The last use of the workspace.
    pub fn last_active(&self) -> Option<Timestamp> {
        self.active.map(|(at, _)| at)
    }

    /// When the agent's next scheduled work is due, as far as it said.
    pub fn next_wake(&self) -> Option<Timestamp> {
        self.wake.filter(|(by, ..)| !self.purge.covers(*by)).and_then(|(_, _, at)| at)
    }

    /// What a generation's agent last said about its schedule; `None` when it has said nothing.
    pub fn known_wake(&self, generation: Gen) -> Option<Option<Timestamp>> {
        self.wake.filter(|(by, ..)| *by == generation).map(|(_, _, at)| at)
    }

    /// Where it stands. The oldest generation that is not over decides: a start waits for the
    /// teardown before it, and for a purge.
    pub fn status(&self) -> Status {
        if self.purge.trouble().is_some() {
            return Status::Parked;
        }
        let newest = self.generation();
        for (generation, life) in &self.lives {
            if life.requested.is_none() && life.stop.is_none() {
                continue;
            }
            if life.is_parked() {
                return Status::Parked;
            }
            if life.stop.is_some() {
                if *generation == newest {
                    return Status::Stopping;
                }
                continue;
            }
            if *generation < newest {
                continue;
            }
            return match (life.is_failed(), life.is_ready()) {
                (true, _) => Status::Failed,
                (false, true) => Status::Ready,
                (false, false) => Status::Starting,
            };
        }
        if self.purging().is_some() { Status::Stopping } else { Status::Asleep }
    }

    /// The step that is next on the way up, while starting.
    pub fn current_step(&self) -> Option<Step> {
        let (_, life) = self.lives.last_key_value()?;
        if life.refusal().is_some() || life.stop.is_some() { None } else { life.frontier() }
    }

    /// Where the newest generation stands in the line of those that start, while it waits there.
    pub fn in_line(&self, now: Timestamp) -> Option<InLine> {
        let (_, life) =
            self.lives.last_key_value().filter(|_| self.status() == Status::Starting)?;
        let turn = life.turn(self.current_step()?)?;
        InLine::of(turn.at, turn.until, turn.place, now)
    }

    /// Whether a step of a generation's present try was given its turn, which may have come since.
    pub fn has_turn(&self, generation: Gen, step: Step) -> bool {
        self.lives.get(&generation).is_some_and(|life| life.turn(step).is_some())
    }

    /// The newest generation's refusal or parking, while it stands.
    pub fn trouble(&self) -> Option<&Trouble> {
        let parked =
            self.lives.values().find_map(|life| life.parked.as_ref().filter(|_| life.is_parked()));
        let parked = parked.or_else(|| self.purge.trouble());
        parked.or_else(|| self.lives.last_key_value().and_then(|(_, life)| life.refusal()))
    }

    /// The failed try of the step at hand, with how often it has failed.
    pub fn last_retry(&self) -> Option<(Step, u32, &Reason)> {
        let (_, life) = self.lives.last_key_value()?;
        let retried = life.retried.as_ref().filter(|r| r.attempt == life.attempt())?;
        Some((retried.step, retried.failures, &retried.reason))
    }

    /// How often the step at hand has failed within this try.
    pub fn failures(&self, generation: Gen, step: Step, undoing: bool) -> u32 {
        self.last_failure(generation, step, undoing).map_or(0, |(_, failures)| failures)
    }

    /// When the step at hand failed last within this try, and how often it has.
    pub fn last_failure(
        &self,
        generation: Gen,
        step: Step,
        undoing: bool,
    ) -> Option<(Timestamp, u32)> {
        let retried = if undoing && step.is_kept() {
            self.purge.last_failure(step)
        } else {
            self.lives.get(&generation).and_then(|life| life.last_failure(step, undoing))
        };
        retried.map(|retried| (retried.at, retried.failures))
    }

    /// The try that trouble with a step of a generation belongs to: a purge counts its own.
    pub fn attempt_at(&self, generation: Gen, step: Step, undoing: bool) -> Attempt {
        let purge = self.purge.under_way().filter(|_| undoing && step.is_kept());
        purge.map_or_else(|| self.attempt_of(generation), |(_, attempt)| attempt)
    }

    /// What a step of a generation made, while it is in effect.
    pub fn output(&self, generation: Gen, step: Step) -> Option<&Output> {
        let life = self.lives.get(&generation)?;
        life.done.get(&step).filter(|_| life.in_effect(step)).map(|done| &done.output)
    }

    /// The task of a generation, while it is in effect.
    pub fn task(&self, generation: Gen) -> Option<&TaskId> {
        let Output::Task { task } = self.output(generation, Step::RunTask)? else { return None };
        Some(task)
    }

    /// The try that started the task of a generation; the current one when none has.
    pub fn task_attempt(&self, generation: Gen) -> Attempt {
        let life = self.lives.get(&generation);
        let done = life.and_then(|life| life.done.get(&Step::RunTask));
        done.map_or_else(|| self.attempt(), |done| done.attempt)
    }

    /// The try whose token a generation's sidecar and pass go by.
    pub fn lease_attempt(&self, generation: Gen) -> Option<Attempt> {
        let lease = self.output(generation, Step::GrantLease)?;
        let Output::Lease { attempt } = lease else { return None };
        Some(*attempt)
    }

    /// Where the task of a generation listens.
    pub fn address(&self, generation: Gen) -> Option<SocketAddr> {
        let seen = self.output(generation, Step::AwaitAddress)?;
        let Output::Address { address } = seen else { return None };
        Some(*address)
    }

    /// Whether this generation is wanted up: asked for, not asked to stop, and the newest.
    pub fn wants_up(&self, generation: Gen) -> bool {
        let wanted = |life: &Life| life.requested.is_some() && life.stop.is_none();
        self.generation() == generation && self.lives.get(&generation).is_some_and(wanted)
    }

    /// Why the newest generation was asked to end, while it is not over.
    pub fn stop_reason(&self) -> Option<&StopReason> {
        let (_, life) = self.lives.last_key_value()?;
        life.stop.as_ref().map(|(_, reason)| reason)
    }

    /// When the newest generation was asked for and what for, while it is not over.
    pub fn requested(&self) -> Option<(Timestamp, StartCause)> {
        self.lives.last_key_value().and_then(|(_, life)| life.requested)
    }

    /// When the newest generation became ready, while it is.
    pub fn ready_since(&self) -> Option<Timestamp> {
        let (_, life) = self.lives.last_key_value()?;
        life.ready.filter(|_| life.is_ready()).map(|(_, at)| at)
    }

    /// How often in a row the agent has just said that it is busy. An answer that is older than
    /// twice the time between two looks begins a new row.
    pub fn busy_looks(&self, policy: &Policy, now: Timestamp) -> u32 {
        let busy = self.lives.last_key_value().and_then(|(_, life)| life.busy);
        let row = policy.busy_again.saturating_mul(2);
        busy.filter(|(at, _)| now.duration_since(*at) <= row).map_or(0, |(_, looks)| looks)
    }
}
