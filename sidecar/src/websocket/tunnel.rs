//! Two ends of a WebSocket joined: every byte passes as it came, at the pace of who reads it, and
//! the accounts read along. One end that is gone ends the other.

use std::convert::Infallible;
use std::io;
use std::time::Duration;

use hyper::upgrade::Upgraded;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncReadExt, AsyncWriteExt, ReadHalf, WriteHalf};
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until, timeout};

use super::frames::{self, Frames, Odd, Piece};
use super::session::{Accounts, Session};
use super::{Seat, Stage};
use crate::meter;
use crate::refusal::{Kind, Refusal};
use crate::relay::SILENCE_MAX;
use crate::scan::Scan;

/// Bytes that are under way in each direction at the most.
const PIECE: usize = 16 * 1024;
/// How long a socket may rest between responses: a person thinks, or is away for lunch. OpenAI ends
/// one after an hour (platform.openai.com/docs/guides/websocket-mode).
const REST_MAX: Duration = Duration::from_secs(30 * 60);
/// How often somebody looks whether it has rested or been silent for too long.
const LOOKED_EVERY: Duration = Duration::from_secs(15);
/// How long the message at hand may take to its end when the socket is to be closed after it.
const CLOSING_MAX: Duration = Duration::from_secs(10);
/// How long the client may take to hang up once it was told to. Who hangs up first with bytes
/// unread takes the last words away from the other.
const LINGER: Duration = Duration::from_secs(2);

type Reads = ReadHalf<TokioIo<Upgraded>>;
type Writes = WriteHalf<TokioIo<Upgraded>>;

/// How the sidecar itself ends a socket: what the client is told.
#[derive(Clone, Debug)]
struct Ending {
    event: Option<String>,
    code: u16,
}

impl Ending {
    /// The sidecar goes away (RFC 6455, section 7.4.1).
    const GOING_AWAY: Self = Self { event: None, code: 1001 };

    /// A response may not begin; 1008 is a policy's word, 1013 says that it may be tried again.
    fn refused(refusal: &Refusal) -> Self {
        let code = if refusal.retry_after.is_some() { 1013 } else { 1008 };
        Self { event: Some(refusal.event()), code }
    }

    fn odd(odd: Odd) -> Self {
        let words = format!("this WebSocket cannot be read: {odd}");
        Self { event: Some(Refusal::new(Kind::BadRequest, words).event()), code: odd.code() }
    }
}

/// Why one direction is over.
enum Over {
    /// Its sender hung up, or its receiver is gone.
    Gone,
    /// The client is told something before.
    Ending(Ending),
}

impl From<io::Error> for Over {
    fn from(_gone: io::Error) -> Self {
        Self::Gone
    }
}

/// A socket, ready to be joined.
pub(super) struct Tunnel {
    session: Session,
    accounts: Accounts,
    seat: Seat,
    until: Instant,
}

impl Tunnel {
    pub(super) fn new(session: Session, seat: Seat) -> Self {
        let until = Instant::now() + session.sidecar.total_max;
        Self { session, accounts: Accounts::new(), seat, until }
    }

    /// Joins both ends until one is gone or the sidecar ends it. What is still under way then is
    /// counted as far as it was seen.
    pub(super) async fn run(self, client: Upgraded, provider: Upgraded) {
        let mut stage = self.seat.stage.clone();
        tokio::select! {
            biased;
            () = until(&mut stage, Stage::Cut) => {}
            () = self.join(client, provider) => {}
        }
    }

    async fn join(&self, client: Upgraded, provider: Upgraded) {
        let Self { session, accounts, seat, until } = self;
        let (mut client_reads, client_writes) = tokio::io::split(TokioIo::new(client));
        let (provider_reads, provider_writes) = tokio::io::split(TokioIo::new(provider));
        let (tell, told) = watch::channel(None);
        let up = up(session, accounts, &seat.stage, &mut client_reads, provider_writes);
        let mut down = Box::pin(down(session, accounts, provider_reads, client_writes, told));
        let ending = tokio::select! {
            biased;
            () = &mut down => None,
            over = up => match over {
                Ok(never) => match never {},
                // Nobody is left to be told anything.
                Err(Over::Gone) => return,
                Err(Over::Ending(ending)) => Some(ending),
            },
            () = overdue(accounts, *until) => Some(Ending::GOING_AWAY),
            () = stopping(accounts, seat.stage.clone()) => Some(Ending::GOING_AWAY),
        };
        if ending.is_some() {
            tell.send_replace(ending);
            if timeout(CLOSING_MAX, down).await.is_err() {
                return;
            }
        }
        accounts.close();
        let _late = timeout(LINGER, discard(client_reads)).await;
    }
}

/// Ready when this stage has come.
async fn until(now: &mut watch::Receiver<Stage>, stage: Stage) {
    // Without a sender nobody is left to be waited for.
    let _gone = now.wait_for(|now| *now >= stage).await;
}

/// What the client sends, on its way to the provider. A message that asks for a response reaches
/// the provider only once it is written down.
async fn up(
    session: &Session,
    accounts: &Accounts,
    stage: &watch::Receiver<Stage>,
    from: &mut Reads,
    mut to: Writes,
) -> Result<Infallible, Over> {
    let (mut frames, mut scan, mut length) = (Frames::of_client(), Scan::default(), 0_u64);
    let mut buffer = vec![0; PIECE];
    loop {
        let n = from.read(&mut buffer).await?;
        if n == 0 {
            return Err(Over::Gone);
        }
        let mut rest = &buffer[..n];
        while let Some(piece) =
            frames.next(&mut rest).map_err(|odd| Over::Ending(Ending::odd(odd)))?
        {
            match piece {
                Piece::Data(data) => {
                    scan.feed(data);
                    length += data.len() as u64;
                }
                Piece::End => {
                    let (found, length) = (scan.finish(), std::mem::take(&mut length));
                    let begins = found.kind.as_deref() == Some("response.create");
                    if begins && *stage.borrow() != Stage::Serving {
                        return Err(Over::Ending(Ending::GOING_AWAY));
                    }
                    let asked = accounts.asked(session, found, length).await;
                    asked.map_err(|refusal| Over::Ending(Ending::refused(&refusal)))?;
                }
                Piece::Close => {}
            }
        }
        to.write_all(&buffer[..n]).await?;
        to.flush().await?;
        accounts.heard(false);
    }
}

/// What the provider sends, on its way to the client, until it hangs up or the client was told the
/// sidecar's own last words, which are put in between two messages.
async fn down(
    session: &Session,
    accounts: &Accounts,
    from: Reads,
    mut to: Writes,
    mut told: watch::Receiver<Option<Ending>>,
) {
    let over = pass_down(session, accounts, from, &mut to, &mut told).await;
    if let Err(Over::Ending(ending)) = over {
        let event = ending.event.as_deref().map(frames::text).unwrap_or_default();
        let last = [event, frames::close(ending.code)].concat();
        // A client that reads no more is not waited for.
        let _gone = timeout(CLOSING_MAX, to.write_all(&last)).await;
    }
    let _gone = to.shutdown().await;
}

async fn pass_down(
    session: &Session,
    accounts: &Accounts,
    mut from: Reads,
    to: &mut Writes,
    told: &mut watch::Receiver<Option<Ending>>,
) -> Result<Infallible, Over> {
    let (mut frames, mut scan) = (Frames::of_server(), meter::scan_of_messages(session.api));
    let mut buffer = vec![0; PIECE];
    loop {
        let between = frames.is_between_messages();
        let n = tokio::select! {
            biased;
            ending = asked_to_end(told), if between => return Err(Over::Ending(ending)),
            n = from.read(&mut buffer) => n?,
        };
        if n == 0 {
            return Err(Over::Gone);
        }
        accounts.heard(true);
        let mut rest = &buffer[..n];
        let mut ending = None;
        while let Some(piece) = frames.next(&mut rest).map_err(|odd| unread(odd, between))? {
            match piece {
                Piece::Data(data) => {
                    scan.feed(data);
                }
                Piece::End => {
                    let asked = accounts.told(session, scan.finish()).await;
                    ending = asked.err().map(|refusal| Ending::refused(&refusal));
                    ending = ending.or_else(|| told.borrow().clone());
                    if ending.is_some() {
                        break;
                    }
                }
                Piece::Close => {}
            }
        }
        let passed = n - rest.len();
        to.write_all(&buffer[..passed]).await?;
        to.flush().await?;
        if let Some(ending) = ending {
            return Err(Over::Ending(ending));
        }
    }
}

/// A provider whose bytes are no frames. The client can be told so between two messages alone.
fn unread(odd: Odd, between: bool) -> Over {
    tracing::warn!(%odd, "a provider sent no WebSocket frames");
    if between { Over::Ending(Ending { event: None, code: odd.code() }) } else { Over::Gone }
}

async fn asked_to_end(told: &mut watch::Receiver<Option<Ending>>) -> Ending {
    match told.wait_for(Option::is_some).await.ok().and_then(|ending| ending.clone()) {
        Some(ending) => ending,
        // Nobody can ask any more; the ends themselves decide.
        None => std::future::pending().await,
    }
}

/// Ready when the socket has rested for too long, the provider was silent within a response, or
/// its time is up.
async fn overdue(accounts: &Accounts, until: Instant) {
    loop {
        let (heard, provider_heard) = accounts.silent_since();
        let rest = heard + REST_MAX;
        let silence = if accounts.open() > 0 { provider_heard + SILENCE_MAX } else { rest };
        let due = until.min(silence);
        let now = Instant::now();
        if due <= now {
            return;
        }
        sleep_until(due.min(now + LOOKED_EVERY)).await;
    }
}

/// Ready when the sidecar stops and nothing is under way here.
async fn stopping(accounts: &Accounts, mut stage: watch::Receiver<Stage>) {
    until(&mut stage, Stage::Stopping).await;
    while accounts.open() > 0 {
        accounts.quiet.notified().await;
    }
}

/// Reads to the end.
async fn discard(mut from: Reads) {
    let mut buffer = vec![0; PIECE];
    while from.read(&mut buffer).await.is_ok_and(|n| n > 0) {}
}
