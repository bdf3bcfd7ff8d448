//! [`Agents`] for the real OpenClaw, over its `admin-http-rpc` plugin.
//!
//! The answers come from a process that belongs to a person: nothing here trusts their size, their
//! form or their words. FACTS.md holds the transcripts that this was written from.

use async_trait::async_trait;
use http::StatusCode;
use jiff::Timestamp;
use ports::{Agents, Fault, Probe, Quiesce, Reach};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::ENGINE_USER;
use crate::ask::{Answer, As, Silence, get, post};

const SERVICE: &str = "the agent";

/// The only path that the engine asks; the router keeps people away from it.
pub const RPC_PATH: &str = "/api/v1/admin/rpc";

/// The nearest wake times that are wanted, and the size of a page of jobs: a job carries its
/// prompt, and a page of a hundred could exceed what we read of an answer.
const WAKE_TIMES_MAX: usize = 100;
const PAGE_LENGTH: usize = 20;

/// Jobs that OpenClaw keeps for itself are told by the beginning of their declaration. They run
/// when the agent is awake anyway, and must not wake it.
const SYSTEM_JOBS: [&str; 3] = ["heartbeat:", "heartbeat-task:", "skill-collection-review:"];

/// Blockers quoted in an answer.
const BLOCKERS_MAX: usize = 3;

/// Asks an OpenClaw.
#[derive(Clone, Copy, Debug, Default)]
pub struct OpenClaw;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Prepared {
    status: String,
    suspension_id: Option<String>,
    #[serde(default)]
    blockers: Vec<Blocker>,
}

#[derive(Deserialize)]
struct Blocker {
    #[serde(default)]
    message: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Jobs {
    #[serde(default)]
    jobs: Vec<Job>,
    next_offset: Option<usize>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Job {
    #[serde(default)]
    enabled: bool,
    declaration_key: Option<String>,
    next_run_at_ms: Option<i64>,
}

/// What a question led to, when somebody answered.
enum Told {
    Payload(Value),
    /// The gateway is starting, suspended by another asker, or asks for patience.
    NotNow(String),
    /// It does not let us in, or has no such question.
    Closed(StatusCode),
    Nonsense(String),
}

impl OpenClaw {
    async fn call(reach: &Reach, method: &str, params: Value) -> Result<Told, Silence> {
        let question = json!({ "method": method, "params": params });
        let answer = post(reach, RPC_PATH, As::User(ENGINE_USER), &question).await?;
        Ok(told(&answer))
    }

    async fn prepare(reach: &Reach, request: &str) -> Result<Told, Fault> {
        let params = json!({ "requestId": request, "terminalPolicy": "preserve" });
        Self::call(reach, "gateway.suspend.prepare", params).await.map_err(unavailable)
    }
}

fn told(answer: &Answer) -> Told {
    let body = answer.json();
    let words = || body["error"]["message"].as_str().unwrap_or("no reason given").to_owned();
    match answer.status {
        StatusCode::OK if body["ok"] == true => Told::Payload(body["payload"].clone()),
        StatusCode::SERVICE_UNAVAILABLE | StatusCode::TOO_MANY_REQUESTS => Told::NotNow(words()),
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN | StatusCode::NOT_FOUND => {
            Told::Closed(answer.status)
        }
        status => Told::Nonsense(format!("{status}: {}", words())),
    }
}

fn unavailable(silence: Silence) -> Fault {
    Fault::unavailable(SERVICE, silence)
}

/// An agent that answers nonsense is asked again, not parked: it may have been talked into it.
fn unclear(words: String) -> Fault {
    Fault::unavailable(SERVICE, Silence::Unreadable(words))
}

fn parse<T: for<'de> Deserialize<'de>>(payload: Value) -> Result<T, Fault> {
    serde_json::from_value(payload).map_err(|error| unclear(error.to_string()))
}

#[async_trait]
impl Agents for OpenClaw {
    async fn probe(&self, reach: &Reach) -> Result<Probe, Fault> {
        match get(reach, "/readyz", As::Nobody).await {
            Ok(answer) if answer.status == StatusCode::OK && answer.json()["ready"] == true => {}
            Ok(answer) => {
                let failing = answer.json()["failing"].to_string();
                return Ok(Probe::NotYet(format!("it says {}: {failing}", answer.status.as_u16())));
            }
            Err(silence) => return Ok(Probe::NotYet(silence.to_string())),
        }
        match Self::call(reach, "health", json!({})).await {
            Ok(Told::Payload(_)) => {}
            Ok(Told::NotNow(words)) => return Ok(Probe::NotYet(words)),
            Ok(Told::Closed(status)) => {
                return Ok(Probe::Stranger(format!("it does not know its pass ({status})")));
            }
            Ok(Told::Nonsense(words)) => return Ok(Probe::Stranger(words)),
            Err(silence) => return Ok(Probe::NotYet(silence.to_string())),
        }
        // Whoever lets anybody in knows no pass at all, and proves nothing.
        let question = json!({ "method": "health", "params": {} });
        match post(reach, RPC_PATH, As::Nobody, &question).await {
            Ok(answer) => Ok(match told(&answer) {
                Told::Closed(StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN) => Probe::Ready,
                Told::NotNow(words) => Probe::NotYet(words),
                Told::Payload(_) | Told::Closed(_) | Told::Nonsense(_) => {
                    Probe::Stranger("it lets anybody in".to_owned())
                }
            }),
            Err(silence) => Ok(Probe::NotYet(silence.to_string())),
        }
    }

    async fn quiesce(&self, reach: &Reach, request: &str) -> Result<Quiesce, Fault> {
        let payload = match Self::prepare(reach, request).await? {
            Told::Payload(payload) => payload,
            // Asked by an earlier delivery under another name, and not lapsed yet: it is not ours
            // to rely on, and will be free within two minutes.
            Told::NotNow(words) => return Ok(Quiesce::Busy(words)),
            Told::Closed(_) => return Ok(Quiesce::Unsupported),
            Told::Nonsense(words) => return Err(unclear(words)),
        };
        let prepared: Prepared = parse(payload)?;
        if prepared.status == "ready" {
            return Ok(Quiesce::Ready);
        }
        let blockers: Vec<String> =
            prepared.blockers.into_iter().take(BLOCKERS_MAX).map(|b| b.message).collect();
        Ok(Quiesce::Busy(blockers.join(", ")))
    }

    async fn resume(&self, reach: &Reach, request: &str) -> Result<(), Fault> {
        // The suspension's id is not kept anywhere: asking again under the same name renews the
        // suspension and tells the id. When it had lapsed, this takes and returns a fresh one.
        let prepared: Prepared = match Self::prepare(reach, request).await? {
            Told::Payload(payload) => parse(payload)?,
            Told::NotNow(words) => return Err(unclear(words)),
            Told::Closed(_) => return Ok(()),
            Told::Nonsense(words) => return Err(unclear(words)),
        };
        // Busy: it was not suspended, and is not now.
        let Some(id) = prepared.suspension_id else { return Ok(()) };
        let resumed =
            Self::call(reach, "gateway.suspend.resume", json!({ "suspensionId": id })).await;
        match resumed.map_err(unavailable)? {
            Told::Payload(_) | Told::Closed(_) => Ok(()),
            Told::NotNow(words) | Told::Nonsense(words) => Err(unclear(words)),
        }
    }

    async fn wake_times(&self, reach: &Reach) -> Result<Vec<Timestamp>, Fault> {
        let mut times = Vec::new();
        let mut offset = 0;
        // Bounded by pages and not by what was found: an agent may page for ever.
        for _ in 0..WAKE_TIMES_MAX / PAGE_LENGTH {
            let params = json!({
                "enabled": "enabled", "sortBy": "nextRunAtMs", "sortDir": "asc",
                "limit": PAGE_LENGTH, "offset": offset,
            });
            let page = Self::call(reach, "cron.list", params).await.map_err(unavailable)?;
            let page: Jobs = match page {
                Told::Payload(payload) => parse(payload)?,
                Told::NotNow(words) | Told::Nonsense(words) => return Err(unclear(words)),
                Told::Closed(status) => return Err(unclear(format!("it answers {status}"))),
            };
            times.extend(page.jobs.iter().filter_map(wake_time));
            match page.next_offset {
                Some(next) if next > offset => offset = next,
                _ => break,
            }
        }
        times.sort();
        times.truncate(WAKE_TIMES_MAX);
        Ok(times)
    }
}

fn wake_time(job: &Job) -> Option<Timestamp> {
    let key = job.declaration_key.as_deref().unwrap_or_default();
    let system = SYSTEM_JOBS.iter().any(|begin| key.starts_with(begin));
    let wanted = job.enabled && !system;
    job.next_run_at_ms.filter(|_| wanted).and_then(|ms| Timestamp::from_millisecond(ms).ok())
}

#[cfg(test)]
mod tests;
