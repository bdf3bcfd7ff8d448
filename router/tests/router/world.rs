//! A front door with its surroundings.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::ConnectInfo;
use events::{
    Attempt, Event, Gen, Reason, ReasonClass, StartCause, Status, Step, StopReason, WorkspaceId,
};
use http::{HeaderMap, Method, Uri};
use jiff::{SignedDuration, Timestamp};
use ports::{Clock, Person, Route};
use producers::Bus;
use producers::activity::Meter;
use router::{Parts, Router, Settings, serve};
use tokio::net::TcpListener;
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::agent::Agent;
use crate::client::Call;
use crate::fakes::{
    Counter, Derived, MemoryJournal, MemoryPeople, MemoryRoutes, Nobody, StepClock, policy,
};

pub(crate) struct World {
    pub(crate) door: SocketAddr,
    pub(crate) journal: Arc<MemoryJournal>,
    pub(crate) people: Arc<MemoryPeople>,
    pub(crate) routes: Arc<MemoryRoutes>,
    pub(crate) clock: Arc<StepClock>,
    pub(crate) bus: Bus,
    pub(crate) meter: Meter,
    pub(crate) shutdown: CancellationToken,
    _open: DropGuard,
}

impl World {
    pub(crate) async fn new() -> Self {
        Self::holding(Duration::from_secs(10)).await
    }

    /// A door that holds a request this long.
    pub(crate) async fn holding(hold: Duration) -> Self {
        let journal: Arc<MemoryJournal> = Arc::default();
        let people: Arc<MemoryPeople> = Arc::default();
        let routes: Arc<MemoryRoutes> = Arc::default();
        let clock: Arc<StepClock> = Arc::default();
        let nobody = Arc::new(Nobody);
        let ids: Arc<Counter> = Arc::default();
        let bus = Bus::new(journal.clone(), nobody.clone(), nobody, clock.clone(), ids, policy());
        let meter = Meter::new(bus.clone());
        let mut settings =
            Settings::new(&["http://door.test", "http://127.0.0.1:1"]).expect("origins");
        settings.hold = hold;
        let operator = axum::Router::new().fallback(operator);
        let parts = Parts {
            bus: bus.clone(),
            people: people.clone(),
            routes: routes.clone(),
            leases: Arc::new(Derived),
            meter: meter.clone(),
            operator,
            settings,
        };
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let door = listener.local_addr().expect("an address");
        let shutdown = CancellationToken::new();
        tokio::spawn(serve(listener, Router::new(parts), shutdown.clone()));
        let _open = shutdown.clone().drop_guard();
        Self { door, journal, people, routes, clock, bus, meter, shutdown, _open }
    }

    pub(crate) fn get(&self, path: &str) -> Call {
        Call::new(self.door, Method::GET, path)
    }

    pub(crate) fn post(&self, path: &str) -> Call {
        Call::new(self.door, Method::POST, path)
    }

    /// Logs somebody in and gives the session's token.
    pub(crate) fn session(&self, name: &str) -> String {
        let token = format!("session-of-{name}");
        let until = self.clock.now().saturating_add(SignedDuration::from_hours(1));
        let mut sessions = self.people.sessions.lock().expect("sessions");
        sessions.insert(token.clone(), (person(name), until.expect("a time")));
        token
    }

    /// Records a fact.
    pub(crate) async fn tell(&self, name: &str, event: Event) {
        let tell = |_: &events::Workspace, _: Timestamp| vec![event.clone()];
        self.bus.put("/test", &id(name), None, tell).await.expect("recorded");
    }

    pub(crate) async fn starts(&self, name: &str) {
        self.tell(name, Event::StartRequested { generation: Gen(1), cause: StartCause::Login })
            .await;
    }

    /// The newest generation becomes ready, with this agent.
    pub(crate) async fn gets_ready(&self, name: &str, agent: &Agent) {
        let generation = self.journal.fold(&id(name)).workspace.generation();
        let attempt = Attempt(1);
        self.route(name, Route { generation, attempt, address: agent.address });
        self.tell(name, Event::Ready { generation, attempt }).await;
        assert_eq!(self.status(name), Status::Ready);
    }

    /// An agent that is up, and its person's session.
    pub(crate) async fn up(&self, name: &'static str) -> (Agent, String) {
        let agent = Agent::start(name).await;
        self.starts(name).await;
        self.gets_ready(name, &agent).await;
        (agent, self.session(name))
    }

    /// Idle and stopped.
    pub(crate) async fn sleeps(&self, name: &str) {
        let generation = self.journal.fold(&id(name)).workspace.generation();
        let reason = StopReason::Idle { last_active: Timestamp::UNIX_EPOCH };
        self.tell(name, Event::StopRequested { generation, reason: reason.clone() }).await;
        self.routes.0.lock().expect("routes").remove(&id(name));
        self.tell(name, Event::Stopped { generation, reason }).await;
        assert_eq!(self.status(name), Status::Asleep);
    }

    /// The start at hand is refused and unwound.
    pub(crate) async fn fails(&self, name: &str, words: &str) {
        let (generation, attempt, step) = (Gen(1), Attempt(1), Step::RunTask);
        let reason = Reason::new(ReasonClass::MissingProgram, words).with_hint("Install it");
        let refused = Event::StepRefused { generation, attempt, step, reason: reason.clone() };
        self.tell(name, refused).await;
        self.tell(name, Event::Failed { generation, attempt, step, reason }).await;
        assert_eq!(self.status(name), Status::Failed);
    }

    pub(crate) fn route(&self, name: &str, route: Route) {
        self.routes.0.lock().expect("routes").insert(id(name), route);
    }

    pub(crate) fn status(&self, name: &str) -> Status {
        self.journal.fold(&id(name)).workspace.status()
    }

    /// How many starts were asked for, ever.
    pub(crate) fn starts_of(&self, name: &str) -> usize {
        let all = self.journal.all(&id(name));
        all.iter().filter(|fact| matches!(fact.event, Event::StartRequested { .. })).count()
    }

    /// How many uses are written down.
    pub(crate) async fn uses_of(&self, name: &str) -> usize {
        self.meter.flush().await;
        let all = self.journal.all(&id(name));
        all.iter().filter(|fact| matches!(fact.event, Event::Active { .. })).count()
    }
}

pub(crate) fn id(name: &str) -> WorkspaceId {
    name.parse().expect("a name")
}

pub(crate) fn person(name: &str) -> Person {
    Person { id: id(name), team: "team".parse().expect("a name"), admin: false }
}

async fn operator(peer: ConnectInfo<SocketAddr>, uri: Uri, headers: HeaderMap) -> String {
    let cookie = headers.contains_key("cookie");
    format!("operator {} {} cookie:{cookie}", peer.0.ip(), uri.path())
}
