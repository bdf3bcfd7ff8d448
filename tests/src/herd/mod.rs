//! The herd: a company logs in within a minute, in front of a compute that launches at a rate of its
//! own. The real engine runs as it does on AWS ([`functions`]), on the fake [`world`](crate::world)
//! and a simulated clock, so that nothing here depends on the machine that plays it.

pub mod command;
mod functions;

use std::time::Duration;

use events::admission::Rate;
use events::{Envelope, Event, Status, Step, WorkspaceId};
use jiff::{SignedDuration, Timestamp};
use ports::Person;
use tokio::time::sleep;

use crate::model;
use crate::world::ecs::Quota;
use crate::world::{Hazard, Pace, START_MS, State, Weather, World};

/// How often a message comes twice, in ten-thousandths: SQS delivers at least once.
const DOUBLED: u32 = 100;
/// How long everybody may take to be served.
const SERVED_WITHIN: Duration = Duration::from_secs(3_600);
/// How often is looked whether they are.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// Who comes, and what they meet.
#[derive(Clone, Copy, Debug)]
pub struct Crowd {
    /// How many people log in.
    pub people: usize,
    /// Within which time, evenly.
    pub within: Duration,
    /// At which rate the line lets them through; none is no line.
    pub line: Option<Rate>,
    /// The account's launch rate.
    pub launches: Quota,
    /// How often the account may call `RunTask`.
    pub calls: Quota,
    /// How many of the functions of one queue run at the same time.
    pub concurrency: usize,
}

impl Crowd {
    /// So many people within a minute, in an account with the quotas that AWS gives by default.
    pub fn of(people: usize) -> Self {
        Self {
            people,
            within: Duration::from_secs(60),
            line: Some(Rate::RUN_TASK),
            launches: Quota { burst: 100, per_second: 20 },
            calls: Quota { burst: 20, per_second: 20 },
            concurrency: 10,
        }
    }
}

/// What became of a crowd.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// How long after their login each person's task was started, in order.
    pub started: Vec<SignedDuration>,
    /// How long after their login each person's agent was ready, in order.
    pub ready: Vec<SignedDuration>,
    /// When the last task was started, after the first login.
    pub last: SignedDuration,
    /// How long after their turn each person who stood in line was first started or throttled, in
    /// order.
    pub late: Vec<SignedDuration>,
    /// How many were told to wait in line.
    pub in_line: usize,
    /// Tries that failed.
    pub retries: usize,
    /// How many tasks were started.
    pub starts: u64,
    /// How often `RunTask` was called.
    pub runs: u64,
    /// How many of these calls were throttled.
    pub throttled: u64,
    /// How often the line was asked.
    pub asked: u64,
    /// Messages that were sent, over all queues.
    pub messages: u64,
    /// Messages that were set aside.
    pub dead: usize,
    /// Promises that were broken.
    pub broken: Vec<String>,
}

impl Report {
    /// Calls of `RunTask` for each task that was started.
    pub fn amplification(&self) -> f64 {
        ratio(self.runs, self.starts)
    }

    /// Calls of the line for each task that was started.
    pub fn asked_each(&self) -> f64 {
        ratio(self.asked, self.starts)
    }

    /// Messages for each task that was started.
    pub fn messages_each(&self) -> f64 {
        ratio(self.messages, self.starts)
    }
}

fn ratio(count: u64, of: u64) -> f64 {
    count as f64 / of.max(1) as f64
}

/// The time within which this share of them, in thousandths, are served.
pub fn quantile(times: &[SignedDuration], thousandths: usize) -> SignedDuration {
    let place = (times.len() * thousandths).div_ceil(1_000).saturating_sub(1);
    times.get(place).copied().unwrap_or_default()
}

/// Lives the crowd's morning.
pub fn run(crowd: &Crowd) -> Report {
    let mut builder = tokio::runtime::Builder::new_current_thread();
    let runtime = builder.enable_time().start_paused(true).build();
    let runtime = runtime.expect("a runtime of one thread needs nothing from the machine");
    runtime.block_on(live(*crowd))
}

async fn live(crowd: Crowd) -> Report {
    let mut state = State::under(Weather::only(Hazard::DoubledMessage, DOUBLED));
    state.line.rate = crowd.line;
    state.cloud.cluster.throttle(crowd.calls, crowd.launches);
    let world = World::new(Pace::Live, state);
    let seat = functions::start(&world, crowd.concurrency);
    let gap = crowd.within / u32::try_from(crowd.people.max(1)).unwrap_or(u32::MAX);
    for number in 0..crowd.people {
        let bus = seat.ports().bus;
        tokio::spawn(async move {
            let logged_in = producers::session::log_in(&bus, &person(number)).await;
            logged_in.expect("nothing goes wrong with a login in this weather");
        });
        sleep(gap).await;
    }
    let served = async {
        while !is_served(&world, crowd.people) {
            sleep(LOOK_EVERY).await;
        }
    };
    let in_time = tokio::time::timeout(SERVED_WITHIN, served).await.is_ok();
    let mut report = report(&world);
    if !in_time {
        report.broken.push("not everybody was served".to_owned());
    }
    report
}

fn person(number: usize) -> Person {
    let id = format!("p{number:05}").parse().expect("a name");
    let team = format!("team-{}", number % 20).parse().expect("a name");
    Person { id, team, admin: false }
}

fn is_served(world: &World, people: usize) -> bool {
    let state = world.state();
    let up = state.journal.all().filter(|(_, list)| list.status() == Status::Ready);
    up.count() == people
}

fn report(world: &World) -> Report {
    let now = world.now_ms();
    let state = world.state();
    let mut report = Report {
        starts: state.cloud.starts,
        runs: state.cloud.cluster.runs,
        throttled: state.cloud.cluster.throttled,
        asked: state.line.asked,
        messages: state.queues.sent(),
        dead: state.queues.dead(),
        broken: model::broken(&state, now, false),
        ..Report::default()
    };
    let begin = Timestamp::from_millisecond(START_MS).unwrap_or_default();
    for (id, list) in state.journal.all() {
        report.add(id, &list.events, begin);
    }
    report.started.sort_unstable();
    report.ready.sort_unstable();
    report.late.sort_unstable();
    report
}

impl Report {
    /// Adds one person's morning.
    #[expect(clippy::wildcard_enum_match_arm, reason = "only these events are about a start")]
    fn add(&mut self, id: &WorkspaceId, events: &[Envelope], begin: Timestamp) {
        let Some(came) = events.first().map(|envelope| envelope.time) else { return };
        let mut turn = None;
        for Envelope { event, time, .. } in events {
            let waited = time.duration_since(came);
            match event {
                Event::StepDone { step: Step::RunTask, .. } => {
                    self.started.push(waited);
                    self.last = self.last.max(time.duration_since(begin));
                    self.late.extend(turn.take().map(|turn| time.duration_since(turn)));
                }
                Event::StepDeferred(wait) => {
                    self.in_line += 1;
                    turn = Some(wait.until);
                }
                Event::StepRetried { .. } => {
                    self.retries += 1;
                    self.late.extend(turn.take().map(|turn| time.duration_since(turn)));
                }
                Event::Ready { .. } => self.ready.push(waited),
                Event::StepRefused { reason, .. } => {
                    self.broken.push(format!("{id}: refused: {reason}"));
                }
                _ => {}
            }
        }
    }
}
