//! [`Agents`] for a command of one's own: anything that listens on its port.
//!
//! Such an agent owes us nothing but a path that answers. It may prove whose it is with a header;
//! it has no question about its work and no schedule, so its activity alone decides.

use async_trait::async_trait;
use http::HeaderValue;
use jiff::Timestamp;
use ports::{Agents, Fault, Probe, Quiesce, Reach};

use crate::ENGINE_USER;
use crate::ask::{As, get};

/// Where a custom agent says that it is well, unless configured otherwise.
pub const HEALTH_PATH: &str = "/healthz";

/// The header by which a custom agent may prove whose it is.
pub const WORKSPACE_HEADER: &str = "teamclaw-workspace";

/// Asks a custom agent.
#[derive(Clone, Debug)]
pub struct Custom {
    health_path: String,
}

impl Custom {
    /// An agent that answers on this path when it is well.
    pub fn new(health_path: impl Into<String>) -> Self {
        Self { health_path: health_path.into() }
    }
}

impl Default for Custom {
    fn default() -> Self {
        Self::new(HEALTH_PATH)
    }
}

#[async_trait]
impl Agents for Custom {
    async fn probe(&self, reach: &Reach) -> Result<Probe, Fault> {
        let answer = match get(reach, &self.health_path, As::User(ENGINE_USER)).await {
            Ok(answer) => answer,
            Err(silence) => return Ok(Probe::NotYet(silence.to_string())),
        };
        if !answer.status.is_success() {
            let words = format!("{} answers {}", self.health_path, answer.status.as_u16());
            return Ok(Probe::NotYet(words));
        }
        let claimed = answer.headers.get(WORKSPACE_HEADER).map(HeaderValue::as_bytes);
        if claimed.is_some_and(|claimed| claimed != reach.workspace.as_str().as_bytes()) {
            return Ok(Probe::Stranger("it says that it is another workspace's".to_owned()));
        }
        Ok(Probe::Ready)
    }

    async fn quiesce(&self, _: &Reach, _: &str) -> Result<Quiesce, Fault> {
        Ok(Quiesce::Unsupported)
    }

    async fn resume(&self, _: &Reach, _: &str) -> Result<(), Fault> {
        Ok(())
    }

    async fn wake_times(&self, _: &Reach) -> Result<Vec<Timestamp>, Fault> {
        Ok(Vec::new())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ask::tests::{agent, http, reach};

    #[tokio::test]
    async fn probes() {
        let silent: fn(&str) -> String = |_| http("204 No Content", "", "");
        let proves: fn(&str) -> String = |_| http("200 OK", "teamclaw-workspace: amina\r\n", "ok");
        let other: fn(&str) -> String = |_| http("200 OK", "teamclaw-workspace: bob\r\n", "ok");
        let broken: fn(&str) -> String = |_| http("500 Internal Server Error", "", "");
        let elsewhere: fn(&str) -> String = |request| {
            let found = request.starts_with("GET /healthz ");
            http(if found { "302 Found" } else { "404 Not Found" }, "location: http://x/\r\n", "")
        };
        let table = [
            (silent, Probe::Ready),
            (proves, Probe::Ready),
            (other, Probe::Stranger("it says that it is another workspace's".to_owned())),
            (broken, Probe::NotYet("/healthz answers 500".to_owned())),
            (elsewhere, Probe::NotYet("/healthz answers 302".to_owned())),
        ];
        for (reply, want) in table {
            let it = reach(agent(reply).await);
            assert_eq!(Custom::default().probe(&it).await.unwrap(), want);
        }
    }
}
