//! WebSockets of OpenAI's: Responses in WebSocket mode and Realtime. Every byte passes as it came,
//! both ways; the frames are only read, so that each response on the socket is counted as a request
//! of its own.
//!
//! Absences: no frame is changed, merged or held back but for the last piece of a message that is
//! being written down; no extension is agreed on; no message is kept, however long it is.

mod dial;
mod frames;
mod handshake;
mod open;
mod session;
mod tunnel;

use std::sync::Arc;

use events::Secret;
use http::{HeaderMap, Method, Response, StatusCode};
use hyper::upgrade::OnUpgrade;
use ports::Lease;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};

use crate::answer;
use crate::body::{Out, full};
use crate::call::Call;
use crate::providers::{Found, Provider};
use crate::proxy::Sidecar;
use crate::refusal::{Kind, Refusal, tell_attempts};
use crate::target::Target;
use dial::Dialled;
pub(crate) use handshake::Handshake;
use session::Session;
use tunnel::Tunnel;

/// How many sockets there are at once: as many as connections. Each holds two connections and two
/// pieces of 16 KiB.
const SOCKETS_MAX: usize = 1024;

/// How far the sidecar's own end has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Stage {
    Serving,
    /// Responses under way may end, nothing new begins.
    Stopping,
    /// Every socket ends now.
    Cut,
}

/// Every socket that is open, as far as the sidecar's end must know of them.
pub(crate) struct Sockets {
    stage: watch::Sender<Stage>,
    room: Arc<Semaphore>,
}

/// One socket's place, and how far the end has come.
struct Seat {
    stage: watch::Receiver<Stage>,
    _place: OwnedSemaphorePermit,
}

impl Default for Sockets {
    fn default() -> Self {
        let room = Arc::new(Semaphore::new(SOCKETS_MAX));
        Self { stage: watch::Sender::new(Stage::Serving), room }
    }
}

impl Sockets {
    fn seat(&self) -> Option<Seat> {
        let place = Arc::clone(&self.room).try_acquire_owned().ok()?;
        let stage = self.stage.subscribe();
        let serving = *stage.borrow() == Stage::Serving;
        serving.then_some(Seat { stage, _place: place })
    }

    /// From now on no response begins, and a socket without one ends.
    pub(crate) fn stop(&self) {
        self.stage.send_replace(Stage::Stopping);
    }

    /// Waits until there is none.
    pub(crate) async fn ended(&self) {
        self.stage.closed().await;
    }

    /// Ends every socket; what was under way is counted as far as it was seen.
    pub(crate) async fn cut(&self) {
        self.stage.send_replace(Stage::Cut);
        self.stage.closed().await;
    }
}

/// A request for a socket, whose token is good.
pub(crate) struct Asked<'a> {
    pub(crate) headers: &'a HeaderMap,
    pub(crate) handshake: &'a Handshake,
    /// What the client's connection becomes.
    pub(crate) upgrade: Option<OnUpgrade>,
    pub(crate) provider: Arc<Provider>,
    pub(crate) target: &'a Target<'a>,
    pub(crate) token: Secret,
    pub(crate) lease: Arc<Lease>,
}

/// Opens a socket to the provider, answers the client's handshake with the provider's, and joins
/// the two.
pub(crate) async fn open(
    sidecar: &Arc<Sidecar>,
    asked: Asked<'_>,
) -> Result<Response<Out>, Refusal> {
    let Asked { headers, handshake, upgrade, provider, target, token, lease } = asked;
    let Ok(Found { path, api: Some(api), .. }) = provider.socket(target.path) else {
        let words = "WebSocket is not served on this path; use the HTTP API";
        return Err(Refusal::new(Kind::BadRequest, words));
    };
    let uri = answer::place(&provider, &path, target)?;
    let turn = answer::turn(sidecar, &lease)?;
    let seat = sidecar.sockets.seat().ok_or_else(|| {
        Refusal::new(Kind::Unavailable, "too many WebSockets are open; try again").after(1)
    })?;
    let client = upgrade.ok_or_else(|| {
        Refusal::new(Kind::BadRequest, "this connection cannot become a WebSocket")
    })?;
    let tries = answer::keys(sidecar, &provider, &lease).await?;
    let call = Call {
        method: Method::GET,
        uri,
        headers: headers.clone(),
        provider: Arc::clone(&provider),
        asked_usage: false,
    };
    let mut attempts = 0;
    let dialled = call.dial(sidecar, tries, handshake, &mut attempts).await;
    let mut response = match dialled.map_err(|refusal| refusal.tried(attempts))? {
        Dialled::Refused(response) => response,
        Dialled::Open { upgraded, attempt, headers } => {
            let sidecar = Arc::clone(sidecar);
            let model = target.value("model").unwrap_or_default().to_owned();
            let session = Session { sidecar, provider, api, token, model, attempt, _turn: turn };
            tokio::spawn(async move {
                // A client that left during the handshake has nothing to be told.
                if let Ok(client) = client.await {
                    Tunnel::new(session, seat).run(client, upgraded).await;
                }
            });
            let mut response = Response::new(full(bytes::Bytes::new()));
            *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
            *response.headers_mut() = headers;
            response
        }
    };
    tell_attempts(response.headers_mut(), attempts);
    Ok(response)
}

/// For the fuzz targets.
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) mod fuzzing {
    use super::frames::{Frames, Piece};

    pub(crate) fn messages<'a>(
        client: bool,
        parts: impl Iterator<Item = &'a [u8]>,
    ) -> (Vec<Vec<u8>>, String) {
        let mut frames = if client { Frames::of_client() } else { Frames::of_server() };
        let mut messages = vec![Vec::new()];
        for mut part in parts {
            loop {
                match frames.next(&mut part) {
                    Ok(Some(Piece::Data(data))) => {
                        messages.last_mut().into_iter().for_each(|m| m.extend_from_slice(data));
                    }
                    Ok(Some(Piece::End)) => messages.push(Vec::new()),
                    Ok(Some(Piece::Close)) => return (messages, "closed".to_owned()),
                    Ok(None) => break,
                    Err(odd) => return (messages, odd.to_string()),
                }
            }
        }
        (messages, "open".to_owned())
    }
}
