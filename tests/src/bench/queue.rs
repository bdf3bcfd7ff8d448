//! Messages a second through one queue: each sent, received and deleted by calls of its own, all
//! three durable.

use std::sync::Arc;
use std::time::Duration;

use events::{Class, TeamId, WorkspaceId};
use local::Local;
use ports::{Nudge, Outgoing, Queue};

use super::args::EngineArgs;
use super::report::{Report, ms, number};
use super::samples::{Producer, Samples, middle, together};
use super::scratch::Scratch;
use super::{Failure, progress};

/// One, a few, many.
const PRODUCERS: [usize; 3] = [1, 8, 32];
/// With the most producers.
const ROUND_TRIPS_A_SECOND_MIN: f64 = 5_000.0;
/// The queue that is measured. The others are like it.
const CLASS: Class = Class::Compute;
/// How many teams take turns.
const TEAMS: usize = 8;
/// Far longer than a message takes that is there already.
const WAIT: Duration = Duration::from_secs(10);

/// Measures one queue.
///
/// # Errors
/// What kept it from being measured.
pub(super) async fn measure(args: &EngineArgs, report: &mut Report) -> Result<(), Failure> {
    let mut all = PRODUCERS.map(|_| Vec::new());
    for round in 1..=args.rounds() {
        progress(&format!("queue, round {round}"));
        for (rounds, producers) in all.iter_mut().zip(PRODUCERS) {
            rounds.push(round_trips(args, producers).await?);
        }
    }
    let all = all.map(middle);
    let row = |(samples, producers): (&Samples, usize)| {
        let times = [50, 99].map(|percent| number(ms(samples.percentile(percent))));
        let how = format!("{producers} producers");
        vec![how, number(samples.rate()), times[0].clone(), times[1].clone()]
    };
    let rows = all.iter().zip(PRODUCERS).map(row).collect();
    let head = ["sent, received, deleted", "a second", "p50 ms", "p99 ms"];
    report.table("Queue", &head, rows);
    let [.., most] = &all;
    let what = "queue, durable round trips with 32 producers";
    report.at_least(what, most.rate(), ROUND_TRIPS_A_SECOND_MIN, "/s");
    Ok(())
}

async fn round_trips(args: &EngineArgs, producers: usize) -> Result<Samples, Failure> {
    let scratch = Scratch::new(&args.data)?;
    let local = Local::open(scratch.path())?;
    let traveller = |number: usize| {
        Ok(Traveller {
            queue: local.queue(),
            id: format!("person-{number}").parse()?,
            team: format!("team-{}", number % TEAMS).parse()?,
        })
    };
    together(producers, args.round(), traveller).await
}

/// Sends a message, and receives and deletes one that may be another's: there are never fewer than
/// there are who wait for one.
struct Traveller {
    queue: Arc<dyn Queue>,
    id: WorkspaceId,
    team: TeamId,
}

impl Producer for Traveller {
    async fn call(&mut self) -> Result<(), Failure> {
        let nudge = Nudge { about: (&self.id).into(), cause: None };
        let group = Some(self.team.clone());
        let message = Outgoing { nudge, group, delay: Duration::ZERO };
        for sent in self.queue.send(CLASS, &[message]).await? {
            sent?;
        }
        let visibility = consumers::handle::VISIBILITY;
        let received = self.queue.receive(CLASS, 1, WAIT, visibility).await?;
        let [delivery] = &*received else { return Err("a message was lost".into()) };
        self.queue.delete(CLASS, std::slice::from_ref(&delivery.handle)).await?;
        Ok(())
    }
}
