//! Passes one request to an agent and its answer back, each as it streams.
//!
//! One connection a request: an agent is on this machine or next to it, a connection costs less
//! than a millisecond there, and none is left that an older agent once answered on. A client that
//! goes away takes its request with it: dropping the future closes the connection.

use std::net::SocketAddr;
use std::time::Duration;

use http::{Request, Response, StatusCode, Uri};
use hyper::client::conn::http1;
use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;
use ports::Route;
use tokio::net::TcpStream;

use crate::answer::{Body, error, retry};
use crate::door::Router;
use crate::frames::Reader;
use crate::headers::{self, Introduction};
use crate::relay::Relay;
use crate::who::Caller;
use crate::{activity, tunnel};

/// How long an agent may take to accept a connection. It is near; one that takes longer is gone.
const CONNECT_WAIT_MAX: Duration = Duration::from_secs(5);

/// How often an open tunnel asks whether its session is still good: how late a log-out may be.
const SESSION_CHECK_EVERY: Duration = Duration::from_secs(5);

/// The agent takes no connections; nothing was sent.
pub(crate) struct Gone;

impl Router {
    /// Sends a request to an agent and gives its answer as it begins.
    pub(crate) async fn forward(
        &self,
        caller: Caller,
        route: Route,
        peer: SocketAddr,
        mut request: Request<Body>,
    ) -> Result<Response<Body>, Gone> {
        let id = caller.id().clone();
        let websocket = headers::is_websocket(request.headers());
        let counts = activity::is_input(request.method(), request.uri().path());
        let client_side = websocket.then(|| hyper::upgrade::on(&mut request));
        let pass = self.leases().pass(&id, route.generation, route.attempt);
        let introduction = Introduction {
            person: &id,
            pass: &pass,
            peer: peer.ip(),
            secure: self.settings().is_secure(),
        };
        if headers::for_agent(request.headers_mut(), &introduction).is_none() {
            tracing::error!(%id, "the pass is no header name");
            return Ok(error(StatusCode::INTERNAL_SERVER_ERROR, "Your agent cannot be addressed."));
        }
        if websocket {
            headers::set_websocket(request.headers_mut());
        }
        *request.uri_mut() = origin_form(request.uri());
        let mut sender = connect(route.address).await.map_err(|error| {
            tracing::warn!(%id, %error, "an agent takes no connection");
            Gone
        })?;
        if counts {
            self.meter().note(&id, events::Activity::UserInput);
        }
        match sender.send_request(request).await {
            Ok(answer) => {
                let answer = answer.map(|body| Body::new(Relay::new(body)));
                Ok(self.answered(caller, answer, client_side))
            }
            Err(error) => {
                tracing::warn!(%id, %error, "an agent broke off");
                Ok(broke_off())
            }
        }
    }

    fn answered(
        &self,
        caller: Caller,
        mut answer: Response<Body>,
        client_side: Option<OnUpgrade>,
    ) -> Response<Body> {
        let switches = answer.status() == StatusCode::SWITCHING_PROTOCOLS;
        let is_websocket = headers::is_websocket(answer.headers());
        let agent_side = hyper::upgrade::on(&mut answer);
        headers::for_client(answer.headers_mut());
        if !switches {
            return answer;
        }
        let Some(client_side) = client_side.filter(|_| is_websocket) else {
            return broke_off();
        };
        headers::set_websocket(answer.headers_mut());
        self.open_tunnel(caller, client_side, agent_side);
        answer
    }

    fn open_tunnel(&self, caller: Caller, client_side: OnUpgrade, agent_side: OnUpgrade) {
        let door = self.clone();
        self.tunnels().spawn(async move {
            let Ok((client, agent)) = tokio::try_join!(client_side, agent_side) else { return };
            let id = caller.id().clone();
            let mut reader = Reader::default();
            let tap = |bytes: &[u8]| {
                reader.read(bytes, |message| {
                    if activity::is_input_message(message) {
                        door.meter().note(&id, events::Activity::UserInput);
                    }
                });
            };
            tunnel::join(client, agent, tap, door.session_ends(&caller)).await;
        });
    }

    /// Over when the session is no longer good, or the door shuts. A store that does not answer
    /// ends nobody's conversation.
    async fn session_ends(&self, caller: &Caller) {
        let lapses = async {
            loop {
                tokio::time::sleep(SESSION_CHECK_EVERY).await;
                if !self.is_still(caller).await {
                    return;
                }
            }
        };
        tokio::select! {
            biased;
            () = self.shut().cancelled() => {}
            () = lapses => {}
        }
    }

    /// Whether a session is still good.
    pub(crate) async fn is_still(&self, caller: &Caller) -> bool {
        let found = self.people().find(caller.token.expose(), self.bus().now()).await;
        found.map_or(true, |person| person.is_some_and(|person| person.id == caller.person.id))
    }
}

async fn connect(address: SocketAddr) -> Result<http1::SendRequest<Body>, std::io::Error> {
    let connecting = tokio::time::timeout(CONNECT_WAIT_MAX, TcpStream::connect(address));
    let stream = connecting.await.map_err(|_| std::io::ErrorKind::TimedOut)??;
    stream.set_nodelay(true)?;
    let shake = http1::handshake(TokioIo::new(stream)).await;
    let (sender, connection) = shake.map_err(std::io::Error::other)?;
    // Ends with the answer, or when the sender and the answer's body are dropped.
    tokio::spawn(async move {
        if let Err(error) = connection.with_upgrades().await {
            tracing::debug!(%error, "a connection to an agent ended");
        }
    });
    Ok(sender)
}

/// Only path and query: where the request goes was decided by the session.
fn origin_form(uri: &Uri) -> Uri {
    uri.path_and_query().cloned().map_or_else(Uri::default, Uri::from)
}

fn broke_off() -> Response<Body> {
    let words = "Your agent broke off before it answered. It may have done what you asked.";
    retry(error(StatusCode::BAD_GATEWAY, words))
}
