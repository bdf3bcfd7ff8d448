//! The ways out of a workspace that has failed or is parked, each as the facts that it is written
//! down as. A human chooses; nothing here is chosen by itself.

use serde::{Deserialize, Serialize};

use super::{Life, Status, Trouble, Workspace};
use crate::event::{Event, StopReason};
use crate::ids::{Attempt, Gen};
use crate::reason::{Reason, ReasonClass};
use crate::step::Step;

/// One way out of a parked workspace.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WayOut {
    /// The same again: what was in the way is mended.
    Retry,
    /// Go on past the step: a human has done it, or undone it, by hand.
    Skip,
    /// Give up and take everything back.
    Abort,
    /// Again from a step that the human names.
    Replay,
}

impl WayOut {
    /// Every way out.
    pub const ALL: [Self; 4] = [Self::Retry, Self::Skip, Self::Abort, Self::Replay];

    /// The name on the wire and on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Retry => "retry",
            Self::Skip => "skip",
            Self::Abort => "abort",
            Self::Replay => "replay",
        }
    }
}

/// The step that a replay begins with when nobody names one; `None` when there is nothing to
/// replay.
pub fn replayable(workspace: &Workspace) -> Option<(Gen, Attempt, Step)> {
    let failed = matches!(workspace.status(), Status::Failed | Status::Parked);
    let (generation, life) = workspace
        .lives
        .iter()
        .find(|(_, life)| life.is_parked())
        .or_else(|| workspace.lives.last_key_value())
        .filter(|_| failed)?;
    let parked = life.parked.as_ref().filter(|_| life.is_parked());
    let step = parked.or(life.refusal()).map(|trouble| trouble.step)?;
    Some((*generation, life.attempt().next(), step))
}

/// Which ways out are open now; none when it is not parked.
pub fn ways_out(workspace: &Workspace) -> Vec<WayOut> {
    let is_open = |way: &WayOut| leave(workspace, *way, None).is_ok();
    WayOut::ALL.into_iter().filter(is_open).collect()
}

/// The facts by which a parked workspace leaves its parking one way; `from` is where a replay
/// begins.
///
/// # Errors
/// Why that way is closed, with what to do instead.
pub fn leave(workspace: &Workspace, way: WayOut, from: Option<Step>) -> Result<Vec<Event>, Reason> {
    if let Some(again) = workspace.purge_again() {
        return match way {
            WayOut::Retry => Ok(vec![again]),
            WayOut::Skip | WayOut::Abort | WayOut::Replay => Err(closed(
                "a deletion is over only when nothing is left, and cannot be called off",
                "mend what it names, or remove that by hand, and retry it: what is gone is gone",
            )),
        };
    }
    let parked = parked(workspace)?;
    match way {
        WayOut::Retry => Ok(vec![parked.replay(None)]),
        WayOut::Replay if parked.goes_down(workspace) => Err(closed(
            "what is on its way down has no step to begin with",
            "retry it, or start it again when it is down",
        )),
        WayOut::Replay => Ok(vec![parked.replay(from)]),
        WayOut::Skip => skip(workspace, &parked),
        WayOut::Abort => Ok(abort(workspace, &parked)),
    }
}

/// What is parked.
struct Parked<'a> {
    generation: Gen,
    life: &'a Life,
    trouble: &'a Trouble,
}

fn parked(workspace: &Workspace) -> Result<Parked<'_>, Reason> {
    let status = workspace.status();
    let lives = workspace.lives.iter().filter(|_| status == Status::Parked);
    let found = lives.filter(|(_, life)| life.is_parked()).find_map(|(generation, life)| {
        let trouble = life.parked.as_ref()?;
        Some(Parked { generation: *generation, life, trouble })
    });
    found.ok_or_else(|| {
        let words =
            format!("the workspace is {}: only a parked one needs a way out", status.name());
        closed(words, "look at it with: teamclaw status USER")
    })
}

impl Parked<'_> {
    /// Whether it is to end, whatever comes of the parking.
    fn goes_down(&self, workspace: &Workspace) -> bool {
        self.life.stop.is_some() || self.generation < workspace.generation()
    }

    /// The next try, which lifts the parking.
    fn replay(&self, from: Option<Step>) -> Event {
        Event::ReplayRequested {
            generation: self.generation,
            attempt: self.life.attempt().next(),
            from: from.unwrap_or(self.trouble.step),
            automatic: false,
        }
    }
}

fn skip(workspace: &Workspace, parked: &Parked<'_>) -> Result<Vec<Event>, Reason> {
    let Parked { generation, life, trouble } = parked;
    let (generation, step, undoing) = (*generation, trouble.step, trouble.undoing);
    if !undoing && let Some((words, hint)) = needed(step) {
        return Err(closed(words, hint));
    }
    let mut facts = Vec::new();
    // Who undoes by hand what could not be taken back does not want it up again.
    if undoing && !parked.goes_down(workspace) {
        facts.push(Event::StopRequested { generation, reason: StopReason::Admin });
    }
    facts.push(parked.replay(None));
    let attempt = life.attempt().next();
    facts.push(Event::StepSkipped { generation, attempt, step, undoing });
    Ok(facts)
}

/// Why a step cannot be done by hand, and what to do instead; `None` when it can.
fn needed(step: Step) -> Option<(&'static str, &'static str)> {
    match step {
        Step::RegisterTask | Step::OpenRoute => None,
        Step::PrepareHome => Some((
            "prepare_home cannot be skipped: the agent's task must know where its home is",
            "mend what it names and retry it, or abort",
        )),
        Step::GrantLease => Some((
            "grant_lease cannot be skipped: without its token the agent reaches no provider",
            "mend what it names and retry it, or abort",
        )),
        Step::RunTask => Some((
            "run_task cannot be skipped: nobody could tell which task is the workspace's",
            "mend what it names and retry it, or abort",
        )),
        Step::AwaitAddress => Some((
            "await_address cannot be skipped: the route must know where the agent listens",
            "retry it, replay it from run_task, or abort",
        )),
        Step::ProbeReady => Some((
            "probe_ready cannot be skipped: \"ready\" means that the route reaches the agent, and \
             only a request through it shows that",
            "retry it, replay it from run_task, or abort",
        )),
    }
}

fn abort(workspace: &Workspace, parked: &Parked<'_>) -> Vec<Event> {
    let Parked { generation, trouble, .. } = parked;
    let meant = |life: &Life| {
        life.stop.as_ref().is_some_and(|(_, why)| !matches!(why, StopReason::Idle { .. }))
    };
    // A start that waits for this teardown would come up when it is over.
    let wanted = workspace.lives.range(*generation..).filter(|(_, life)| !meant(life));
    let mut facts: Vec<Event> = wanted
        .map(|(generation, _)| Event::StopRequested {
            generation: *generation,
            reason: StopReason::Admin,
        })
        .collect();
    // A stop lifts a parked start. A parked undo goes on only in a new try.
    if trouble.undoing {
        facts.push(parked.replay(None));
    }
    facts
}

fn closed(words: impl AsRef<str>, hint: &str) -> Reason {
    Reason::new(ReasonClass::Internal, words).with_hint(hint)
}

#[cfg(test)]
mod tests;
