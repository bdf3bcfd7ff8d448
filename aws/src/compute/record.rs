//! What this adapter must know for sure, in a table of its own: up to what a workspace's tasks were
//! stopped and deregistered, which start has its one place, and which task it and the one before it
//! led to.
//!
//! ECS forgets client tokens after a day and stopped tasks after an hour, and misses fresh tasks;
//! this row does not. The starts that take the place come in the order of their [`mark`]s, so one
//! that is older than the last is over without being on record.

mod state;

use events::{Attempt, Gen, WorkspaceId};
use ports::{Fault, TaskSpec};

use crate::conditions::{Change, Changed, Rows, number, text};
use crate::marks::mark;
use crate::tables::Table;
pub(super) use state::{Registered, Start, State};

/// The table: one row a workspace.
pub const TASKS: Table = Table {
    name: "tasks",
    hash: "workspace",
    range: Some("about"),
    indexes: &[],
    expires: None,
    stream: false,
};

/// The row of a workspace itself.
const STATE: &str = "state";

/// Leaves the place to whoever comes.
const NO_START: &str = "REMOVE startMark, startToken, startAt, askedAt, askedAgain, startArn";

/// Keeps in mind which task a start led to.
const KEPT: &str = "lastMark = :lastMark, lastToken = :lastToken, lastArn = :lastArn";

/// What became of a change, with the state after or instead of it.
pub(super) type Told = Result<State, Box<State>>;

fn told(changed: &Changed) -> Told {
    match changed {
        Changed::Done(row) => Ok(State::of(row)),
        Changed::Not(row) => Err(Box::new(State::of(row))),
    }
}

/// The table.
#[derive(Clone, Debug)]
pub(super) struct Record(pub(super) Rows);

impl Record {
    async fn change(&self, id: &WorkspaceId, change: Change<'_>) -> Result<Told, Fault> {
        Ok(told(&self.0.change(id.as_str(), STATE, change).await?))
    }

    /// Takes the place for a start if nothing up to it was stopped, it comes after whatever had the
    /// place before, and nobody has the place or whoever has it is the one to replace.
    pub(super) async fn claim(
        &self,
        spec: &TaskSpec,
        replace: Option<&Start>,
        now_ms: i64,
    ) -> Result<Told, Fault> {
        let mut values = vec![
            (":mark", text(mark(spec.generation, spec.attempt))),
            (":token", text(&spec.client_token)),
            (":now", number(u64::try_from(now_ms).unwrap_or_default())),
        ];
        let (mut place, mut kept) = ("attribute_not_exists(startToken)", String::new());
        if let Some(gone) = replace {
            values.push((":gone", text(&gone.token)));
            place = "startToken = :gone AND startMark < :mark AND attribute_not_exists(startArn)";
        }
        if let Some(last) = replace.and_then(Start::ended) {
            values.extend(last.values());
            place = "startToken = :gone AND startMark < :mark AND startArn = :lastArn";
            kept = format!(", {KEPT}");
        }
        let update = format!(
            "SET startMark = :mark, startToken = :token, startAt = :now, askedAt = :now{kept} \
             REMOVE startArn, askedAgain"
        );
        let when = format!(
            "(attribute_not_exists(stopped) OR stopped < :mark) \
             AND (attribute_not_exists(lastMark) OR lastMark < :mark) AND {place}"
        );
        self.change(&spec.workspace, Change { update: &update, when: &when, values }).await
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
    pub(super) async fn name(&self, spec: &TaskSpec, arn: &str) -> Result<Told, Fault> {
        let values = vec![(":arn", text(arn)), (":token", text(&spec.client_token))];
        let (update, when) = ("SET startArn = :arn", "startToken = :token");
        self.change(&spec.workspace, Change { update, when, values }).await
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
        let (mut update, mut when) =
            (NO_START.to_owned(), "startToken = :token AND attribute_not_exists(startArn)");
        if let Some(last) = start.ended() {
            values = last.values();
            update = format!("SET {KEPT} {NO_START}");
            when = "startToken = :lastToken AND startArn = :lastArn";
        }
        // Somebody else's place is theirs to give back.
        self.change(id, Change { update: &update, when, values }).await.map(drop)
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
        ];
        let update = "SET definitionArn = :arn, template = :template";
        let when = "attribute_not_exists(deregistered) OR deregistered < :generation";
        self.change(id, Change { update, when, values }).await
    }

    /// Forgets what was registered, so that it is registered again.
    pub(super) async fn undefine(&self, id: &WorkspaceId, arn: &str) -> Result<(), Fault> {
        let values = vec![(":arn", text(arn))];
        let update = "REMOVE definitionArn, template";
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
