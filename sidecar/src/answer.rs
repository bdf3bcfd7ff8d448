//! One request from its head to the head of its answer: who asks, for what, with which key.

use std::sync::Arc;

use http::{HeaderMap, Method, Request, Response, header};
use hyper::body::Incoming;
use ports::Lease;

use crate::body::{Out, Taken, take};
use crate::call::{Account, Call};
use crate::config;
use crate::form;
use crate::headers;
use crate::include_usage::Asked;
use crate::offer;
use crate::outbox::NoRoom;
use crate::pool::Tries;
use crate::providers::{Api, NotServed, Provider};
use crate::proxy::Sidecar;
use crate::refusal::{Kind, Refusal, Shape};
use crate::tally::Tally;
use crate::target::{Target, good_host};

/// Answers one request; never fails.
pub(crate) async fn answer(sidecar: &Arc<Sidecar>, request: Request<Incoming>) -> Response<Out> {
    let shape = shape_of(sidecar, request.uri().path());
    match admit(sidecar, request).await {
        Ok(response) => response,
        Err(refusal) => refusal.response(shape),
    }
}

/// The shape of an answer to a request that perhaps cannot be understood.
fn shape_of(sidecar: &Sidecar, path: &str) -> Shape {
    let path = path.trim_start_matches('/');
    let (id, rest) = path.split_at(path.find('/').unwrap_or(path.len()));
    let provider = sidecar.upstreams.providers.find(id);
    provider.map_or(Shape::Anthropic, |provider| provider.shape(rest))
}

async fn admit(
    sidecar: &Arc<Sidecar>,
    request: Request<Incoming>,
) -> Result<Response<Out>, Refusal> {
    let (head, body) = request.into_parts();
    check_head(sidecar, &head)?;
    let raw = head.uri.path_and_query().map_or("", |place| place.as_str());
    let target =
        Target::parse(raw).map_err(|odd| Refusal::new(Kind::BadRequest, odd.to_string()))?;
    let provider = sidecar.upstreams.providers.find(target.provider);
    if target.key.is_some() && !provider.is_some_and(|provider| provider.key_in_query()) {
        let words = "the token goes into a header here, not into the address";
        return Err(Refusal::new(Kind::BadRequest, words));
    }
    let lease = lease(sidecar, &head.headers, target.key).await?;
    if target.provider == offer::PLACE {
        return offer::answer(sidecar, &head.method, target.path).await;
    }
    let provider = Arc::clone(provider.ok_or_else(|| no_provider(sidecar))?);
    let found = provider.route(&head.method, target.path).map_err(not_served)?;
    let api = found.api;
    let base = provider.base.as_deref().ok_or_else(|| not_set_up(&provider))?;
    let uri = config::place(base, &found.path, target.query.as_deref())
        .ok_or_else(|| Refusal::new(Kind::BadRequest, "the address cannot be sent on"))?;
    let turn = sidecar.turns.begin(&lease.workspace).ok_or_else(|| {
        let words = "this workspace has too many requests under way; wait for some to end";
        Refusal::new(Kind::KeysRest, words).after(1)
    })?;
    let mut tally = match api {
        None => None,
        Some(api) => {
            let place = sidecar.outbox.reserve().map_err(unrecorded)?;
            let (books, provider) = (sidecar.books.clone(), Arc::clone(&provider));
            Some(Tally::new(books, place, lease.clone(), provider, api))
        }
    };
    let mut body = take(body, &sidecar.holding).await?;
    if let Some(tally) = &mut tally {
        tally.asked_for(found.model.as_deref().unwrap_or_default());
        // The bytes of a sound say nothing about tokens.
        tally.asked_with(if api.is_some_and(Api::takes_json) { body.length() } else { 0 });
    }
    let asked_usage = prepare(api, &provider, &mut body, tally.as_mut())?;
    let keys = keys(sidecar, &provider, &lease).await?;
    let headers = head.headers;
    let call = Call { method: head.method, uri, headers, provider, asked_usage };
    call.send(sidecar, keys, body, Account { turn, tally, _attempt: None }).await
}

/// Nothing is answered unrecorded.
pub(crate) fn unrecorded(_: NoRoom) -> Refusal {
    let words = "usage cannot be recorded right now, and nothing is answered unrecorded; try again \
        in a few seconds, and tell an administrator to look at the engine's log if it stays so";
    Refusal::new(Kind::Unavailable, words).after(5)
}

/// What makes a request odd before its path is looked at.
fn check_head(sidecar: &Sidecar, head: &http::request::Parts) -> Result<(), Refusal> {
    let bad = |words| Err(Refusal::new(Kind::BadRequest, words));
    if head.uri.scheme().is_some()
        || head.uri.authority().is_some()
        || head.method == Method::CONNECT
    {
        return bad("this is no forward proxy: set the base URL to this sidecar instead");
    }
    let mut hosts = head.headers.get_all(header::HOST).iter();
    let host = hosts.next().and_then(|host| host.to_str().ok()).unwrap_or_default();
    if hosts.next().is_some() || !good_host(host, &sidecar.host_names) {
        return bad("the Host header does not name this sidecar; call it by its own address");
    }
    let framed_twice = head.headers.contains_key(header::TRANSFER_ENCODING)
        && head.headers.contains_key(header::CONTENT_LENGTH);
    if framed_twice {
        return bad("the request has both a length and a transfer encoding");
    }
    if head.headers.contains_key(header::CONTENT_ENCODING) {
        return bad("an encoded request body is not served here; send it plain");
    }
    if head.headers.contains_key(header::UPGRADE) {
        return bad("WebSocket is not served here; use the HTTP API");
    }
    Ok(())
}

fn no_provider(sidecar: &Sidecar) -> Refusal {
    let ids = sidecar.upstreams.providers.ids().join(", ");
    Refusal::new(Kind::NoPath, format!("there is no such provider; known are {ids}"))
}

/// The company's own resource, region or project is missing.
fn not_set_up(provider: &Provider) -> Refusal {
    let (id, base) = (&provider.id, provider.base_looks_like());
    let words = format!(
        "{id} is not set up here: an administrator sets `upstreams.{id}` to its base URL, {base}"
    );
    Refusal::new(Kind::NoPath, words)
}

async fn lease(
    sidecar: &Sidecar,
    headers: &HeaderMap,
    in_query: Option<&str>,
) -> Result<Lease, Refusal> {
    let token = headers::token(headers, in_query).ok_or_else(|| {
        let words = "the request has no token: put the workspace's token (tc_...) where the \
            provider's API key goes";
        Refusal::new(Kind::NoToken, words)
    })?;
    match sidecar.door.find(token).await {
        Ok(Some(lease)) => Ok(lease),
        Ok(None) => {
            let words = "this token is not good, or no longer: its workspace was stopped or \
                started anew; start the workspace again";
            Err(Refusal::new(Kind::NoToken, words))
        }
        Err(fault) => {
            tracing::warn!(%fault, "a token could not be checked");
            let words = "the token cannot be checked right now; try again";
            Err(Refusal::new(Kind::Unavailable, words).after(1))
        }
    }
}

fn not_served(why: NotServed) -> Refusal {
    match why {
        NotServed::Path => {
            let words = "this path is not served. What a provider stores (files, batches, \
                responses) is shared by all who use the pool, so it cannot be reached from here";
            Refusal::new(Kind::NoPath, words)
        }
        NotServed::Method => Refusal::new(Kind::WrongMethod, "this path takes another method"),
    }
}

/// Reads what the account needs of the body, and asks for usage where the client did not.
fn prepare(
    api: Option<Api>,
    provider: &Provider,
    body: &mut Taken,
    tally: Option<&mut Tally>,
) -> Result<bool, Refusal> {
    let (Some(api), Taken::Whole { bytes, .. }, Some(tally)) = (api, &mut *body, tally) else {
        return Ok(false);
    };
    if !api.takes_json() {
        tally.asked_for(&form::field(bytes, "model").unwrap_or_default());
        return Ok(false);
    }
    let asked = Asked::read(bytes).ok_or_else(|| {
        let words = "the body is not a JSON object with each key once, so it cannot be metered";
        Refusal::new(Kind::BadRequest, words)
    })?;
    if let Some(model) = &asked.model {
        tally.asked_for(model);
    }
    let asks = api.is_chat() && provider.asks_usage();
    let edited = if asks { asked.with_usage(bytes) } else { None };
    let Some(edited) = edited else { return Ok(false) };
    *bytes = edited;
    Ok(true)
}

/// The keys to try.
async fn keys(sidecar: &Sidecar, provider: &Provider, lease: &Lease) -> Result<Tries, Refusal> {
    let tries = sidecar.pool.tries(&provider.id, lease).await.map_err(|fault| {
        tracing::warn!(%fault, "the key pool could not be read");
        Refusal::new(Kind::Unavailable, "the key pool cannot be read right now; try again").after(1)
    })?;
    if tries.is_empty() {
        let words = format!(
            "the pool has no key for {0}; an administrator adds one with `teamclaw keys add {0}`",
            provider.id
        );
        return Err(Refusal::new(Kind::NoKey, words));
    }
    Ok(tries)
}
