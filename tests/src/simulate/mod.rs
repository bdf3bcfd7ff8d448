//! Seeded simulation: a town of people and several processes of the engine live for thirty days in
//! the fake [`world`](crate::world), on one thread and a simulated clock, while everything goes wrong
//! that the seed's weather allows. Then the faults stop, and within two minutes the world must be as
//! the [`model`](crate::model) says.
//!
//! Whatever happens follows from the seed: the same seed gives the same trace.

pub mod command;
mod people;
mod plan;
mod process;

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use events::workspace::WayOut;
use events::{Event, Status, WorkspaceId};
use fastrand::Rng;
use tokio::time::sleep;

pub use plan::{DAYS, Plan};

use crate::model;
use crate::world::{Hazard, Pace, START_MS, Seat, State, Trace, Weather, World};
use people::Wish;

/// How long a world may take to be in order after the faults have stopped.
const CONVERGES_WITHIN: Duration = Duration::from_secs(120);
/// The same where changes of tasks were never told.
const CONVERGES_UNTOLD: Duration = Duration::from_secs(300);
/// How often it is looked at meanwhile.
const LOOK_EVERY: Duration = Duration::from_secs(5);
/// Whoever left this long ago, and whose agent has said nothing of real work since, must not be up any
/// more: the idle time-out, its notice, and room for answers that look busy and are not.
const IDLE_AT_MOST_MS: i64 = 3 * 60 * 60 * 1_000;
/// The longest a killed process stays away.
const AWAY_MAX_MS: u64 = 60_000;
/// How often somebody looks at what is parked.
const OPERATOR_EVERY: Duration = Duration::from_secs(1_800);

/// What became of a seed.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// People times days.
    pub user_days: u64,
    /// Tasks that were started.
    pub starts: u64,
    /// Events that were recorded.
    pub events: u64,
    /// Faults that were injected.
    pub faults: u64,
    /// The faults by hazard.
    pub struck: Vec<(Hazard, u64)>,
    /// How long it took to be in order once the faults had stopped.
    pub converged: Duration,
    /// The hash of all that happened.
    pub hash: u64,
    /// The promises that were broken.
    pub broken: Vec<String>,
    /// What happened, if asked for.
    pub story: Vec<String>,
}

/// A world with its people.
struct Town {
    world: Arc<World>,
    processes: usize,
    wishes: Mutex<Vec<Option<Wish>>>,
    /// Nobody is in two places at once.
    turns: Vec<tokio::sync::Mutex<()>>,
}

impl Town {
    /// Some process, as a load balancer chooses one.
    fn seat(&self, rng: &mut Rng) -> Seat {
        self.world.seat(rng.usize(0..self.processes))
    }

    fn wish(&self, person: usize, wish: Wish) {
        self.wishes.lock().unwrap_or_else(PoisonError::into_inner)[person] = Some(wish);
    }

    fn wishes(&self) -> Vec<Option<Wish>> {
        self.wishes.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// When the workspace was last in use, by its person or by an agent that works, or was woken, in
    /// true time as far as clocks are right.
    fn last_used_ms(&self, id: &WorkspaceId) -> i64 {
        let state = self.world.state();
        let Some(list) = state.journal.of(id) else { return 0 };
        let is_start = |event: &Event| matches!(event, Event::StartRequested { .. });
        let woken = list.events.iter().rev().find(|envelope| is_start(&envelope.event));
        let used = list.workspace.last_active().max(woken.map(|envelope| envelope.time));
        used.map_or(0, |at| at.as_millisecond() - START_MS)
    }

    fn status(&self, id: &WorkspaceId) -> Status {
        let state = self.world.state();
        state.journal.of(id).map_or(Status::Asleep, |list| list.status())
    }
}

/// Lives a seed. `told` keeps the story.
pub fn run(seed: u64, told: bool) -> Report {
    run_in(&Plan::of(seed), Weather::of(seed), told)
}

/// Lives a seed on AWS.
pub fn run_on_aws(seed: u64, told: bool) -> Report {
    lived(&Plan::of(seed), State::under(Weather::on_aws(seed)).on_aws(), told)
}

/// Lives a plan in a weather.
pub fn run_in(plan: &Plan, weather: Weather, told: bool) -> Report {
    lived(plan, State::under(weather), told)
}

fn lived(plan: &Plan, state: State, told: bool) -> Report {
    let mut builder = tokio::runtime::Builder::new_current_thread();
    let runtime = builder.enable_time().start_paused(true).build();
    let runtime = runtime.expect("a runtime of one thread needs nothing from the machine");
    runtime.block_on(live(plan, state, told))
}

async fn live(plan: &Plan, mut state: State, told: bool) -> Report {
    if told {
        state.trace = Trace::told();
    }
    let world = World::new(Pace::Live, state);
    let wishes = Mutex::new(vec![None; plan.people]);
    let turns = (0..plan.people).map(|_| tokio::sync::Mutex::default()).collect();
    let town =
        Arc::new(Town { world: Arc::clone(&world), processes: plan.processes, wishes, turns });
    skew(&world, plan.processes);
    for number in 0..plan.processes {
        process::start(&world, number);
    }
    tokio::spawn(restart(Arc::clone(&world)));
    let operator = tokio::spawn(operate(Arc::clone(&town)));
    let visits = tokio::spawn(come(Arc::clone(&town), plan.clone()));
    sleep(Duration::from_millis(plan.ends_ms.unsigned_abs())).await;
    visits.abort();
    operator.abort();
    let converged = converge(&town).await;
    let broken = judge(&town);
    report(&town, plan, converged, broken)
}

/// People come, each visit beside the others.
async fn come(town: Arc<Town>, plan: Plan) {
    let mut visits = tokio::task::JoinSet::new();
    for visit in plan.visits {
        let wait = visit.at_ms - town.world.now_ms();
        sleep(Duration::from_millis(u64::try_from(wait).unwrap_or(0))).await;
        jump(&town.world, town.processes);
        visits.spawn(people::visit(Arc::clone(&town), visit));
    }
    while visits.join_next().await.is_some() {}
}

/// Clocks that are wrong from the start.
fn skew(world: &World, processes: usize) {
    let mut state = world.state();
    for number in 0..processes {
        if state.weather.strikes(Hazard::SkewedClock) {
            let ahead = state.weather.between(-300_000, 300_000);
            state.clocks.set(number, ahead);
        }
    }
}

/// Clocks that jump by up to an hour.
fn jump(world: &World, processes: usize) {
    let mut state = world.state();
    if state.weather.strikes(Hazard::ClockJump) {
        let number = state.weather.between(0, i64::try_from(processes).unwrap_or(1));
        let ahead = state.weather.between(-3_600_000, 3_600_000);
        state.clocks.set(usize::try_from(number).unwrap_or(0), ahead);
    }
}

/// Starts killed processes again after a while.
async fn restart(world: Arc<World>) {
    let mut rng = Rng::with_seed(1);
    loop {
        let killed = world.until_killed().await;
        for number in killed {
            let away = if world.state().weather.is_calm() { 0 } else { rng.u64(0..AWAY_MAX_MS) };
            let world = Arc::clone(&world);
            tokio::spawn(async move {
                let calm = world.news().calm.notified();
                let _ = tokio::time::timeout(Duration::from_millis(away), calm).await;
                process::start(&world, number);
            });
        }
    }
}

/// Somebody looks at what is parked from time to time.
async fn operate(town: Arc<Town>) {
    let mut rng = Rng::with_seed(2);
    loop {
        town.world.until_parked().await;
        sleep(OPERATOR_EVERY).await;
        lift_parked(&town, &mut rng).await;
    }
}

async fn lift_parked(town: &Town, rng: &mut Rng) {
    let parked: Vec<WorkspaceId> = {
        let state = town.world.state();
        let parked = state.journal.all().filter(|(_, list)| list.status() == Status::Parked);
        parked.map(|(id, _)| id.clone()).collect()
    };
    for id in parked {
        let bus = town.seat(rng).ports().bus;
        // Refused when somebody else was faster; tried again at the next look.
        let asked = producers::parked::decide(&bus, &id, WayOut::Retry, None);
        let _ = tokio::time::timeout(LOOK_EVERY, asked).await;
    }
}

/// The faults stop, whoever wants their agent says so once more, and everything comes to an end.
/// Gives how long that took. A stop that a wrong clock made, and what its person asks for thereafter,
/// have their own time.
async fn converge(town: &Arc<Town>) -> Duration {
    let mut rng = Rng::with_seed(3);
    town.world.clear_up();
    let untold = {
        let weather = &town.world.state().weather;
        [Hazard::LostChange, Hazard::DeafHour].iter().any(|hazard| weather.chance(*hazard) > 0)
    };
    let mut began = tokio::time::Instant::now();
    let mut sent_away = BTreeSet::new();
    let within = if untold { CONVERGES_UNTOLD } else { CONVERGES_WITHIN };
    loop {
        lift_parked(town, &mut rng).await;
        for (number, wish) in town.wishes().into_iter().enumerate() {
            let status = town.status(&people::name(number));
            let down = matches!(status, Status::Asleep | Status::Failed);
            if wish != Some(Wish::Up) || !(down || status == Status::Stopping) {
                continue;
            }
            if down {
                people::log_in(town, number, &mut rng).await;
            }
            // Once each, or a start that never succeeds would have time for ever.
            if sent_away.insert((number, down)) {
                began = tokio::time::Instant::now();
            }
        }
        if began.elapsed() >= within || judge(town).is_empty() {
            return began.elapsed();
        }
        sleep(LOOK_EVERY).await;
    }
}

/// What is not as it should be.
fn judge(town: &Town) -> Vec<String> {
    let now = town.world.now_ms();
    let mut broken = model::broken(&town.world.state(), now, false);
    let wrong_clocks = {
        let weather = &town.world.state().weather;
        [Hazard::SkewedClock, Hazard::ClockJump].iter().any(|hazard| weather.chance(*hazard) > 0)
    };
    for (number, wish) in town.wishes().into_iter().enumerate() {
        let id = people::name(number);
        let status = town.status(&id);
        let fits = match wish {
            Some(Wish::Up) => status == Status::Ready,
            Some(Wish::Down) => status == Status::Asleep,
            Some(Wish::Either(since)) => {
                let since = since.max(town.last_used_ms(&id));
                status != Status::Ready || wrong_clocks || now - since < IDLE_AT_MOST_MS
            }
            None => status == Status::Asleep,
        };
        if !fits {
            broken.push(format!("{id} is {} and wanted {wish:?}", status.name()));
        }
    }
    broken
}

fn report(town: &Town, plan: &Plan, converged: Duration, broken: Vec<String>) -> Report {
    let state = town.world.state();
    let (lines, begun) = state.trace.lines();
    let mut story = Vec::new();
    if begun > 0 {
        story.push(format!("(the first {begun} lines are not kept)"));
    }
    story.extend_from_slice(lines);
    Report {
        user_days: plan.people as u64 * DAYS.unsigned_abs(),
        starts: state.cloud.starts,
        events: state.journal.all().map(|(_, list)| list.events.len() as u64).sum(),
        faults: state.weather.faults(),
        struck: state.weather.struck().collect(),
        converged,
        hash: state.trace.hash(),
        broken,
        story,
    }
}
