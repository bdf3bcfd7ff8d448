//! Asks the agent to finish before a stop that is not for idleness. Its answer bounds the wait,
//! it does not decide: stop always wins.
//!
//! | | |
//! |---|---|
//! | safe to repeat | the asking has a name; repeating it renews it |
//! | taken back by | the agent lets the asking lapse after two minutes |

use std::time::Duration;

use events::{Event, Gen};
use jiff::Timestamp;
use ports::{Agents, Fault, Quiesce, Reach};

/// How soon to ask a busy agent again.
const ASK_AGAIN: Duration = Duration::from_secs(1);

/// Whom to ask, and until when. No `Debug`: it holds the pass.
pub struct Plan {
    reach: Option<Reach>,
    generation: Gen,
    request: String,
    forced: bool,
}

/// What to write down, or when to ask again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// The agent has finished, or has no more time.
    Record(Vec<Event>),
    /// Ask again after this.
    Later(Duration),
}

/// Decides; touches nothing.
pub fn plan(reach: Option<Reach>, generation: Gen, until: Timestamp, now: Timestamp) -> Plan {
    Plan { reach, generation, request: format!("stop-{generation}"), forced: now >= until }
}

/// Asks once.
///
/// # Errors
/// What the agent's client said, while there is time; then a silent agent is stopped all the same.
pub async fn apply(plan: &Plan, agents: &dyn Agents) -> Result<Answer, Fault> {
    let generation = plan.generation;
    let quiesced = |forced| Event::Quiesced { generation, forced };
    let Some(reach) = plan.reach.as_ref().filter(|_| !plan.forced) else {
        return Ok(Answer::Record(vec![quiesced(plan.forced)]));
    };
    let mut facts = Vec::new();
    // Read before it takes no more questions. What it does not say is not known.
    if let Ok(times) = agents.wake_times(reach).await {
        facts.push(Event::WakePlanned { generation, at: times.first().copied() });
    }
    match agents.quiesce(reach, &plan.request).await? {
        Quiesce::Ready | Quiesce::Unsupported => {
            facts.push(quiesced(false));
            Ok(Answer::Record(facts))
        }
        Quiesce::Busy(_) => Ok(Answer::Later(ASK_AGAIN)),
    }
}
