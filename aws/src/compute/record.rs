//! What this adapter must know for sure, in a table of its own: up to what a workspace's tasks were
//! stopped and deregistered, which start has its one place, and which task each start led to.
//!
//! ECS forgets client tokens after a day and stopped tasks after an hour, and misses fresh tasks;
//! this row does not.

use events::{Attempt, Gen, TaskId, WorkspaceId};
use ports::{Fault, TaskSpec};

use crate::conditions::{Change, Changed, Row, Rows, number, text};
use crate::marks::mark;
use crate::tables::Table;

/// The table: one row a workspace, and one for each start that led to a task.
pub const TASKS: Table = Table {
    name: "tasks",
    hash: "workspace",
    range: Some("about"),
    indexes: &[],
    expires: Some("expires"),
    stream: false,
};

/// The row of a workspace itself.
const STATE: &str = "state";
/// How long is remembered which task a start led to: longer than any queue keeps a message, which
/// is 14 days.
const START_KEPT_S: i64 = 30 * 24 * 60 * 60;

/// A workspace's row.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct State {
    /// Up to which [`mark`] everything was stopped; empty for nothing.
    pub(super) stopped: String,
    /// Up to which generation it was deregistered.
    pub(super) deregistered: Option<u64>,
    /// The latest generation that registered.
    pub(super) registered: Option<u64>,
    /// What it registered.
    pub(super) definition: Option<Registered>,
    /// Which start has the place.
    pub(super) start: Option<Start>,
}

/// A definition that was registered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Registered {
    /// Its ARN, with the revision.
    pub(super) arn: String,
    /// What it was made of.
    pub(super) template: String,
    /// The home that it mounts, as a place.
    pub(super) home: String,
}

/// The start that has the workspace's one place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Start {
    /// Its [`mark`].
    pub(super) mark: String,
    pub(super) token: String,
    /// When it took the place, in milliseconds since 1970: no later than ECS has its token.
    pub(super) at_ms: i64,
    /// When ECS was last asked for its task, at the latest.
    pub(super) asked_ms: i64,
    /// The task, once ECS has named it.
    pub(super) arn: Option<String>,
}

/// Leaves the place to whoever comes.
const NO_START: &str = "REMOVE startMark, startToken, startAt, askedAt, askedAgain, startArn";

fn state(row: &Row) -> State {
    let owned = |name: &str| row.text(name).map(str::to_owned);
    let definition = || {
        let (arn, template) = (owned("definitionArn")?, owned("template")?);
        Some(Registered { arn, template, home: owned("mounts")? })
    };
    let start = || {
        let time = |name: &str| i64::try_from(row.number(name)?).ok();
        Some(Start {
            mark: owned("startMark")?,
            token: owned("startToken")?,
            at_ms: time("startAt")?,
            asked_ms: time("askedAt")?,
            arn: owned("startArn"),
        })
    };
    State {
        stopped: owned("stopped").unwrap_or_default(),
        deregistered: row.number("deregistered"),
        registered: row.number("registered"),
        definition: definition(),
        start: start(),
    }
}

/// What became of a change, with the state after or instead of it.
pub(super) type Told = Result<State, Box<State>>;

fn told(changed: &Changed) -> Told {
    match changed {
        Changed::Done(row) => Ok(state(row)),
        Changed::Not(row) => Err(Box::new(state(row))),
    }
}

/// The table.
#[derive(Clone, Debug)]
pub(super) struct Record(pub(super) Rows);

impl Record {
    async fn change(&self, id: &WorkspaceId, change: Change<'_>) -> Result<Told, Fault> {
        Ok(told(&self.0.change(id.as_str(), STATE, change).await?))
    }

    /// The task that a start led to, if it did.
    pub(super) async fn started(
        &self,
        id: &WorkspaceId,
        token: &str,
    ) -> Result<Option<TaskId>, Fault> {
        let row = self.0.read(id.as_str(), &start_row(token)).await?;
        Ok(row.text("arn").map(|arn| TaskId(arn.to_owned())))
    }

    /// Takes the place for a start if nothing up to it was stopped and nobody has the place, or
    /// whoever has it is the one to replace.
    pub(super) async fn claim(
        &self,
        spec: &TaskSpec,
        replace: Option<&str>,
        now_ms: i64,
    ) -> Result<Told, Fault> {
        let mut values = vec![
            (":mark", text(mark(spec.generation, spec.attempt))),
            (":token", text(&spec.client_token)),
            (":now", number(u64::try_from(now_ms).unwrap_or_default())),
        ];
        let mut when = "(attribute_not_exists(stopped) OR stopped < :mark) \
                        AND attribute_not_exists(startToken)";
        if let Some(token) = replace {
            values.push((":gone", text(token)));
            when = "(attribute_not_exists(stopped) OR stopped < :mark) AND startToken = :gone";
        }
        let update = "SET startMark = :mark, startToken = :token, startAt = :now, askedAt = :now \
                      REMOVE startArn, askedAgain";
        self.change(&spec.workspace, Change { update, when, values }).await
    }

    /// A start that has the place is to ask ECS once more, unless it was stopped meanwhile.
    pub(super) async fn ask_again(&self, spec: &TaskSpec, now_ms: i64) -> Result<Told, Fault> {
        let values = vec![
            (":mark", text(mark(spec.generation, spec.attempt))),
            (":token", text(&spec.client_token)),
            (":now", number(u64::try_from(now_ms).unwrap_or_default())),
            (":one", number(1)),
        ];
        let update = "SET askedAt = :now, askedAgain = :one";
        let when = "startToken = :token AND (attribute_not_exists(stopped) OR stopped < :mark)";
        self.change(&spec.workspace, Change { update, when, values }).await
    }

    /// Writes down which task a start has led to, if the place is still its own.
    pub(super) async fn name(&self, spec: &TaskSpec, arn: &str, now_s: i64) -> Result<Told, Fault> {
        let values = vec![(":arn", text(arn)), (":token", text(&spec.client_token))];
        let (update, when) = ("SET startArn = :arn", "startToken = :token");
        let named = self.change(&spec.workspace, Change { update, when, values }).await?;
        let expires = u64::try_from(now_s.saturating_add(START_KEPT_S)).unwrap_or_default();
        let values = vec![(":arn", text(arn)), (":expires", number(expires))];
        let update = "SET arn = :arn, expires = :expires";
        let row = start_row(&spec.client_token);
        self.0.change(spec.workspace.as_str(), &row, Change { update, when: "", values }).await?;
        Ok(named)
    }

    /// Gives the place of a start back to which ECS said no, unless it was asked for it before, or is
    /// being asked by a twin of ours: that may have led to a task, or may yet.
    pub(super) async fn give_back(&self, id: &WorkspaceId, start: &Start) -> Result<(), Fault> {
        let values = vec![(":token", text(&start.token))];
        let when = "startToken = :token AND attribute_not_exists(startArn) \
                    AND attribute_not_exists(askedAgain)";
        self.change(id, Change { update: NO_START, when, values }).await.map(drop)
    }

    /// Gives the place of a start back that led to no task, or whose task is gone.
    pub(super) async fn release(&self, id: &WorkspaceId, start: &Start) -> Result<(), Fault> {
        let mut values = vec![(":token", text(&start.token))];
        let mut when = "startToken = :token AND attribute_not_exists(startArn)";
        if let Some(arn) = &start.arn {
            values.push((":arn", text(arn)));
            when = "startToken = :token AND startArn = :arn";
        }
        // Somebody else's place is theirs to give back.
        self.change(id, Change { update: NO_START, when, values }).await.map(drop)
    }

    /// From now on nothing up to this generation and try starts.
    pub(super) async fn fence(
        &self,
        id: &WorkspaceId,
        generation: Gen,
        attempt: Attempt,
    ) -> Result<State, Fault> {
        let values = vec![(":mark", text(mark(generation, attempt)))];
        let update = "SET stopped = :mark";
        let when = "attribute_not_exists(stopped) OR stopped < :mark";
        let fenced = self.change(id, Change { update, when, values }).await?;
        Ok(fenced.unwrap_or_else(|later| *later))
    }

    /// A generation registers, unless it was deregistered up to it.
    pub(super) async fn register(&self, id: &WorkspaceId, generation: Gen) -> Result<Told, Fault> {
        let values = vec![(":generation", number(generation.0))];
        let update = "SET registered = :generation";
        let when = "(attribute_not_exists(deregistered) OR deregistered < :generation) \
                    AND (attribute_not_exists(registered) OR registered < :generation)";
        match self.change(id, Change { update, when, values }).await? {
            // A later one has registered, or the same: so may this, unless it is fenced.
            Err(known) if known.deregistered < Some(generation.0) => Ok(Ok(*known)),
            told => Ok(told),
        }
    }

    /// Writes down what was registered, unless it was deregistered meanwhile.
    pub(super) async fn define(
        &self,
        id: &WorkspaceId,
        generation: Gen,
        definition: &Registered,
    ) -> Result<Told, Fault> {
        let values = vec![
            (":generation", number(generation.0)),
            (":arn", text(&definition.arn)),
            (":template", text(&definition.template)),
            (":home", text(&definition.home)),
        ];
        let update = "SET definitionArn = :arn, template = :template, mounts = :home";
        let when = "attribute_not_exists(deregistered) OR deregistered < :generation";
        self.change(id, Change { update, when, values }).await
    }

    /// Forgets what was registered, so that it is registered again.
    pub(super) async fn undefine(&self, id: &WorkspaceId, arn: &str) -> Result<(), Fault> {
        let values = vec![(":arn", text(arn))];
        let update = "REMOVE definitionArn, template, mounts";
        let when = "definitionArn = :arn";
        self.change(id, Change { update, when, values }).await.map(drop)
    }

    /// From now on no generation up to this one registers.
    pub(super) async fn deregister(
        &self,
        id: &WorkspaceId,
        generation: Gen,
    ) -> Result<State, Fault> {
        let values = vec![(":generation", number(generation.0))];
        let update = "SET deregistered = :generation";
        let when = "attribute_not_exists(deregistered) OR deregistered < :generation";
        let fenced = self.change(id, Change { update, when, values }).await?;
        Ok(fenced.unwrap_or_else(|later| *later))
    }
}

fn start_row(token: &str) -> String {
    format!("start/{token}")
}
