//! Doors for the fuzz targets (`tests/fuzz/`, `fuzzed`) to what is private here, each as thin as it can
//! be. Not there without the feature `fuzzing`, which no product has. Checks nothing itself.

use std::sync::LazyLock;

use bytes::Bytes;
use events::Secret;
use http::{HeaderMap, Method, header};
use ports::PoolKey;

use crate::config::place;
use crate::headers;
use crate::include_usage::DropUsage;
use crate::journal;
use crate::meter::Meter;
use crate::providers::{ALL, Api, Registry};
use crate::scan::Scan;
use crate::sse::{Piece, Sse};
use crate::target::{Target, good_host};
use crate::websocket;

/// Where a company's own resources are, for the providers that have no place by themselves.
pub const OWN: &str = "https://own.example";
static TABLE: LazyLock<Registry> = LazyLock::new(Registry::of_table);

/// The ids of the table.
pub fn providers() -> impl Iterator<Item = &'static str> {
    ALL.iter().map(|row| row.id)
}

/// What a request's target becomes: the provider's id and the address that it is asked at.
pub fn address(method: &Method, raw: &str) -> Option<(String, String)> {
    let target = Target::parse(raw).ok()?;
    let provider = TABLE.find(target.provider)?;
    let found = provider.route(method, target.path).ok()?;
    let base = provider.base.as_deref().unwrap_or(OWN);
    let uri = place(base, &found.path, target.query.as_deref())?;
    Some((provider.id.to_string(), uri.to_string()))
}

/// Whether a `Host` header names this machine.
pub fn is_this_host(host: &str) -> bool {
    good_host(host, &[])
}

/// The token in a request's headers.
pub fn token(client: &HeaderMap) -> Option<String> {
    headers::token(client, None).map(str::to_owned)
}

/// The headers of a request to a provider of the table.
pub fn to_provider(client: &HeaderMap, provider: &str, key: &str) -> Option<HeaderMap> {
    let auth = TABLE.find(provider)?.auth();
    headers::for_provider(client, auth, &PoolKey::new(Secret::new(key)))
}

/// The headers of an answer to a client.
pub fn to_client(provider: &HeaderMap, key: &str) -> HeaderMap {
    headers::for_client(provider, &PoolKey::new(Secret::new(key)))
}

/// The data of each server-sent event; the last may not have ended.
pub fn events<'a>(parts: impl Iterator<Item = &'a [u8]>) -> Vec<Vec<u8>> {
    let (mut sse, mut all) = (Sse::default(), vec![Vec::new()]);
    for part in parts {
        sse.feed(part, |piece| match (piece, all.last_mut()) {
            (Piece::Data(data), Some(event)) => event.extend_from_slice(data),
            _ => all.push(Vec::new()),
        });
    }
    all
}

/// A stream without the chunk that was asked for in the client's place.
pub fn without_usage<'a>(parts: impl Iterator<Item = &'a [u8]>) -> Vec<u8> {
    let (mut drop, mut all) = (DropUsage::default(), Vec::new());
    for part in parts {
        all.extend_from_slice(&drop.pass(&Bytes::copy_from_slice(part)));
    }
    all.extend_from_slice(&drop.finish());
    all
}

/// What the walk over one document finds, in words, and whether the document came to its end.
pub fn walk<'a>(parts: impl Iterator<Item = &'a [u8]>) -> (String, bool) {
    let mut scan = Scan::new(&[b"text"]);
    for part in parts {
        scan.feed(part);
    }
    let found = scan.finish();
    (format!("{found:?}"), found.closed)
}

/// What is read of an answer of any API, in words.
pub fn reading<'a>(api: u8, kind: &str, parts: impl Iterator<Item = &'a [u8]>) -> Option<String> {
    const APIS: [Api; 11] = [
        Api::AnthropicMessages,
        Api::OpenAiChat,
        Api::XaiChat,
        Api::OpenAiResponses,
        Api::OpenAiEmbeddings,
        Api::OpenAiImages,
        Api::OpenAiTranscription,
        Api::GeminiGenerate,
        Api::GeminiEmbed,
        Api::BedrockConverse,
        Api::BedrockInvoke,
    ];
    let mut headers = HeaderMap::new();
    headers.insert(header::CONTENT_TYPE, kind.parse().ok()?);
    let mut meter = Meter::new(APIS[usize::from(api) % APIS.len()], &headers);
    parts.for_each(|part| meter.see(part));
    Some(format!("{:?}", meter.finish()))
}

/// The messages of one side of a WebSocket, whole or not, and how their reading ended.
pub fn messages<'a>(client: bool, parts: impl Iterator<Item = &'a [u8]>) -> (Vec<Vec<u8>>, String) {
    websocket::fuzzing::messages(client, parts)
}

/// What a segment of the usage journal says, each entry in JSON, and how many places are damaged.
pub fn journal(segment: &[u8]) -> (Vec<String>, u64) {
    journal::fuzzing::entries(segment)
}

/// An entry of the usage journal from its JSON, as it lies in a segment.
pub fn journal_entry(json: &str) -> Option<Vec<u8>> {
    journal::fuzzing::framed(json)
}
