//! What the operator asks the engine on the way: a log-in link, the journal, the usage report.
//! It changes nothing but the log-in.

use std::time::Duration;

use events::{Version, WorkspaceId};
use http::{Method, Uri};
use ports::Spending;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use thiserror::Error;

use crate::demo::http::{Answer, Silence, ask};
use crate::problem::{EXIT_USAGE, Problem};
use crate::target::Target;
use admin::api::{History, LoginAnswer, ROOT, UsageReport};

/// Usage is counted in batches, a fraction of a second after the answer.
const COUNT_AGAIN: Duration = Duration::from_millis(100);

/// How many events are read at once; a whole start has twenty.
const EVENTS_MAX: usize = 100;

/// How long the engine holds the answer until there is an event, in seconds.
const EVENTS_WAIT_S: u64 = 5;

/// Why something on the way did not work, in words for the person who watches.
#[derive(Debug, Error)]
pub(super) enum Trouble {
    #[error(transparent)]
    Silent(#[from] Silence),
    #[error("{0}")]
    Said(String),
}

impl Trouble {
    /// The problem that it is, where this was promised.
    pub(super) fn broken(self, promise: &str) -> Problem {
        super::broken(promise, &self.to_string())
    }
}

/// The operator's interface. No `Debug`: it holds the operator's token.
#[derive(Clone)]
pub(super) struct Operator {
    door: Uri,
    token: events::Secret,
}

impl Operator {
    /// # Errors
    /// The engine's address is none.
    pub(super) fn new(target: &Target) -> Result<Self, Problem> {
        let door = target.url.parse().map_err(|_| {
            let why = format!("{} is not an address of the form http://host:port", target.url);
            Problem::new("the engine's address is wrong", why, "").with_code(EXIT_USAGE)
        })?;
        Ok(Self { door, token: target.token.clone() })
    }

    /// Where the front door is.
    pub(super) fn door(&self) -> &Uri {
        &self.door
    }

    pub(super) async fn log_in(&self, id: &WorkspaceId) -> Result<LoginAnswer, Trouble> {
        let path = format!("/workspaces/{id}/login");
        self.ask(Method::POST, &path, Some(&json!({}))).await
    }

    /// What the journal holds after `after`; waits a little for something.
    pub(super) async fn events(
        &self,
        id: &WorkspaceId,
        after: Version,
        wait: bool,
    ) -> Result<History, Trouble> {
        let wait = if wait { EVENTS_WAIT_S } else { 0 };
        let path = format!("/workspaces/{id}/events?after={after}&limit={EVENTS_MAX}&wait={wait}");
        self.ask(Method::GET, &path, None).await
    }

    /// What a person has used so far; nothing when the report does not name them.
    pub(super) async fn spending(&self, id: &WorkspaceId) -> Result<Spending, Trouble> {
        let report: UsageReport = self.ask(Method::GET, "/usage?by=user", None).await?;
        let row = report.rows.into_iter().find(|row| row.name == id.as_str());
        Ok(row.unwrap_or_default())
    }

    /// What one more request used, once it is counted.
    pub(super) async fn counted(
        &self,
        id: &WorkspaceId,
        before: &Spending,
    ) -> Result<Spending, Trouble> {
        loop {
            let now = self.spending(id).await?;
            if now.requests > before.requests {
                return difference(&now, before);
            }
            tokio::time::sleep(COUNT_AGAIN).await;
        }
    }

    async fn ask<T: DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
    ) -> Result<T, Trouble> {
        let path = format!("{ROOT}{path}");
        good(&ask(&self.door, &self.token, method, &path, body).await?)
    }
}

/// What a good answer says, in this shape.
pub(super) fn good<T: DeserializeOwned>(answer: &Answer) -> Result<T, Trouble> {
    if !answer.status.is_success() {
        return Err(Trouble::Said(answer.words()));
    }
    Ok(answer.json()?)
}

/// What was used between two reports.
fn difference(now: &Spending, before: &Spending) -> Result<Spending, Trouble> {
    let spent = Spending {
        name: now.name.clone(),
        requests: now.requests.saturating_sub(before.requests),
        input: now.input.saturating_sub(before.input),
        output: now.output.saturating_sub(before.output),
        pico_dollars: now.pico_dollars - before.pico_dollars,
        unpriced: now.unpriced.saturating_sub(before.unpriced),
        ..Spending::default()
    };
    let wrong = match &spent {
        Spending { requests: 2.., .. } => "one question was counted as several requests",
        Spending { input: 0, .. } | Spending { output: 0, .. } => "no tokens were counted",
        Spending { unpriced: 1.., .. } => "nobody knows the price of the model",
        Spending { pico_dollars: ..=0, .. } => "it cost nothing",
        _ => return Ok(spent),
    };
    Err(Trouble::Said(wrong.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_question_is_counted_once_with_its_tokens_and_its_price() {
        let before = Spending { requests: 3, input: 10, output: 5, ..Spending::default() };
        let after = |requests, input, output, pico_dollars, unpriced| Spending {
            requests,
            input,
            output,
            pico_dollars,
            unpriced,
            ..Spending::default()
        };
        let good = difference(&after(4, 30, 15, 7, 0), &before).unwrap();
        assert_eq!((good.input, good.output, good.pico_dollars), (20, 10, 7));
        for (now, words) in [
            (after(5, 30, 15, 7, 0), "one question was counted as several requests"),
            (after(4, 10, 15, 7, 0), "no tokens were counted"),
            (after(4, 30, 5, 7, 0), "no tokens were counted"),
            (after(4, 30, 15, 7, 1), "nobody knows the price of the model"),
            (after(4, 30, 15, 0, 0), "it cost nothing"),
        ] {
            assert_eq!(difference(&now, &before).unwrap_err().to_string(), words);
        }
    }
}
