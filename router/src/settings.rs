//! What the composition root decides about the front door.

use std::time::Duration;

use jiff::SignedDuration;

use crate::origin::{BadOrigin, Origin};

/// How long a request waits for a workspace that is on its way up: OpenClaw is ready after about
/// 16 s on two cores, and common clients give up after 30 s.
const HOLD: Duration = Duration::from_secs(25);

/// How long a session is good: a working week with its week-end, so that nobody logs in daily.
const SESSION: SignedDuration = SignedDuration::from_hours(7 * 24);

/// The front door's settings.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Under which origins people reach the door, all with the same scheme. The first is the one
    /// that is told to them.
    origins: Vec<Origin>,
    /// How long a request waits for a workspace that is on its way up.
    pub hold: Duration,
    /// How long a session is good.
    pub session: SignedDuration,
}

impl Settings {
    /// Settings with the default times. `origins` as browsers send them:
    /// `http://127.0.0.1:7300`; at least one.
    ///
    /// # Errors
    /// An origin that is none, no origin at all, or http and https mixed: the cookie can be
    /// `Secure` or not, but not both.
    pub fn new(origins: &[&str]) -> Result<Self, BadOrigin> {
        let origins: Vec<Origin> =
            origins.iter().map(|text| text.parse()).collect::<Result<_, _>>()?;
        let first = origins.first().ok_or_else(|| BadOrigin(String::new()))?;
        if let Some(mixed) = origins.iter().find(|origin| origin.is_secure() != first.is_secure()) {
            return Err(BadOrigin(mixed.to_string()));
        }
        Ok(Self { origins, hold: HOLD, session: SESSION })
    }

    /// The origins under which people reach the door.
    pub fn origins(&self) -> &[Origin] {
        &self.origins
    }

    /// Whether people reach the door by https.
    pub fn is_secure(&self) -> bool {
        self.origins.first().is_some_and(Origin::is_secure)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_door_has_an_address_and_one_scheme() {
        assert!(Settings::new(&["http://localhost:1", "http://127.0.0.1:1"]).is_ok());
        assert!(Settings::new(&[]).is_err());
        assert!(Settings::new(&["http://a", "https://a"]).is_err());
    }
}
