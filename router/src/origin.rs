//! Whether a browser's request comes from one of the front door's own pages.
//!
//! A cookie is sent along whoever makes the browser ask, so it proves who the person is and not
//! that they meant it. `Origin` and `Sec-Fetch-Site` are set by the browser and cannot be forged
//! by a page.

use std::fmt;
use std::str::FromStr;

use http::{HeaderMap, HeaderName, Uri, header};
use thiserror::Error;

const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// A string that is not an origin.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("\"{0}\" is not an origin: use http://host:port or https://host, one scheme for all")]
pub struct BadOrigin(pub(crate) String);

/// Scheme, host and port as browsers write them: lower case, no default port, no path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin(String);

impl Origin {
    /// Whether it is https.
    pub fn is_secure(&self) -> bool {
        self.0.starts_with("https://")
    }
}

impl FromStr for Origin {
    type Err = BadOrigin;

    fn from_str(text: &str) -> Result<Self, BadOrigin> {
        let bad = || BadOrigin(text.chars().take(80).collect());
        let uri: Uri = text.parse().map_err(|_| bad())?;
        let scheme = uri.scheme_str().filter(|s| ["http", "https"].contains(s)).ok_or_else(bad)?;
        let host = uri.host().filter(|host| !host.is_empty()).ok_or_else(bad)?.to_ascii_lowercase();
        let plain = uri.path() == "/" && uri.query().is_none() && !text.contains('@');
        if !plain {
            return Err(bad());
        }
        let default = if scheme == "https" { 443 } else { 80 };
        let port = uri.port_u16().filter(|port| *port != default);
        Ok(Self(port.map_or(format!("{scheme}://{host}"), |p| format!("{scheme}://{host}:{p}"))))
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What a browser says about where a request comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Vouch {
    /// From one of our own pages.
    Own,
    /// It does not say; a client that is no browser.
    Silent,
    /// From a page elsewhere.
    Foreign,
}

/// Reads `Origin` and `Sec-Fetch-Site`. Every header that is there must agree.
pub(crate) fn vouch(headers: &HeaderMap, own: &[Origin]) -> Vouch {
    let mut said = Vouch::Silent;
    for value in headers.get_all(header::ORIGIN) {
        if !own.iter().any(|origin| origin.0.as_bytes() == value.as_bytes()) {
            return Vouch::Foreign;
        }
        said = Vouch::Own;
    }
    for value in headers.get_all(SEC_FETCH_SITE) {
        match value.as_bytes() {
            b"same-origin" => said = Vouch::Own,
            // The person typed the address or used a bookmark: nobody else asked.
            b"none" => {}
            _ => return Vouch::Foreign,
        }
    }
    said
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origin_is_written_as_browsers_write_it() {
        for (text, canonical) in [
            ("http://127.0.0.1:7300", "http://127.0.0.1:7300"),
            ("HTTP://LocalHost:80", "http://localhost"),
            ("https://claw.example:443/", "https://claw.example"),
            ("http://[::1]:7300", "http://[::1]:7300"),
        ] {
            assert_eq!(text.parse::<Origin>().expect(text).to_string(), canonical);
        }
        for bad in
            ["", "null", "ftp://a", "http://", "http://a/b", "http://a?b", "http://u@a", "a:1"]
        {
            assert!(bad.parse::<Origin>().is_err(), "{bad}");
        }
    }

    #[test]
    fn every_header_that_is_there_must_agree() {
        let own = ["http://a:1".parse().expect("an origin")];
        let table = [
            (None, None, Vouch::Silent),
            (Some("http://a:1"), None, Vouch::Own),
            (None, Some("same-origin"), Vouch::Own),
            (None, Some("none"), Vouch::Silent),
            (Some("http://a:1"), Some("cross-site"), Vouch::Foreign),
            (Some("http://a:1"), Some("same-site"), Vouch::Foreign),
            (Some("http://a:2"), Some("same-origin"), Vouch::Foreign),
            (Some("https://a:1"), None, Vouch::Foreign),
            (Some("null"), None, Vouch::Foreign),
            (Some("http://a:1.evil.example"), None, Vouch::Foreign),
            (Some(""), None, Vouch::Foreign),
        ];
        for (origin, site, expected) in table {
            let mut headers = HeaderMap::new();
            if let Some(origin) = origin {
                headers.insert(header::ORIGIN, origin.parse().expect("a value"));
            }
            if let Some(site) = site {
                headers.insert(SEC_FETCH_SITE, site.parse().expect("a value"));
            }
            assert_eq!(vouch(&headers, &own), expected, "{origin:?} {site:?}");
        }
    }
}
