//! Every place to die at, and every call to go wrong: each journey is played once for each, and must
//! end as it does when nothing goes wrong.

use std::time::Duration;

use events::Status;

use super::Tally;
use super::journey::{Act, Journey, act, ann};
use super::stage::Stage;
use crate::model;
use crate::world::script::{STRIKES, Strike, When};
use crate::world::seat::Call;
use crate::world::{Pace, State};

/// After a crash what was being done is done again so many times.
const REDELIVERIES: [usize; 2] = [1, 2];
/// Longer than the pause before an agent that ended is started again.
const RESTART_PAUSE: Duration = Duration::from_secs(6);

/// Plays a journey in all its ways.
pub(super) fn play(journey: &Journey, tally: &mut Tally) {
    let plain = Stage::new(Pace::ByHandClosely, State::default());
    plain.world.state().kinds = Some(Vec::new());
    tally.case("plain", || journey.name.clone(), || whole(&plain, journey, false));
    let calls = plain.world.state().kinds.take().unwrap_or_default();
    for wait in 1..=plain.waits() {
        for times in REDELIVERIES {
            let name = || format!("{}: dies at wait {wait}, then {times} times", journey.name);
            tally.case("crash", name, || {
                let stage = Stage::new(Pace::ByHandClosely, State::default());
                stage.die_at(wait, times);
                whole(&stage, journey, false)?;
                if stage.is_to_die() { Err(vec!["it did not die".to_owned()]) } else { Ok(()) }
            });
        }
    }
    for (number, call) in (1..).zip(&calls) {
        for strike in STRIKES.into_iter().filter(|strike| fits(*strike, *call, journey)) {
            let name = || format!("{}: call {number}, {call:?}, {strike:?}", journey.name);
            tally.case("fault", name, || {
                let stage = Stage::new(Pace::ByHand, State::default());
                stage.world.state().script.add(When::Call(number), strike);
                whole(&stage, journey, true)
            });
        }
    }
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
    )
}

/// Plays a journey to its end. Where `forgiving`, somebody replays what failed or is parked before it
/// is said to stand wrong.
fn whole(stage: &Stage, journey: &Journey, forgiving: bool) -> Result<(), Vec<String>> {
    for next in &journey.acts {
        match (act(stage, *next), next) {
            (Ok(()), _) => {}
            (Err(_), Act::Stands(_)) if forgiving => {
                help(stage)?;
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
    if matches!(stage.status(&ann()), Status::Failed | Status::Parked) {
        act(stage, Act::Replay(None))?;
        stage.rest()?;
    }
    stage.skip(RESTART_PAUSE);
    stage.rest()
}
