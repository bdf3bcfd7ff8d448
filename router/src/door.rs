//! The way of every request: what its path is for, who it comes from, whether they meant it,
//! whether their workspace is up, and then on to it.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::extract::ConnectInfo;
use bytes::Bytes;
use events::WorkspaceId;
use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use http::{Request, Response, StatusCode};
use ports::{Fault, Leases, People, Routes};
use producers::Bus;
use producers::activity::Meter;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower::ServiceExt;

use crate::admit::{Admission, Ask};
use crate::answer::{self, Body, error};
use crate::headers::is_websocket;
use crate::origin::{Vouch, vouch};
use crate::own::{message_page, waiting_page};
use crate::paths::{Crooked, Place, check_for_agent, place};
use crate::seats::Seats;
use crate::settings::Settings;
use crate::view::View;
use crate::who::{self, By, Caller};

/// How many of one person's requests wait for their workspace at once: a page's worth.
const WAITING_MAX: usize = 64;

/// How many live pages one person has open at once.
const LIVE_MAX: usize = 16;

/// Browsers send it with the script of a service worker.
const SERVICE_WORKER: HeaderName = HeaderName::from_static("service-worker");

/// What the front door is put together from.
pub struct Parts {
    /// Where facts go and what is known.
    pub bus: Bus,
    /// Sessions.
    pub people: Arc<dyn People>,
    /// Which address is whose.
    pub routes: Arc<dyn Routes>,
    /// By which header an agent knows its router.
    pub leases: Arc<dyn Leases>,
    /// Where a person's use is noted.
    pub meter: Meter,
    /// The operator's interface. It gets every request under `/api/` that carries no session
    /// cookie, with `ConnectInfo<SocketAddr>`, and authenticates it itself. One with the cookie is
    /// a browser's and goes to the agent: a page that an agent made has the same origin, and must
    /// not be able to act as an administrator who opened it.
    pub operator: axum::Router,
    /// Origins and times.
    pub settings: Settings,
}

/// The front door. Cheap to clone.
#[derive(Clone)]
pub struct Router(Arc<Inner>);

struct Inner {
    parts: Parts,
    waiting: Seats,
    live: Seats,
    tunnels: TaskTracker,
    shut: CancellationToken,
}

impl Router {
    /// Puts the door together.
    pub fn new(parts: Parts) -> Self {
        Self(Arc::new(Inner {
            parts,
            waiting: Seats::new(WAITING_MAX),
            live: Seats::new(LIVE_MAX),
            tunnels: TaskTracker::new(),
            shut: CancellationToken::new(),
        }))
    }

    pub(crate) fn bus(&self) -> &Bus {
        &self.0.parts.bus
    }

    pub(crate) fn people(&self) -> &dyn People {
        &*self.0.parts.people
    }

    pub(crate) fn routes(&self) -> &dyn Routes {
        &*self.0.parts.routes
    }

    pub(crate) fn leases(&self) -> &dyn Leases {
        &*self.0.parts.leases
    }

    pub(crate) fn meter(&self) -> &Meter {
        &self.0.parts.meter
    }

    pub(crate) fn settings(&self) -> &Settings {
        &self.0.parts.settings
    }

    pub(crate) fn waiting(&self) -> &Seats {
        &self.0.waiting
    }

    pub(crate) fn live_seats(&self) -> &Seats {
        &self.0.live
    }

    pub(crate) fn tunnels(&self) -> &TaskTracker {
        &self.0.tunnels
    }

    /// Cancelled when the door shuts: long answers and tunnels end.
    pub(crate) fn shut(&self) -> &CancellationToken {
        &self.0.shut
    }

    /// Answers one request. It must come from a hyper connection `with_upgrades`, or WebSockets
    /// cannot be joined.
    pub async fn handle<B>(&self, peer: SocketAddr, request: Request<B>) -> Response<Body>
    where
        B: hyper::body::Body<Data = Bytes> + Send + 'static,
        B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        let request = request.map(Body::new);
        if request.headers().get_all(header::HOST).iter().count() > 1 {
            return error(StatusCode::BAD_REQUEST, "The request names two hosts.");
        }
        match place(request.method(), request.uri()) {
            Err(crooked) => refuse(crooked),
            Ok(Place::Own(own)) => self.own(own, request).await,
            Ok(Place::Api) if !who::has_cookie(request.headers()) => {
                self.operate(peer, request).await
            }
            Ok(Place::Api | Place::Agent) => self.pass(peer, request).await,
        }
    }

    async fn operate(&self, peer: SocketAddr, mut request: Request<Body>) -> Response<Body> {
        request.extensions_mut().insert(ConnectInfo(peer));
        let answer = self.0.parts.operator.clone().oneshot(request).await;
        answer.unwrap_or_else(|never| match never {})
    }

    /// Passes a request on to its person's agent.
    async fn pass(&self, peer: SocketAddr, request: Request<Body>) -> Response<Body> {
        if let Err(crooked) = check_for_agent(request.uri().path()) {
            return refuse(crooked);
        }
        if request.headers().contains_key(SERVICE_WORKER) {
            // It would see this origin's log-in links and outlive the agent that planted it.
            return error(
                StatusCode::FORBIDDEN,
                "An agent's page may not install a service worker.",
            );
        }
        let caller = match self.caller(request.headers()).await {
            Ok(Some(caller)) => caller,
            Ok(None) => return not_logged_in(&request),
            Err(fault) => return answer::fault(&fault),
        };
        let websocket = is_websocket(request.headers());
        let acts = websocket || !request.method().is_safe();
        if acts && let Err(refusal) = self.meant(&caller, &request) {
            return *refusal;
        }
        let ask = Ask::of(request.method(), request.headers(), caller.by, websocket);
        match self.admit(caller.id(), ask).await {
            Ok(Admission::Open(route)) => {
                let id = caller.id().clone();
                match self.forward(caller, route, peer, request).await {
                    Ok(answer) => answer,
                    Err(_gone) => self.silent(&id, ask).await,
                }
            }
            Ok(Admission::Page(view)) => waiting_page(&view),
            Ok(Admission::Closed(words, view)) => closed(&words, &view),
            Err(fault) => answer::fault(&fault),
        }
    }

    /// Whose request it is.
    pub(crate) async fn caller(&self, headers: &HeaderMap) -> Result<Option<Caller>, Fault> {
        who::caller(self.people(), headers, self.bus().now()).await
    }

    /// Whether the person meant a request that acts: by cookie, only a page of ours may ask.
    pub(crate) fn meant(
        &self,
        caller: &Caller,
        request: &Request<Body>,
    ) -> Result<(), Box<Response<Body>>> {
        let from = vouch(request.headers(), self.settings().origins());
        if caller.by == By::Bearer || from == Vouch::Own {
            return Ok(());
        }
        let words = "The request does not come from a page of this address. Open the address that \
            you were given, or use a token.";
        Err(Box::new(error(StatusCode::FORBIDDEN, words)))
    }

    /// Where a person's workspace stands now.
    pub(crate) async fn view(&self, id: &WorkspaceId) -> Result<View, Fault> {
        let loaded = self.bus().journal().load(id).await?;
        Ok(View::of(id, &loaded.workspace, self.bus().policy(), self.bus().now()))
    }

    /// The answer for a workspace that is ready and takes no connection: it has just ended, and
    /// the engine will notice.
    async fn silent(&self, id: &WorkspaceId, ask: Ask) -> Response<Body> {
        match self.view(id).await {
            Ok(view) if ask.page => waiting_page(&view),
            Ok(view) => {
                closed("Your agent does not answer just now. Try again in a moment.", &view)
            }
            Err(fault) => answer::fault(&fault),
        }
    }
}

fn closed(words: &str, view: &View) -> Response<Body> {
    let value = serde_json::json!({ "error": words, "status": view.status, "step": view.step });
    answer::retry(answer::json(StatusCode::SERVICE_UNAVAILABLE, &value))
}

fn refuse(crooked: Crooked) -> Response<Body> {
    match crooked {
        Crooked::Form => error(StatusCode::BAD_REQUEST, "This is no proxy; ask for a path."),
        Crooked::Path => error(StatusCode::BAD_REQUEST, "The path can be read in two ways."),
        Crooked::Engine => error(StatusCode::FORBIDDEN, "This is for the engine alone."),
    }
}

/// What somebody gets who is not logged in: a page for a person, words for a program.
pub(crate) fn not_logged_in(request: &Request<Body>) -> Response<Body> {
    let accepts = request.headers().get(header::ACCEPT).and_then(|value| value.to_str().ok());
    let words = "Open the log-in link that you were given. Your administrator makes a new one \
        with: teamclaw login";
    let mut answer = if accepts.is_some_and(|text| text.contains("text/html")) {
        message_page(StatusCode::UNAUTHORIZED, "You are not logged in", words)
    } else {
        error(StatusCode::UNAUTHORIZED, &format!("You are not logged in. {words}"))
    };
    answer.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
    answer
}
