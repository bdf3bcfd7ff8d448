//! What happened and what it cost: one workspace's journal, the feed of everything, the ledger.

use std::time::Duration;

use axum::Json;
use axum::extract::{Path, Query as Fields, State};
use events::{Version, WorkspaceId};
use jiff::Timestamp;
use ports::{Cursor, Grouping};
use serde::Deserialize;

use crate::api::{Entry, Feed, FeedEntry, History, UsageReport};
use crate::workspaces::{known, parse};
use crate::{Api, Refusal};

/// How many events one answer holds when nobody says.
const LIMIT_DEFAULT: usize = 200;
/// How many at the most.
const LIMIT_MAX: usize = 1_000;
/// How long an answer is held back at the most.
const WAIT_MAX: Duration = Duration::from_secs(20);

type Answer<T> = Result<Json<T>, Refusal>;

/// From where, how much, how long.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Window {
    after: u64,
    limit: Option<usize>,
    wait: u64,
    r#type: Option<String>,
}

impl Window {
    /// After which version of a list.
    pub(crate) fn after(&self) -> Version {
        Version(self.after)
    }

    pub(crate) fn limit(&self) -> usize {
        self.limit.unwrap_or(LIMIT_DEFAULT).clamp(1, LIMIT_MAX)
    }

    pub(crate) fn wait(&self) -> Duration {
        Duration::from_secs(self.wait).min(WAIT_MAX)
    }

    fn wants(&self, name: &str) -> bool {
        self.r#type.as_deref().is_none_or(|wanted| match wanted.strip_suffix('*') {
            Some(prefix) => name.starts_with(prefix),
            None => name == wanted,
        })
    }
}

pub(crate) async fn history(
    State(api): Api,
    Path(id): Path<String>,
    Fields(window): Fields<Window>,
) -> Answer<History> {
    let id = parse::<WorkspaceId>(&id)?;
    known(&api, &id).await?;
    let journal = api.bus.journal();
    let read = || journal.history(&id, window.after(), window.limit());
    let mut events = read().await?;
    if events.is_empty() && window.wait > 0 {
        wait_for_news(&api, &id, window.wait()).await?;
        events = read().await?;
    }
    let entry = |(version, event)| Entry { version, event };
    Ok(Json(History { events: events.into_iter().map(entry).collect() }))
}

/// Returns when something new about the workspace was recorded, or the time is up.
async fn wait_for_news(
    api: &crate::Operator,
    id: &WorkspaceId,
    wait: Duration,
) -> Result<(), Refusal> {
    let known = api.bus.journal().load(id).await?.version;
    let watch = async {
        while api.bus.journal().load(id).await?.version == known {
            tokio::time::sleep(api.look_every).await;
        }
        Ok(())
    };
    tokio::time::timeout(wait, watch).await.unwrap_or(Ok(()))
}

pub(crate) async fn feed(State(api): Api, Fields(window): Fields<Window>) -> Answer<Feed> {
    let after = Cursor(window.after);
    let events = api.bus.journal().feed(after, window.limit(), window.wait()).await?;
    let next = events.last().map_or(after, |(cursor, _)| *cursor);
    let wanted = events.into_iter().filter(|(_, envelope)| window.wants(envelope.event.name()));
    let events = wanted.map(|(cursor, event)| FeedEntry { cursor, event }).collect();
    Ok(Json(Feed { events, next }))
}

/// What to add up by, and since when.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Report {
    #[serde(default = "by_user")]
    by: Grouping,
    since: Option<Timestamp>,
}

fn by_user() -> Grouping {
    Grouping::User
}

pub(crate) async fn usage(State(api): Api, Fields(report): Fields<Report>) -> Answer<UsageReport> {
    let rows = api.usage.report(report.by, report.since).await?;
    Ok(Json(UsageReport { rows }))
}
