//! Rotations in the crash matrix: each story dies at each wait and is gone on with once and twice,
//! and each of its calls goes wrong in each way. However it goes, a key that the provider takes is in
//! the pool at every moment, and it ends rotated or with the old keys in force.

use std::sync::Arc;
use std::time::Duration;

use events::rotation::{RequestedBy, Standing};
use events::token::key_print;
use events::{KeyPrint, ProviderId, RotationId, Secret};
use ports::Fault;
use producers::rotation::{self, Order};

use super::Tally;
use super::stage::Stage;
use crate::world::script::{STRIKES, Strike, When};
use crate::world::seat::Call;
use crate::world::{Pace, START_MS, State};

/// After a crash what was being done is done again so many times.
const REDELIVERIES: [usize; 2] = [1, 2];
/// Far more looks than a rotation takes that waits out an outage.
const LOOKS_MAX: usize = 400;
/// An outage that a rotation must wait out.
const OUTAGE: Duration = Duration::from_secs(10 * 60);

const OLD: &str = "sk-old";
const NEW: &str = "sk-new";
const EDIT: &str = "sk-edit";

/// What is played.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Story {
    /// All goes well.
    Good,
    /// The provider does not take the new key; then it does, and the rotation is replayed.
    Refused,
    /// An administrator adds a key in the middle.
    Added,
    /// An administrator takes the new key out in the middle, and the rotation is replayed.
    TakenOut,
    /// The provider is down for ten minutes.
    Down,
}

const STORIES: [Story; 5] =
    [Story::Good, Story::Refused, Story::Added, Story::TakenOut, Story::Down];

/// How many shares of the work there are.
pub(super) fn count() -> usize {
    STORIES.len()
}

/// Plays one story in all its ways.
pub(super) fn play(number: usize, tally: &mut Tally) {
    let story = STORIES[number];
    let plain = Stage::new(Pace::ByHandClosely, begun(State::default(), story));
    plain.world.state().kinds = Some(Vec::new());
    tally.case("plain", || format!("rotation {story:?}"), |_, _| whole(&plain, story, false));
    let calls = plain.world.state().kinds.take().unwrap_or_default();
    if story == Story::Down {
        // As the good one, with a hundred times the same try in front.
        return;
    }
    for wait in 1..=plain.waits() {
        for times in REDELIVERIES {
            let name = || format!("rotation {story:?}: dies at wait {wait}, then {times} times");
            tally.case("crash", name, |state, told| {
                let stage = Stage::new(Pace::ByHandClosely, begun(state, story));
                told.replace(Some(Arc::clone(&stage.world)));
                stage.die_at(wait, times);
                whole(&stage, story, false)?;
                if stage.is_to_die() { Err(vec!["it did not die".to_owned()]) } else { Ok(()) }
            });
        }
    }
    for (number, call) in (1..).zip(&calls) {
        for strike in STRIKES.into_iter().filter(|strike| fits(*strike, *call)) {
            let name = || format!("rotation {story:?}: call {number}, {call:?}, {strike:?}");
            tally.case("fault", name, |state, told| {
                let stage = Stage::new(Pace::ByHand, begun(state, story));
                told.replace(Some(Arc::clone(&stage.world)));
                stage.world.state().script.add(When::Call(number), strike);
                whole(&stage, story, true)
            });
        }
    }
}

/// A service of a step may refuse for good; any call may fail, or lose its answer.
fn fits(strike: Strike, call: Call) -> bool {
    match strike {
        Strike::Fails | Strike::LosesAnswer => true,
        Strike::Refuses | Strike::Nonsense => matches!(
            call,
            Call::StagedKeys
                | Call::PromoteKeys
                | Call::RetireKeys
                | Call::RestoreKeys
                | Call::WithdrawKeys
                | Call::ForgetKeys
                | Call::TryKey
        ),
    }
}

fn provider() -> ProviderId {
    "anthropic".parse().expect("an id")
}

fn print(key: &str) -> KeyPrint {
    key_print(&Secret::new(key))
}

fn begun(mut state: State, story: Story) -> State {
    state.pools.add("anthropic", Secret::new(OLD));
    match story {
        Story::Refused => {
            state.pools.refused.insert(print(NEW));
        }
        Story::Down => state.pools.down_until_ms = i64::try_from(OUTAGE.as_millis()).unwrap_or(0),
        Story::Good | Story::Added | Story::TakenOut => {}
    }
    state
}

/// Plays a story to its end, which is a rotation that is through. Where `forgiving`, another trouble
/// may come before the one that the story is about, and is replayed.
fn whole(stage: &Stage, story: Story, forgiving: bool) -> Result<(), Vec<String>> {
    stage.insist(async |ports| {
        let (new, retire) = (vec![Secret::new(NEW)], None);
        let requested_by = RequestedBy::Command;
        let order = Order { provider: provider(), requested_by, new, retire };
        let asked = rotation::request(&ports.pools, &*ports.keys, &order).await;
        asked.map(drop).or_else(under_way)
    });
    let meddles = matches!(story, Story::Added | Story::TakenOut);
    if meddles {
        until(stage, |stage| pool(stage).contains(&print(NEW)) || !is_moving(stage))?;
        meddle(stage, story);
    }
    settle(stage)?;
    let refused = matches!(story, Story::Refused | Story::TakenOut);
    // A key that was taken out may have been put back by who died before they said that it is in.
    if story == Story::Refused && !forgiving && standing(stage) != Some(Standing::Refused) {
        return Err(vec![format!("a refused key, and it is {:?}", standing(stage))]);
    }
    stage.world.state().pools.refused.clear();
    for _ in 0..3 {
        if standing(stage) == Some(Standing::Rotated) {
            break;
        }
        if !refused && !forgiving {
            return Err(vec![format!("it is {:?}", standing(stage))]);
        }
        as_before(stage)?;
        replay(stage);
        settle(stage)?;
    }
    ended(stage, story, forgiving)
}

/// Of a refused rotation nothing is in force.
fn as_before(stage: &Stage) -> Result<(), Vec<String>> {
    let keys = pool(stage);
    let right = keys.contains(&print(OLD)) && !keys.contains(&print(NEW));
    if right || standing(stage) != Some(Standing::Refused) {
        return Ok(());
    }
    Err(vec![format!("it was refused, and the pool has {keys:?}")])
}

/// What must be so at the end.
fn ended(stage: &Stage, story: Story, forgiving: bool) -> Result<(), Vec<String>> {
    let mut expected = vec![print(NEW)];
    if story == Story::Added {
        expected.push(print(EDIT));
    }
    let (mut found, staged) = (pool(stage), stage.world.state().pools.staged());
    expected.sort();
    found.sort();
    let mut broken = Vec::new();
    if standing(stage) != Some(Standing::Rotated) {
        broken.push(format!("it is {:?}", standing(stage)));
    }
    if found != expected {
        broken.push(format!("the pool has {found:?} and not {expected:?}"));
    }
    // What cannot be forgotten is left to the next rotation, and fails nothing.
    if staged > 0 && !forgiving {
        broken.push(format!("{staged} rotations lie beside the pool"));
    }
    if broken.is_empty() { Ok(()) } else { Err(broken) }
}

/// Somebody else's rotation is under way: ours, of which the answer was lost.
fn under_way(fault: Fault) -> Result<(), Fault> {
    if matches!(fault, Fault::Refused(_)) { Ok(()) } else { Err(fault) }
}

fn meddle(stage: &Stage, story: Story) {
    stage.insist(async |ports| match story {
        Story::Added => ports.keys.add("anthropic", Secret::new(EDIT)).await.map(drop),
        Story::Good | Story::Refused | Story::TakenOut | Story::Down => {
            ports.keys.remove("anthropic", &print(NEW)).await.map(drop)
        }
    });
}

fn replay(stage: &Stage) {
    stage.insist(async |ports| {
        let known = ports.pools.lists().load(&provider()).await?.rotations;
        let id = RotationId { provider: provider(), rotation: known.newest() };
        rotation::replay(&ports.pools, &id, None).await.map(drop).or_else(under_way)
    });
}

fn pool(stage: &Stage) -> Vec<KeyPrint> {
    stage.world.state().pools.prints(&provider())
}

fn standing(stage: &Stage) -> Option<Standing> {
    let rotations = stage.world.state().pools.rotations(&provider());
    rotations.current().map(|current| current.standing)
}

fn is_moving(stage: &Stage) -> bool {
    standing(stage).is_some_and(Standing::is_moving)
}

fn settle(stage: &Stage) -> Result<(), Vec<String>> {
    until(stage, |stage| !is_moving(stage))
}

/// Lets everything happen until `over`, message by message and timer by timer; sweeps when nothing
/// is set to happen. At every moment a key that the provider takes is in the pool.
fn until(stage: &Stage, over: impl Fn(&Stage) -> bool) -> Result<(), Vec<String>> {
    for _ in 0..LOOKS_MAX {
        let keys = pool(stage);
        if !keys.contains(&print(OLD)) && !keys.contains(&print(NEW)) {
            return Err(vec!["no key that the provider takes is in the pool".to_owned()]);
        }
        if over(stage) {
            return Ok(());
        }
        if stage.deliver(1) > 0 || stage.fire() {
            continue;
        }
        let now = stage.world.now_ms();
        let (timer, hidden) = {
            let state = stage.world.state();
            let timer = state.timers.next().map(|at| at.as_millisecond() - START_MS);
            (timer, state.queues.next_ms(events::Class::Keys))
        };
        match timer.into_iter().chain(hidden).filter(|at| *at > now).min() {
            Some(at) if at - now < 60_000 => {
                stage.skip(Duration::from_millis((at - now).unsigned_abs() + 1));
            }
            _ => stage.sweep(),
        }
    }
    Err(vec!["it never comes to rest".to_owned()])
}
