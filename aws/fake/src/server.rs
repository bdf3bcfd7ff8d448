//! HTTP around the state.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http::{Request as HttpRequest, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};

use crate::request::Request;
use crate::state::{Outcome, State};

/// How often is looked whether something is due when nobody asks.
const TICK_EVERY: Duration = Duration::from_millis(10);

/// Serves until it is dropped.
pub(crate) async fn serve(listener: TcpListener, state: Arc<Mutex<State>>) {
    let mut connections = tokio::task::JoinSet::new();
    let mut ticks = tokio::time::interval(TICK_EVERY);
    loop {
        tokio::select! {
            biased;
            accepted = listener.accept() => {
                if let Ok((stream, _)) = accepted {
                    connections.spawn(answer_all(stream, Arc::clone(&state)));
                }
            }
            _ = ticks.tick() => {
                state.lock().unwrap_or_else(PoisonError::into_inner).tick();
                while connections.try_join_next().is_some() {}
            }
        }
    }
}

async fn answer_all(stream: TcpStream, state: Arc<Mutex<State>>) {
    let service = service_fn(|request| answer(request, Arc::clone(&state)));
    // A connection that breaks is one of the parts that are played.
    let _ = hyper::server::conn::http1::Builder::new()
        .serve_connection(TokioIo::new(stream), service)
        .await;
}

async fn answer(
    request: HttpRequest<Incoming>,
    state: Arc<Mutex<State>>,
) -> Result<Response<Full<Bytes>>, Broken> {
    let (parts, body) = request.into_parts();
    let bytes = body.collect().await.map_err(|_| Broken)?.to_bytes();
    let Some(request) = Request::read(&parts, &bytes) else {
        let mut unknown = Response::new(Full::new(Bytes::from("no call of these services")));
        *unknown.status_mut() = StatusCode::NOT_FOUND;
        return Ok(unknown);
    };
    let outcome = state.lock().unwrap_or_else(PoisonError::into_inner).call(&request);
    let Outcome::Answered(answer, after) = outcome else { return Err(Broken) };
    let (status, headers, body) = answer.written(request.form, &request.call);
    let mut response = Response::builder().status(status);
    for (name, value) in headers {
        response = response.header(name, value);
    }
    if let Some(after) = after {
        response = response.header("retry-after", after.as_secs());
    }
    response.body(Full::new(Bytes::from(body))).map_err(|_| Broken)
}

/// The connection ends without an answer.
#[derive(Debug)]
struct Broken;

impl std::fmt::Display for Broken {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("broken on purpose")
    }
}

impl std::error::Error for Broken {}
