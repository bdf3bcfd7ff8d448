//! A provider with a gate: it takes only the keys that are good right now, does with each key what
//! it was told to, and holds answers open until it is told to let go.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::future::Future;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use hyper::body::{Body, Frame, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::sync::{Semaphore, watch};

use super::rig::listener;

/// The answer to a good request; the stream's end waits until the gate lets go.
const ANSWER: &str = r#"{"model":"claude-haiku-4-5","usage":{"input_tokens":1,"output_tokens":1}}"#;

/// What the provider does with a key.
#[derive(Clone, Debug)]
pub struct Manners {
    pub status: u16,
    pub headers: Vec<(&'static str, String)>,
    pub body: String,
}

impl Manners {
    /// It takes the key.
    pub fn good() -> Self {
        Self { status: 200, headers: Vec::new(), body: ANSWER.to_owned() }
    }

    /// It refuses the key with this status, in its own words.
    pub fn refuses(status: u16) -> Self {
        let body = format!(r#"{{"error":{{"type":"its_own","message":"no, says {status}"}}}}"#);
        Self { status, headers: Vec::new(), body }
    }

    /// With a header more.
    pub fn with(mut self, name: &'static str, value: &str) -> Self {
        self.headers.push((name, value.to_owned()));
        self
    }
}

/// The provider. A key that it was told nothing of gets 401.
pub struct Gate {
    pub address: SocketAddr,
    keys: Mutex<BTreeMap<String, Manners>>,
    /// Each request's key, in order.
    asked: watch::Sender<Vec<String>>,
    /// Whether the heads of answers are held back.
    open: watch::Sender<bool>,
    /// One permit lets one held answer end.
    ends: Arc<Semaphore>,
    holds: bool,
}

impl Gate {
    /// A provider whose answers end at once.
    pub async fn new() -> Arc<Self> {
        Self::started(false).await
    }

    /// A provider whose good answers end when [`Gate::let_go`] says so.
    pub async fn holding() -> Arc<Self> {
        Self::started(true).await
    }

    async fn started(holds: bool) -> Arc<Self> {
        let (listener, address) = listener().await;
        let this = Arc::new(Self {
            address,
            keys: Mutex::default(),
            asked: watch::Sender::default(),
            open: watch::Sender::new(true),
            ends: Arc::new(Semaphore::new(0)),
            holds,
        });
        let serving = Arc::clone(&this);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                // Without it a held end waits for an acknowledgement; a refusal changes the pace.
                let _slower = stream.set_nodelay(true);
                let this = Arc::clone(&serving);
                let service = service_fn(move |request| {
                    let this = Arc::clone(&this);
                    async move { Ok::<_, Infallible>(this.answer(request).await) }
                });
                tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), service));
            }
        });
        this
    }

    /// From now on the provider does this with a key.
    pub fn set(&self, key: &str, manners: Manners) {
        self.keys.lock().expect("no panic").insert(key.to_owned(), manners);
    }

    /// From now on it does not know the key.
    pub fn revoke(&self, key: &str) {
        self.keys.lock().expect("no panic").remove(key);
    }

    /// The keys that it was asked with by now, in order.
    pub fn asked(&self) -> Vec<String> {
        self.asked.borrow().clone()
    }

    /// Waits until it was asked so often.
    pub async fn until_asked(&self, times: usize) {
        let mut asked = self.asked.subscribe();
        asked.wait_for(|asked| asked.len() >= times).await.expect("the gate is there");
    }

    /// Holds the heads of answers back from now on, or no longer.
    pub fn shut(&self, shut: bool) {
        self.open.send_replace(!shut);
    }

    /// Lets so many held answers end.
    pub fn let_go(&self, answers: usize) {
        self.ends.add_permits(answers);
    }

    async fn answer(&self, request: Request<Incoming>) -> Response<Held> {
        let key = request.headers().get("x-api-key").and_then(|key| key.to_str().ok());
        let key = key.unwrap_or_default().to_owned();
        let _read = request.into_body().collect().await.expect("a whole body");
        self.asked.send_modify(|asked| asked.push(key.clone()));
        self.open.subscribe().wait_for(|open| *open).await.expect("the gate is there");
        let manners = self.keys.lock().expect("no panic").get(&key).cloned();
        let manners = manners.unwrap_or_else(|| Manners::refuses(401));
        let ends = (self.holds && manners.status == 200).then(|| Arc::clone(&self.ends));
        let mut response =
            Response::builder().status(manners.status).header("content-type", "application/json");
        for (name, value) in manners.headers {
            response = response.header(name, value);
        }
        let body = Held { data: Full::new(Bytes::from(manners.body)), end: ends.map(end) };
        response.body(body).expect("an answer")
    }
}

type End = Pin<Box<dyn Future<Output = ()> + Send>>;

fn end(ends: Arc<Semaphore>) -> End {
    Box::pin(async move { ends.acquire().await.expect("never closed").forget() })
}

/// A body that comes at once and ends when its end has come.
pub struct Held {
    data: Full<Bytes>,
    end: Option<End>,
}

impl Body for Held {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        if let Poll::Ready(Some(frame)) = Pin::new(&mut self.data).poll_frame(cx) {
            return Poll::Ready(Some(frame));
        }
        match &mut self.end {
            Some(end) => end.as_mut().poll(cx).map(|()| None),
            None => Poll::Ready(None),
        }
    }
}
