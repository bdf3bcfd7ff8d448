//! What a path is for. It never says *whose*: that follows from the session alone.

use http::{Method, Uri};

/// Where a request goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// To one of the front door's own answers.
    Own(Own),
    /// Under `/api/`: the operator's interface, or the agent's for a browser.
    Api,
    /// To the person's agent.
    Agent,
}

/// The front door's own answers, all under `/teamclaw/`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Own {
    /// For a load balancer: the process answers.
    Health,
    Style,
    Script,
    LoginPage,
    Login,
    /// For somebody who is logged in, about their own workspace.
    Mine(Mine),
    /// The path without its slash at the end.
    Slash,
    Unknown,
    WrongMethod,
}

/// What a person may see and do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mine {
    Page,
    Status,
    Live,
    Act(Act),
}

/// What a person may do. Only when they meant it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Act {
    Logout,
    Wake,
    Stop,
    Snooze,
    Replay,
    Settings,
}

/// Why a request is not passed on, for the client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Crooked {
    /// Not of the form `/path?query`: a proxy's request, or `OPTIONS *`.
    Form,
    /// Two readers of the path could disagree on where it leads.
    Path,
    /// The agent's door for the engine.
    Engine,
}

/// The agent's interface for whoever runs it; OpenClaw's admin RPC. People's requests never get
/// there.
const ENGINE: &str = "/api/v1/admin";

/// How often a path is decoded at the most; more than any reader does.
const DECODE_MAX: usize = 3;

/// Sorts a request by its path and method.
pub(crate) fn place(method: &Method, uri: &Uri) -> Result<Place, Crooked> {
    if uri.authority().is_some() || *method == Method::CONNECT || *method == Method::TRACE {
        return Err(Crooked::Form);
    }
    let path = uri.path();
    if !path.starts_with('/') {
        return Err(Crooked::Form);
    }
    if path == "/teamclaw" {
        return Ok(Place::Own(Own::Slash));
    }
    if let Some(rest) = path.strip_prefix("/teamclaw/") {
        return Ok(Place::Own(own(method, rest)));
    }
    if path.starts_with("/api/") {
        return Ok(Place::Api);
    }
    Ok(Place::Agent)
}

fn own(method: &Method, rest: &str) -> Own {
    let act = |act| (Method::POST, Own::Mine(Mine::Act(act)));
    let (wanted, own) = match rest {
        "login" if *method == Method::POST => (Method::POST, Own::Login),
        "login" => (Method::GET, Own::LoginPage),
        "health" => (Method::GET, Own::Health),
        "page.css" => (Method::GET, Own::Style),
        "page.js" => (Method::GET, Own::Script),
        "" => (Method::GET, Own::Mine(Mine::Page)),
        "status" => (Method::GET, Own::Mine(Mine::Status)),
        "live" => (Method::GET, Own::Mine(Mine::Live)),
        "logout" => act(Act::Logout),
        "wake" => act(Act::Wake),
        "stop" => act(Act::Stop),
        "snooze" => act(Act::Snooze),
        "replay" => act(Act::Replay),
        "settings" => act(Act::Settings),
        _ => return Own::Unknown,
    };
    if *method == wanted { own } else { Own::WrongMethod }
}

/// Whether a path may be passed on to an agent as it is. Agents resolve `..`, `\` and `//host`
/// each in their own way, so none of them gets one.
pub(crate) fn check_for_agent(path: &str) -> Result<(), Crooked> {
    let mut text = path.as_bytes().to_vec();
    for _ in 0..DECODE_MAX {
        check_spelling(&text)?;
        text = decode(&text);
    }
    check_spelling(&text)
}

fn check_spelling(path: &[u8]) -> Result<(), Crooked> {
    let odd = |byte: &u8| *byte == b'\\' || byte.is_ascii_control();
    if path.starts_with(b"//") || path.iter().any(odd) {
        return Err(Crooked::Path);
    }
    let mut plain = String::with_capacity(path.len());
    for segment in path.split(|byte| *byte == b'/') {
        // `..;x` is `..` to servers with path parameters.
        let name = segment.split(|byte| *byte == b';').next().unwrap_or_default();
        if name == b"." || name == b".." {
            return Err(Crooked::Path);
        }
        if !segment.is_empty() {
            plain.push('/');
            plain.push_str(&String::from_utf8_lossy(segment).to_ascii_lowercase());
        }
    }
    if plain.contains(ENGINE) { Err(Crooked::Engine) } else { Ok(()) }
}

fn decode(text: &[u8]) -> Vec<u8> {
    let digit = |at: usize| text.get(at).and_then(|byte| char::from(*byte).to_digit(16));
    let mut out = Vec::with_capacity(text.len());
    let mut at = 0;
    while at < text.len() {
        match (text[at], digit(at + 1), digit(at + 2)) {
            (b'%', Some(high), Some(low)) => {
                // Two hex digits are below 256.
                out.push((high * 16 + low) as u8);
                at += 3;
            }
            (byte, ..) => {
                out.push(byte);
                at += 1;
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn straight_paths_reach_the_agent() {
        for path in [
            "/",
            "/chat",
            "/v1/chat/completions",
            "/a.b/..c/...",
            "/a%20b",
            "/agents/agent%3Amain%2Fx",
            "/a//b",
            "/assets/index-1.js",
            "/%F0%9F%A6%9E",
            "/apis/v1/adm",
            "/100%",
            "/a;v=1/b",
        ] {
            assert_eq!(check_for_agent(path), Ok(()), "{path}");
        }
    }

    #[test]
    fn a_path_that_two_readers_may_read_differently_reaches_nobody() {
        for path in [
            "/..",
            "/.",
            "/a/../b",
            "/a/./b",
            "/%2e%2e/b",
            "/%2E%2e/b",
            "/.%2e/b",
            "/%252e%252e/b",
            "/%25252e./b",
            "//evil/b",
            "/%2fevil",
            "/\\evil",
            "/a%5cb",
            "/a%255cb",
            "/..;/b",
            "/..;x/b",
            "/%2e%2e;/b",
            "/a%2f..%2fb",
            "/a%00",
            "/a%0d%0a",
            "/a%09b",
            "/%c0%ae%5c",
        ] {
            assert_eq!(check_for_agent(path), Err(Crooked::Path), "{path}");
        }
    }

    #[test]
    fn the_engine_s_door_is_shut_in_every_spelling() {
        for path in [
            "/api/v1/admin",
            "/api/v1/admin/rpc",
            "/API/V1/Admin/rpc",
            "/%61pi/v1/admin/rpc",
            "/api%2fv1%2fadmin/rpc",
            "/api//v1/admin/rpc",
            "/x/api/v1/admin/rpc",
            "/%2561pi/v1/admin",
            "/api/v1/%61dmin%2frpc",
            "/api/v1/admin;x/rpc",
            "/api/v1/administration",
        ] {
            assert_eq!(check_for_agent(path), Err(Crooked::Engine), "{path}");
        }
    }

    #[test]
    fn only_a_plain_path_is_sorted() {
        let sort = |method: Method, uri: &str| place(&method, &uri.parse().expect("a uri"));
        assert_eq!(sort(Method::GET, "/"), Ok(Place::Agent));
        assert_eq!(sort(Method::GET, "/teamclawx"), Ok(Place::Agent));
        assert_eq!(sort(Method::GET, "/teamclaw/"), Ok(Place::Own(Own::Mine(Mine::Page))));
        assert_eq!(
            sort(Method::POST, "/teamclaw/wake"),
            Ok(Place::Own(Own::Mine(Mine::Act(Act::Wake))))
        );
        assert_eq!(sort(Method::GET, "/teamclaw/wake"), Ok(Place::Own(Own::WrongMethod)));
        assert_eq!(sort(Method::GET, "/teamclaw/x"), Ok(Place::Own(Own::Unknown)));
        assert_eq!(sort(Method::GET, "/api/keys"), Ok(Place::Api));
        assert_eq!(sort(Method::GET, "http://evil/x"), Err(Crooked::Form));
        assert_eq!(sort(Method::CONNECT, "evil:443"), Err(Crooked::Form));
        assert_eq!(sort(Method::OPTIONS, "*"), Err(Crooked::Form));
        assert_eq!(sort(Method::TRACE, "/"), Err(Crooked::Form));
    }
}
