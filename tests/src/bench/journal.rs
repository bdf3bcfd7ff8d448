//! Durable appends a second, beside what a plain program gets from SQLite and from the bare disk.

use std::sync::Arc;

use events::{
    Activity, Envelope, Event, Gen, Policy, Stamp, StartCause, Version, Workspace, WorkspaceId,
};
use local::Local;
use ports::{Clock, Ids, Journal, Projection};

use super::args::EngineArgs;
use super::report::{Report, ms, number};
use super::samples::{Producer, Samples, middle, together};
use super::scratch::Scratch;
use super::{Failure, peers, progress};

/// One, a few, many: what group commit is worth shows in the difference.
const PRODUCERS: [usize; 3] = [1, 8, 32];
/// With the most producers. A morning's login of one workspace is some twenty facts.
const APPENDS_A_SECOND_MIN: f64 = 10_000.0;

/// Measures ours and the peers, in turns.
///
/// # Errors
/// What kept it from being measured.
pub(super) async fn measure(args: &EngineArgs, report: &mut Report) -> Result<(), Failure> {
    let (mut bare, mut plain) = (Vec::new(), Vec::new());
    let mut ours = PRODUCERS.map(|_| Vec::new());
    for round in 1..=args.rounds() {
        progress(&format!("journal, round {round}: the bare disk, plain SQLite, ours"));
        bare.push(peers::bare_disk(args).await?);
        plain.push(peers::plain_sqlite(args).await?);
        for (rounds, producers) in ours.iter_mut().zip(PRODUCERS) {
            rounds.push(appends(args, producers).await?);
        }
    }
    let (bare, plain, ours) = (middle(bare), middle(plain), ours.map(middle));
    let row = |how: String, samples: &Samples| {
        let times = [50, 99].map(|percent| number(ms(samples.percentile(percent))));
        let ratio = number(samples.rate() / plain.rate());
        vec![how, number(samples.rate()), times[0].clone(), times[1].clone(), ratio]
    };
    let mut rows = vec![
        row("1 KiB and fdatasync, one after the other".to_owned(), &bare),
        row("plain SQLite, one append a transaction".to_owned(), &plain),
    ];
    for (samples, producers) in ours.iter().zip(PRODUCERS) {
        rows.push(row(format!("journal, {producers} producers"), samples));
    }
    let head = ["durable appends", "a second", "p50 ms", "p99 ms", "to plain SQLite"];
    report.table("Journal", &head, rows);
    let [.., most] = &ours;
    let what = "journal, durable appends with 32 producers";
    report.at_least(what, most.rate(), APPENDS_A_SECOND_MIN, "/s");
    Ok(())
}

async fn appends(args: &EngineArgs, producers: usize) -> Result<Samples, Failure> {
    let scratch = Scratch::new(&args.data)?;
    let local = Local::open(scratch.path())?;
    let appender = |number: usize| {
        Ok(Appender {
            journal: local.journal(),
            clock: local.clock(),
            ids: local.ids(),
            id: format!("person-{number}").parse()?,
            version: Version(0),
            workspace: Workspace::default(),
        })
    };
    together(producers, args.round(), appender).await
}

/// Appends to one workspace as the bus does: each fact folded, the projection with it.
struct Appender {
    journal: Arc<dyn Journal>,
    clock: Arc<dyn Clock>,
    ids: Arc<dyn Ids>,
    id: WorkspaceId,
    version: Version,
    workspace: Workspace,
}

impl Producer for Appender {
    async fn call(&mut self) -> Result<(), Failure> {
        let generation = Gen(1);
        let event = match self.version {
            Version(0) => Event::StartRequested { generation, cause: StartCause::Login },
            Version(_) => Event::Active { generation, activity: Activity::UserInput },
        };
        let time = self.clock.now();
        let stamp = Stamp { id: self.ids.event_id(time), time, cause: None };
        let fact = Envelope::new("/bench", Some(self.id.clone()), stamp, event);
        self.workspace.absorb(time, &fact.event);
        let projection = Projection::of(self.workspace.clone(), &Policy::default(), time);
        self.version = self.journal.append(&self.id, self.version, &[fact], &projection).await?;
        Ok(())
    }
}
