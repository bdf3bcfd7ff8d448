//! The operator's HTTP API as types: what the commands send and the engine answers, so that both
//! sides agree by construction. The paths stand beside their types.

mod rotations;

use consumers::sweeper::Fate;
use events::{Attempt, Envelope, Gen, KeyPrint, Policy, Reason, Status, Step, TeamId, Version};
use events::{Class, TaskId, WorkspaceId, workspace::StopNotice};
use jiff::{SignedDuration, Timestamp};
use ports::{Cursor, KeyInfo, Letter, Row, Spending, Suspect};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

pub use rotations::{
    RotateRequest, RotationBegun, RotationPlan, RotationReplay, RotationRow, RotationRows, TriedKey,
};

/// Where everything below is mounted.
pub const ROOT: &str = "/api/v1";

/// What every error looks like. Status: 400 bad request, 401 no or bad token, 404 unknown, 409
/// refused in the state that it is in, 503 not now.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Trouble {
    /// What did not work.
    pub what: String,
    /// Why.
    pub why: String,
    /// What to do about it.
    pub do_this: String,
}

/// `GET /status`: the engine.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct EngineStatus {
    /// This program's version.
    pub version: String,
    /// Where people go.
    pub front_door: String,
    /// What holds everything: a directory, or the name of an environment on AWS.
    pub data_dir: String,
    /// What runs in a workspace: `openclaw 2026.9.6`, or the command.
    pub agent: String,
    /// Since when; `null` where nothing stays up between requests.
    pub up_since: Option<Timestamp>,
    /// Every measure that confines an agent, and whether it is in force.
    pub confinement: Vec<Measure>,
    /// The bounds that the administrator set.
    pub policy: Policy,
    /// How many workspaces stand where.
    pub counts: BTreeMap<String, usize>,
    /// Messages that were set aside.
    pub dead_letters: Vec<Letter>,
    /// How many things the sweeper suspects to be nobody's.
    #[serde(default)]
    pub suspects: usize,
}

/// One measure of confinement.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Measure {
    /// Its name.
    pub name: String,
    /// Whether it is in force.
    pub in_force: bool,
    /// What that means, or what is missing and why.
    pub words: String,
}

/// `GET /workspaces?status=&team=&step=&reason=&since=&after=&limit=`: those that match. `status`
/// may be given several times, separated by commas.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Rows {
    /// In the order of their ids.
    pub rows: Vec<Row>,
}

/// `GET /workspaces/{id}`: one workspace. 404 when nobody ever mentioned it.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct WorkspaceView {
    /// Whose.
    pub workspace: WorkspaceId,
    /// Their team.
    pub team: Option<TeamId>,
    /// Where it stands.
    pub status: Status,
    /// How many events its journal holds.
    pub version: Version,
    /// The newest generation.
    pub generation: Gen,
    /// Its try.
    pub attempt: Attempt,
    /// The step at hand, on the way up.
    pub step: Option<Step>,
    /// The step at hand has failed so often, for this reason, and is tried again.
    pub retry: Option<(Step, u32, Reason)>,
    /// What went wrong at which step, when failed or parked.
    pub trouble: Option<(Step, Reason)>,
    /// That it is about to stop.
    pub notice: Option<StopNotice>,
    /// The idle time-out in force.
    pub idle_timeout: SignedDuration,
    /// The last use.
    pub last_active: Option<Timestamp>,
    /// When it became ready.
    pub ready_since: Option<Timestamp>,
    /// When scheduled work is next due.
    pub next_wake: Option<Timestamp>,
    /// Where its agent listens.
    pub address: Option<String>,
    /// The end of the agent's log, at most 4 KiB.
    pub log_tail: Option<String>,
}

/// `GET /workspaces/{id}/events?after=VERSION&limit=N&wait=SECONDS`: its journal. `wait` (at most
/// 20) holds the answer until there is something.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct History {
    /// In order.
    pub events: Vec<Entry>,
}

/// One event of a journal.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Entry {
    /// Its place in the journal.
    pub version: Version,
    /// The fact.
    pub event: Envelope,
}

/// `POST /workspaces/{id}/login`: logs a person in, wakes their workspace and gives a link.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct LoginRequest {
    /// Their team; the one they had, else the default.
    pub team: Option<TeamId>,
    /// Whether they may see and do everything.
    pub admin: bool,
}

/// The answer to a [`LoginRequest`].
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct LoginAnswer {
    /// Good once: opens the person's session in a browser.
    pub link: String,
    /// Not good after this.
    pub until: Timestamp,
    /// Where the workspace stands.
    pub status: Status,
    /// The version from which on its events tell this start.
    pub version: Version,
}

/// `POST /workspaces/{id}/{start,stop}` and every other change of one workspace answer so.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Changed {
    /// Where it stands now.
    pub status: Status,
    /// The version before the change: its events follow.
    pub version: Version,
}

/// `POST /workspaces/{id}/replay`: tries a failed or parked workspace again.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct ReplayRequest {
    /// From this step; else from the one that failed.
    pub from: Option<Step>,
}

/// `POST /workspaces/{id}/snooze`: puts an idle stop off.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SnoozeRequest {
    /// For how long.
    pub time: SignedDuration,
}

/// `POST /workspaces/{id}/settings`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SettingsRequest {
    /// The idle time-out; `null` goes back to the default.
    pub idle_timeout: Option<SignedDuration>,
}

/// `POST /replay`: tries many again.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct ReplayMany {
    /// Only those that failed at this step.
    pub step: Option<Step>,
    /// Only those that failed since.
    pub since: Option<Timestamp>,
    /// Only those that failed for this class of reason.
    pub reason: Option<events::ReasonClass>,
    /// Only those of this team.
    pub team: Option<TeamId>,
    /// From this step; else each from the one that failed.
    pub from: Option<Step>,
    /// Only say which would be.
    pub dry_run: bool,
}

/// The answer to a [`ReplayMany`].
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ReplayedMany {
    /// Those that match, as they were.
    pub rows: Vec<Row>,
    /// How many are tried again; 0 in a dry run.
    pub replayed: usize,
    /// Those that could not be, with the reason.
    pub refused: Vec<(WorkspaceId, String)>,
}

/// `GET /orphans`: what nobody seems to own, and tasks that seem to be missing.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Orphans {
    /// In the order of kinds and workspaces.
    pub orphans: Vec<Orphan>,
}

/// One thing that the sweeper suspects.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Orphan {
    /// What, and whose it would be.
    #[serde(flatten)]
    pub suspect: Suspect,
    /// Since when, in every inventory.
    pub since: Timestamp,
    /// The first sweep after this acts, if it finds the same.
    pub not_before: Timestamp,
    /// How.
    pub fate: Fate,
}

/// `POST /parked/{retry,skip,abort,replay}`: lets parked workspaces leave their parking, `user`'s or
/// `all` that match.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct LeaveRequest {
    /// This one's.
    pub user: Option<WorkspaceId>,
    /// Everybody's, as far as they match what follows.
    pub all: bool,
    /// Only those parked at this step.
    pub step: Option<Step>,
    /// Only those parked for this class of reason.
    pub reason: Option<events::ReasonClass>,
    /// Only those parked since.
    pub since: Option<Timestamp>,
    /// Only those of this team.
    pub team: Option<TeamId>,
    /// Where a replay begins; else at the parked step.
    pub from: Option<Step>,
    /// Only say which would.
    pub dry_run: bool,
}

/// The answer to a [`LeaveRequest`].
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct LeftMany {
    /// Those that match, as they were.
    pub rows: Vec<Row>,
    /// How many go on; in a dry run, how many would.
    pub left: usize,
    /// Those for whom that way is closed, with the reason.
    pub refused: Vec<(WorkspaceId, Reason)>,
}

/// `POST /dead-letters/redrive`: sends messages that were set aside again.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct RedriveRequest {
    /// Only those of this queue.
    pub class: Option<Class>,
    /// Only say which would be.
    pub dry_run: bool,
}

/// The answer to a [`RedriveRequest`].
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Redriven {
    /// The dead letters as they were, at most a hundred of each queue.
    pub letters: Vec<Letter>,
    /// How many are sent again; 0 in a dry run.
    pub sent: usize,
}

/// `POST /workspaces/{id}/delete`: ends a person's sessions, stops what runs and removes their home,
/// for good. What they used stays in the ledger.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct DeleteRequest {
    /// Only say what would go.
    pub dry_run: bool,
}

/// The answer to a [`DeleteRequest`]: what goes, as it was.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Deletion {
    /// Where it stands now.
    pub status: Status,
    /// The version before: the events of the deletion follow.
    pub version: Version,
    /// Whether it was deleted before and nothing began since.
    pub already: bool,
    /// Their home, if they have one.
    pub home: Option<String>,
    /// Their running task, if there is one.
    pub task: Option<TaskId>,
    /// Whether a lease is in force.
    pub lease: bool,
    /// How many sessions and unused links they have.
    pub sessions: usize,
}

/// `GET /keys`: the pool without its secrets.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct KeyList {
    /// In the order of the pool.
    pub keys: Vec<KeyInfo>,
}

/// `POST /keys`: adds one. No `Debug`: it holds the key.
#[derive(Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct KeyRequest {
    /// For which provider.
    pub provider: String,
    /// The key itself. It is in no answer and in no log.
    pub key: String,
}

/// `POST /keys` and `DELETE /keys/{provider}/{fingerprint}` answer so.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct KeyChanged {
    /// The key's fingerprint.
    pub key: KeyPrint,
    /// Whether the pool is another now.
    pub changed: bool,
}

/// `GET /usage?by=user|team|model|provider|key&since=TIME`: who spent what.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct UsageReport {
    /// Most expensive first.
    pub rows: Vec<Spending>,
}

/// `GET /feed?after=CURSOR&limit=N&wait=SECONDS&type=T`: every event of all, in the order in which
/// they were recorded. `type` may end in `*`.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Feed {
    /// The events that match.
    pub events: Vec<FeedEntry>,
    /// Where to go on from, also when nothing matched.
    pub next: Cursor,
}

/// One event of the feed.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct FeedEntry {
    /// Its place.
    pub cursor: Cursor,
    /// The fact.
    pub event: Envelope,
}
