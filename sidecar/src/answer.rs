//! One request from its head to the head of its answer: who asks, for what, with which key.

use std::sync::Arc;

use events::Secret;
use http::uri::PathAndQuery;
use http::{HeaderMap, Method, Request, Response, Uri, header};
use hyper::body::Incoming;
use hyper::upgrade::OnUpgrade;
use ports::Lease;
use tokio::time::Instant;

use crate::body::{Out, Taken, take};
use crate::call::{Account, Call};
use crate::config;
use crate::form;
use crate::headers;
use crate::include_usage::Asked;
use crate::limits::Models;
use crate::metrics::Watch;
use crate::offer;
use crate::outbox::NoRoom;
use crate::pool::Tries;
use crate::providers::{Api, NotServed, Provider};
use crate::proxy::Sidecar;
use crate::refusal::{Kind, Refusal, Shape};
use crate::tally::Tally;
use crate::target::{Target, good_host};
use crate::turns::Turn;
use crate::websocket::{self, Handshake};

/// Answers one request; never fails.
pub(crate) async fn answer(sidecar: &Arc<Sidecar>, request: Request<Incoming>) -> Response<Out> {
    let place = request.uri().path_and_query().cloned();
    let path = place.as_ref().map_or("", PathAndQuery::path);
    let counts = Arc::clone(sidecar.metrics.of(named(path).0));
    let response = admit(sidecar, request).await.unwrap_or_else(|refusal| {
        sidecar.metrics.refused(refusal.code());
        refusal.response(shape_of(sidecar, path))
    });
    counts.answered(response.status());
    response
}

/// The provider that a path names, and the rest.
fn named(path: &str) -> (&str, &str) {
    let path = path.trim_start_matches('/');
    path.split_at(path.find('/').unwrap_or(path.len()))
}

/// The shape of an answer to a request that perhaps cannot be understood.
fn shape_of(sidecar: &Sidecar, path: &str) -> Shape {
    let (id, rest) = named(path);
    let provider = sidecar.upstreams.providers.find(id);
    provider.map_or(Shape::Anthropic, |provider| provider.shape(rest))
}

async fn admit(
    sidecar: &Arc<Sidecar>,
    request: Request<Incoming>,
) -> Result<Response<Out>, Refusal> {
    let began = Instant::now();
    let (mut head, body) = request.into_parts();
    let upgrade = head.extensions.remove::<OnUpgrade>();
    check_head(sidecar, &head)?;
    let raw = head.uri.path_and_query().map_or("", |place| place.as_str());
    let target =
        Target::parse(raw).map_err(|odd| Refusal::new(Kind::BadRequest, odd.to_string()))?;
    let provider = sidecar.upstreams.providers.find(target.provider);
    if target.key.is_some() && !provider.is_some_and(|provider| provider.key_in_query()) {
        let words = "the token goes into a header here, not into the address";
        return Err(Refusal::new(Kind::BadRequest, words));
    }
    let handshake = Handshake::read(&head)?;
    let elsewhere = target.key.or(handshake.as_ref().and_then(Handshake::token));
    let token = token(&head.headers, elsewhere)?;
    let lease = lease_of(sidecar, token).await?;
    if target.provider == offer::PLACE {
        return Box::pin(offer::answer(sidecar, &head.method, target.path)).await;
    }
    let provider = Arc::clone(provider.ok_or_else(|| no_provider(sidecar))?);
    if let Some(handshake) = &handshake {
        let (headers, target, token) = (&head.headers, &target, Secret::new(token));
        let asked =
            websocket::Asked { headers, handshake, upgrade, provider, target, token, lease };
        return Box::pin(websocket::open(sidecar, asked)).await;
    }
    let found = provider.route(&head.method, target.path).map_err(not_served)?;
    let api = found.api;
    let uri = place(&provider, &found.path, &target)?;
    let turn = turn(sidecar, &lease)?;
    let watch = Watch::new(&sidecar.metrics, &provider.id, began);
    let mut tally = match api {
        None => None,
        Some(api) => {
            let place = sidecar.outbox.reserve().map_err(unrecorded)?;
            #[cfg(feature = "otel")]
            let place = place.within(&head.headers);
            let (books, provider) = (Arc::clone(&sidecar.books), Arc::clone(&provider));
            Some(Tally::new(books, place, Arc::clone(&lease), provider, api))
        }
    };
    let mut body = take(body, &sidecar.holding).await?;
    if let Some(tally) = &mut tally {
        tally.asked_for(found.model.as_deref().unwrap_or_default());
        // The bytes of a sound say nothing about tokens.
        tally.asked_with(if api.is_some_and(Api::takes_json) { body.length() } else { 0 });
    }
    let asked_usage = prepare(api, &provider, &mut body, tally.as_mut())?;
    let models = Models::of(&lease.limits, api, found.model.as_deref(), &head.headers, &body);
    let now = sidecar.books.clock.now();
    let turn = turn.with(sidecar.gate.admit(&lease, &provider, &models, now).await?);
    let mut keys = keys(sidecar, &provider, &lease).await?;
    let headers = head.headers;
    let call = Call { method: head.method, uri, headers, provider, asked_usage };
    let account = Box::new(Account { _turn: turn, tally, watch, attempt: None });
    call.send(sidecar, &mut keys, &mut body, account, now).await
}

/// Where a path is at the provider.
pub(crate) fn place(provider: &Provider, path: &str, target: &Target<'_>) -> Result<Uri, Refusal> {
    let base = provider.base.as_deref().ok_or_else(|| not_set_up(provider))?;
    config::place(base, path, target.query.as_deref())
        .ok_or_else(|| Refusal::new(Kind::BadRequest, "the address cannot be sent on"))
}

/// The workspace's turn.
pub(crate) fn turn(sidecar: &Sidecar, lease: &Arc<Lease>) -> Result<Turn, Refusal> {
    sidecar.turns.begin(lease).ok_or_else(|| {
        let words = "this workspace has too many requests under way; wait for some to end";
        Refusal::new(Kind::KeysRest, words).after(1)
    })
}

/// Nothing is answered unrecorded.
pub(crate) fn unrecorded(_: NoRoom) -> Refusal {
    let words = "usage cannot be recorded right now, and nothing is answered unrecorded; try again \
        in a few seconds, and tell an administrator to look at the engine's log if it stays so";
    Refusal::new(Kind::Unavailable, words).after(5)
}

/// How long a head may be, in bytes: official clients send one or two thousand.
const HEAD_LENGTH_MAX: usize = 64 * 1024;

/// What makes a request odd before its path is looked at.
fn check_head(sidecar: &Sidecar, head: &http::request::Parts) -> Result<(), Refusal> {
    let bad = |words| Err(Refusal::new(Kind::BadRequest, words));
    let mut length = head.uri.path_and_query().map_or(0, |place| place.as_str().len());
    let (mut host, mut hosts, mut sized, mut chunked, mut encoded) = (None, 0, false, false, false);
    for (name, value) in &head.headers {
        length += name.as_str().len() + value.len();
        if name == header::HOST {
            host = value.to_str().ok();
            hosts += 1;
        }
        sized |= name == header::CONTENT_LENGTH;
        chunked |= name == header::TRANSFER_ENCODING;
        encoded |= name == header::CONTENT_ENCODING;
    }
    if length > HEAD_LENGTH_MAX {
        return bad("the path and the headers are longer than 64 KB together");
    }
    if head.uri.scheme().is_some()
        || head.uri.authority().is_some()
        || head.method == Method::CONNECT
    {
        return bad("this is no forward proxy: set the base URL to this sidecar instead");
    }
    if hosts > 1 || !good_host(host.unwrap_or_default(), &sidecar.host_names) {
        return bad("the Host header does not name this sidecar; call it by its own address");
    }
    if chunked && sized {
        return bad("the request has both a length and a transfer encoding");
    }
    if encoded {
        return bad("an encoded request body is not served here; send it plain");
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

/// The token, in a header or `elsewhere`.
fn token<'a>(headers: &'a HeaderMap, elsewhere: Option<&'a str>) -> Result<&'a str, Refusal> {
    headers::token(headers, elsewhere).ok_or_else(|| {
        let words = "the request has no token: put the workspace's token (tc_...) where the \
            provider's API key goes";
        Refusal::new(Kind::NoToken, words)
    })
}

/// What a token stands for.
pub(crate) async fn lease_of(sidecar: &Sidecar, token: &str) -> Result<Arc<Lease>, Refusal> {
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
    let (Some(api), Taken::Whole { parts, .. }, Some(tally)) = (api, &mut *body, tally) else {
        return Ok(false);
    };
    if !api.takes_json() {
        tally.asked_for(&form::field(&parts.joined(), "model").unwrap_or_default());
        return Ok(false);
    }
    let asked = Asked::read(parts).ok_or_else(|| {
        let words = "the body is not a JSON object with each key once, so it cannot be metered";
        Refusal::new(Kind::BadRequest, words)
    })?;
    if let Some(model) = &asked.model {
        tally.asked_for(model);
    }
    let asks = api.is_chat() && provider.asks_usage();
    let edited = if asks { asked.with_usage(parts) } else { None };
    let Some(edited) = edited else { return Ok(false) };
    *parts = edited;
    Ok(true)
}

/// The keys to try.
pub(crate) async fn keys(
    sidecar: &Sidecar,
    provider: &Provider,
    lease: &Lease,
) -> Result<Tries, Refusal> {
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
