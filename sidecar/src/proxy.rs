//! The sidecar as its roots know it: what it needs of the outside, and what it holds.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use events::price::PriceTable;
use jiff::Timestamp;
use ports::{Clock, Ids, Keys, Lease, LeaseLookup, UsageSink, UsageTotals};
use tokio::sync::Semaphore;

use crate::body::HOLDING_KIB_MAX;
use crate::config::{BadConfig, Config, Keep, Upstreams};
use crate::door::Door;
use crate::journal::Journal;
use crate::limits::Gate;
use crate::metrics::Metrics;
use crate::oauth::Renewing;
use crate::outbox::Outbox;
use crate::pool::Pool;
use crate::relay::TOTAL_MAX;
use crate::tally::Books;
#[cfg(feature = "otel")]
use crate::traces::Traces;
use crate::turns::Turns;
use crate::upstream::Upstream;
use crate::websocket::Sockets;

/// Told of each metered request, at its start and at its end: whose, and when. Must not block.
pub type ActivitySink = Arc<dyn Fn(&Lease, Timestamp) + Send + Sync>;

/// What the sidecar needs of the outside.
#[derive(Clone)]
pub struct Outside {
    /// Who may ask.
    pub leases: Arc<dyn LeaseLookup>,
    /// The pool's store. Asked as often as [`Config::keys_believed`] says.
    pub keys: Arc<dyn Keys>,
    /// Where usage goes.
    pub usage: Arc<dyn UsageSink>,
    /// What workspaces have used. Asked once for each workspace whose limits reach back.
    pub totals: Arc<dyn UsageTotals>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Identities of records.
    pub ids: Arc<dyn Ids>,
    /// What tokens cost.
    pub prices: Arc<PriceTable>,
    /// Told of model calls.
    pub on_activity: ActivitySink,
}

/// The proxy. One serves any number of workspaces: the token in a request names the workspace.
pub struct Sidecar {
    pub(crate) door: Door,
    pub(crate) pool: Pool,
    pub(crate) upstreams: Upstreams,
    pub(crate) upstream: Arc<Upstream>,
    pub(crate) outbox: Outbox,
    pub(crate) gate: Arc<Gate>,
    pub(crate) books: Arc<Books>,
    pub(crate) host_names: Vec<String>,
    pub(crate) turns: Arc<Turns>,
    pub(crate) sockets: Sockets,
    /// How long an answer may take at the most, a socket included.
    pub(crate) total_max: Duration,
    pub(crate) metrics: Arc<Metrics>,
    /// No new connection is taken any more.
    pub(crate) stopping: AtomicBool,
    /// What may be held of requests' bodies, in KiB.
    pub(crate) holding: Arc<Semaphore>,
}

impl Sidecar {
    /// A sidecar with its client and its backlog, and with the usage that an earlier run could not
    /// hand over. Needs a tokio runtime, on which the task that
    /// hands usage over runs until the sidecar and every request are gone.
    ///
    /// # Errors
    /// [`BadConfig`] for a provider that is not known, a base URL or a directory that cannot be
    /// used.
    pub fn new(config: &Config, outside: Outside) -> Result<Arc<Self>, BadConfig> {
        Self::keeping(journal(config)?, config, outside)
    }

    /// The same with this journal.
    pub(crate) fn keeping(
        journal: Journal,
        config: &Config,
        outside: Outside,
    ) -> Result<Arc<Self>, BadConfig> {
        let upstreams = Upstreams::new(config)?;
        let Outside { leases, keys, usage, totals, clock, ids, prices, on_activity } = outside;
        let metrics = Metrics::new(&upstreams.providers.ids());
        let outbox = Outbox::new(usage, Arc::clone(&ids), journal, config.when_full, &metrics);
        #[cfg(feature = "otel")]
        let outbox = outbox.traced(config.collector.as_deref().map(Traces::new).transpose()?);
        let gate = Arc::new(Gate::new(totals, Arc::clone(&prices), outbox.clone()));
        let upstream = Arc::new(Upstream::new(config, &upstreams)?);
        let renewed =
            Renewing::over(keys, Arc::clone(&upstream), &upstreams, Arc::clone(&clock), &*ids);
        let (believed, strategy) = (config.keys_believed, config.strategy);
        Ok(Arc::new(Self {
            door: Door::new(leases),
            pool: Pool::new(Arc::new(renewed), Arc::clone(&ids), believed, strategy),
            upstream,
            upstreams,
            outbox,
            books: Arc::new(Books { clock, ids, prices, gate: Arc::clone(&gate), on_activity }),
            gate,
            metrics,
            stopping: AtomicBool::new(false),
            turns: Arc::default(),
            sockets: Sockets::default(),
            total_max: config.total_max.unwrap_or(TOTAL_MAX),
            holding: Arc::new(Semaphore::new(HOLDING_KIB_MAX)),
            host_names: config.host_names.iter().map(|name| name.to_ascii_lowercase()).collect(),
        }))
    }

    /// Waits until the usage of every request that has ended is durable in the ledger. Has no end
    /// while the ledger is away: bound it.
    pub async fn flush(&self) {
        self.outbox.flush().await;
    }
}

fn journal(config: &Config) -> Result<Journal, BadConfig> {
    match &config.keep {
        Keep::Memory => Ok(Journal::none()),
        Keep::Directory(directory) => Journal::open(directory).map_err(|error| BadConfig::Unfit {
            directory: directory.clone(),
            why: error.to_string(),
        }),
    }
}
