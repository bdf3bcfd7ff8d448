//! Which headers pass between a person and their agent, and which the door sets itself.
//!
//! An agent believes the headers that name its user and its router, so nothing that a client
//! writes may look like one. The session never reaches an agent: whoever holds it is the person.

use std::net::{IpAddr, Ipv4Addr};

use events::{Secret, WorkspaceId};
use http::header::{self, HeaderMap, HeaderName, HeaderValue};

use crate::who::{COOKIE, is_bearer, pairs};

/// What a person may do at their own OpenClaw: everything but run it. Without this header it gives
/// its users `operator.admin` over HTTP.
pub const AGENT_SCOPES: &str = "operator.read,operator.write,operator.approvals,operator.questions";

const SCOPES: HeaderName = HeaderName::from_static("x-openclaw-scopes");
const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");
const FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");

/// Stands for a client on this machine: OpenClaw takes a loopback client for itself and refuses
/// it. TEST-NET-1 is nobody's address (RFC 5737).
const LOCAL_CLIENT: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1));

/// Between two neighbours only (RFC 9110, 7.6.1), or answered by our own server (`Expect`).
const HOP_BY_HOP: [&str; 11] = [
    "connection",
    "expect",
    "http2-settings",
    "keep-alive",
    "proxy-authenticate",
    "proxy-authorization",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

/// Never dropped because `Connection` names them: the request would be another one without.
const ESSENTIAL: [&str; 3] = ["content-length", "content-type", "host"];

/// By which proxies say who or where a client is. `_` counts as `-`: some readers take them alike.
const CLAIMS: [&str; 8] = [
    "cf-",
    "forwarded",
    "tailscale-",
    "true-client-",
    "x-client-ip",
    "x-forwarded",
    "x-real-",
    "x-teamclaw-",
];

/// What an agent may not say about the whole front door, which is not its own: other services for
/// the origin, its https, its cookies and caches, workers that outlive a page.
const DOOR_S_OWN: [&str; 4] =
    ["alt-svc", "clear-site-data", "service-worker-allowed", "strict-transport-security"];

/// What the door tells an agent about a request.
pub(crate) struct Introduction<'a> {
    /// Who asks.
    pub(crate) person: &'a WorkspaceId,
    /// The name of the header by which the agent knows its router.
    pub(crate) pass: &'a Secret,
    /// The client's address.
    pub(crate) peer: IpAddr,
    /// Whether the client came by https.
    pub(crate) secure: bool,
}

/// Turns a client's headers into those that its agent gets. `None`: the pass is no header name.
pub(crate) fn for_agent(headers: &mut HeaderMap, introduction: &Introduction<'_>) -> Option<()> {
    drop_hop_by_hop(headers);
    retain(headers, |name| {
        let dashed = name.replace('_', "-");
        !CLAIMS.iter().any(|claim| dashed.starts_with(claim)) && dashed != SCOPES.as_str()
    });
    // Frames stay readable for whoever types the activity.
    headers.remove(header::SEC_WEBSOCKET_EXTENSIONS);
    drop_session(headers);
    let pass = HeaderName::from_bytes(introduction.pass.expose().as_bytes()).ok()?;
    let mut person = HeaderValue::from_str(introduction.person.as_str()).ok()?;
    person.set_sensitive(true);
    let peer = introduction.peer.to_canonical();
    let client = if peer.is_loopback() { LOCAL_CLIENT } else { peer };
    let proto = if introduction.secure { "https" } else { "http" };
    headers.insert(pass, person);
    headers.insert(SCOPES, HeaderValue::from_static(AGENT_SCOPES));
    headers.insert(FORWARDED_FOR, HeaderValue::from_str(&client.to_string()).ok()?);
    headers.insert(FORWARDED_PROTO, HeaderValue::from_static(proto));
    if let Some(host) = headers.get(header::HOST).cloned() {
        headers.insert(FORWARDED_HOST, host);
    }
    Some(())
}

/// Turns an agent's headers into those that the client gets.
pub(crate) fn for_client(headers: &mut HeaderMap) {
    drop_hop_by_hop(headers);
    retain(headers, |name| !DOOR_S_OWN.contains(&name) && !name.starts_with("x-teamclaw-"));
    headers.remove(header::SEC_WEBSOCKET_EXTENSIONS);
    let kept: Vec<HeaderValue> = headers
        .get_all(header::SET_COOKIE)
        .iter()
        .filter(|value| !sets_session(value.as_bytes()))
        .cloned()
        .collect();
    headers.remove(header::SET_COOKIE);
    for value in kept {
        headers.append(header::SET_COOKIE, value);
    }
}

/// Whether a request or an answer changes the connection to WebSocket.
pub(crate) fn is_websocket(headers: &HeaderMap) -> bool {
    let listed = connection_names(headers).any(|name| name.eq_ignore_ascii_case("upgrade"));
    let mut protocols = headers.get_all(header::UPGRADE).iter();
    let only = protocols.next().filter(|_| protocols.next().is_none());
    listed && only.is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(b"websocket"))
}

/// Says that the connection becomes a WebSocket.
pub(crate) fn set_websocket(headers: &mut HeaderMap) {
    headers.insert(header::CONNECTION, HeaderValue::from_static("Upgrade"));
    headers.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
}

fn connection_names(headers: &HeaderMap) -> impl Iterator<Item = &str> {
    let values = headers.get_all(header::CONNECTION).iter();
    values.filter_map(|value| value.to_str().ok()).flat_map(|text| text.split(',')).map(str::trim)
}

fn drop_hop_by_hop(headers: &mut HeaderMap) {
    let named: Vec<String> = connection_names(headers).map(str::to_ascii_lowercase).collect();
    for name in named.iter().filter(|name| !ESSENTIAL.contains(&name.as_str())) {
        headers.remove(name.as_str());
    }
    for name in HOP_BY_HOP {
        headers.remove(name);
    }
}

fn drop_session(headers: &mut HeaderMap) {
    let others: Vec<HeaderValue> = headers
        .get_all(header::AUTHORIZATION)
        .iter()
        .filter(|value| !is_bearer(value.as_bytes()))
        .cloned()
        .collect();
    headers.remove(header::AUTHORIZATION);
    for value in others {
        headers.append(header::AUTHORIZATION, value);
    }
    let ours = |name: &[u8]| name.eq_ignore_ascii_case(COOKIE.as_bytes());
    let cookies: Vec<Vec<u8>> = headers
        .get_all(header::COOKIE)
        .iter()
        .flat_map(|value| pairs(value.as_bytes()))
        .filter(|(name, value)| !(ours(name) || name.is_empty() && value.is_empty()))
        .map(|(name, value)| [name, b"=", value].concat())
        .collect();
    headers.remove(header::COOKIE);
    if let Ok(value) = HeaderValue::from_bytes(&cookies.join(&b"; "[..]))
        && !value.is_empty()
    {
        headers.insert(header::COOKIE, value);
    }
}

fn sets_session(value: &[u8]) -> bool {
    let name = pairs(value).next().map(|(name, _)| name).unwrap_or_default();
    name.eq_ignore_ascii_case(COOKIE.as_bytes())
}

fn retain(headers: &mut HeaderMap, keep: impl Fn(&str) -> bool) {
    let drop: Vec<HeaderName> =
        headers.keys().filter(|name| !keep(name.as_str())).cloned().collect();
    for name in drop {
        headers.remove(name);
    }
}
