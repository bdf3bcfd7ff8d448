//! Every place to die at, and every call to go wrong: each journey is played once for each, and must
//! end as it does when nothing goes wrong.

use std::sync::Arc;
use std::time::Duration;

use events::Status;
use events::workspace::WayOut;

use super::Tally;
use super::journey::{Act, Journey, act, ann};
use super::stage::Stage;
use crate::model;
use crate::world::script::{STRIKES, Strike, When};
use crate::world::seat::Call;
use crate::world::{Pace, State};

/// How long an outage lasts that is longer than ECS keeps a client token.
const OUTAGE: Duration = Duration::from_secs(super::aws::OUTAGE_SECONDS);
/// After a crash what was being done is done again so many times.
const REDELIVERIES: [usize; 2] = [1, 2];
/// Longer than the pause before an agent that ended is started again.
const RESTART_PAUSE: Duration = Duration::from_secs(6);

/// Plays a journey in all its ways.
pub(super) fn play(journey: &Journey, tally: &mut Tally) {
    let plain = Stage::new(Pace::ByHandClosely, on(journey, State::default()));
    plain.world.state().kinds = Some(Vec::new());
    tally.case("plain", || journey.name.clone(), |_, _| whole(&plain, journey, false));
    let calls = plain.world.state().kinds.take().unwrap_or_default();
    for wait in 1..=plain.waits() {
        for times in REDELIVERIES {
            let name = || format!("{}: dies at wait {wait}, then {times} times", journey.name);
            tally.case("crash", name, |state, told| {
                let stage = Stage::new(Pace::ByHandClosely, on(journey, state));
                told.replace(Some(Arc::clone(&stage.world)));
                stage.die_at(wait, times);
                whole(&stage, journey, false)?;
                if stage.is_to_die() { Err(vec!["it did not die".to_owned()]) } else { Ok(()) }
            });
        }
        if journey.away {
            let name = || format!("{}: dies at wait {wait}, and is away for a day", journey.name);
            tally.case("outage", name, |state, told| {
                let stage = Stage::new(Pace::ByHandClosely, on(journey, state));
                told.replace(Some(Arc::clone(&stage.world)));
                stage.die_at(wait, 1);
                stage.stay_away(OUTAGE);
                // What may have been started and have ended unseen is refused, and replayed.
                whole(&stage, journey, true)
            });
        }
    }
    for (number, call) in (1..).zip(&calls) {
        for strike in STRIKES.into_iter().filter(|strike| fits(*strike, *call, journey)) {
            let name = || format!("{}: call {number}, {call:?}, {strike:?}", journey.name);
            tally.case("fault", name, |state, told| {
                let stage = Stage::new(Pace::ByHand, on(journey, state));
                told.replace(Some(Arc::clone(&stage.world)));
                stage.world.state().script.add(When::Call(number), strike);
                whole(&stage, journey, true)
            });
        }
    }
}

/// The world that a journey is played in.
fn on(journey: &Journey, state: State) -> State {
    if journey.aws { state.on_aws() } else { state }
}

/// Whether a call may go wrong like this. A service of a step may refuse for good; in a journey that
/// is about a refusal already, another would be another journey.
fn fits(strike: Strike, call: Call, journey: &Journey) -> bool {
    let refused = journey.acts.iter().any(|act| matches!(act, Act::Wrong(..)));
    match strike {
        Strike::Fails | Strike::LosesAnswer => true,
        Strike::Refuses | Strike::Nonsense => !refused && is_effect(call),
    }
}

fn is_effect(call: Call) -> bool {
    matches!(
        call,
        Call::EnsureHome
            | Call::RegisterTask
            | Call::GrantLease
            | Call::RunTask
            | Call::DescribeTask
            | Call::OpenRoute
            | Call::Probe
            | Call::CloseRoute
            | Call::StopTask
            | Call::RevokeLease
            | Call::PurgeHome
            | Call::DeregisterTask
    )
}

/// Plays a journey to its end. Where `forgiving`, somebody replays what failed or is parked before it
/// is said to stand wrong.
fn whole(stage: &Stage, journey: &Journey, forgiving: bool) -> Result<(), Vec<String>> {
    for next in &journey.acts {
        match (act(stage, *next), next) {
            (Ok(()), _) => {}
            // Another trouble came before the one that the journey is about.
            (Err(_), Act::Stands(Status::Failed | Status::Parked)) if forgiving => {}
            (Err(_), Act::Stands(_)) if forgiving => {
                help(stage)?;
                // Who logged in while it was parked was told so, and logs in again.
                if matches!(next, Act::Stands(Status::Ready)) {
                    act(stage, Act::LogIn)?;
                    stage.rest()?;
                }
                act(stage, *next)?;
            }
            (Err(broken), _) => return Err(broken),
        }
    }
    stage.rest()?;
    if forgiving {
        help(stage)?;
    }
    let now = stage.world.now_ms();
    let broken = model::broken(&stage.world.state(), now, false);
    if broken.is_empty() { Ok(()) } else { Err(broken) }
}

/// What a person or an operator does about a failed or parked workspace.
fn help(stage: &Stage) -> Result<(), Vec<String>> {
    match stage.status(&ann()) {
        Status::Failed => act(stage, Act::Replay(None))?,
        Status::Parked => act(stage, Act::Leave(WayOut::Retry))?,
        Status::Asleep | Status::Starting | Status::Ready | Status::Stopping => {}
    }
    stage.rest()?;
    stage.skip(RESTART_PAUSE);
    stage.rest()
}
