//! What a workspace's row says, and what follows from it alone. Pure.

use aws_sdk_dynamodb::types::AttributeValue;
use events::{Gen, TaskId};

use crate::conditions::{Row, text};

/// A workspace's row.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(in crate::compute) struct State {
    /// Up to which [`crate::marks::mark`] everything was stopped; empty for nothing.
    pub(in crate::compute) stopped: String,
    /// Up to which generation it was deregistered.
    pub(in crate::compute) deregistered: Option<u64>,
    /// The latest generation that registered.
    pub(in crate::compute) registered: Option<u64>,
    /// What it registered.
    pub(in crate::compute) definition: Option<Registered>,
    /// Which start has the place.
    pub(in crate::compute) start: Option<Start>,
    /// The last start that led to a task and has the place no more.
    pub(in crate::compute) last: Option<Ended>,
}

impl State {
    /// Reads it.
    pub(in crate::compute) fn of(row: &Row) -> Self {
        let owned = |name: &str| row.text(name).map(str::to_owned);
        let definition =
            || Some(Registered { arn: owned("definitionArn")?, template: owned("template")? });
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
        let last = || {
            let (mark, token) = (owned("lastMark")?, owned("lastToken")?);
            Some(Ended { mark, token, arn: owned("lastArn")? })
        };
        Self {
            stopped: owned("stopped").unwrap_or_default(),
            deregistered: row.number("deregistered"),
            registered: row.number("registered"),
            definition: definition(),
            start: start(),
            last: last(),
        }
    }

    /// The task that a start led to, if it is the last one that did.
    pub(in crate::compute) fn task_of(&self, token: &str) -> Option<TaskId> {
        let start = self.start.as_ref().filter(|start| start.token == token);
        let last = self.last.as_ref().filter(|last| last.token == token);
        let arn = start.and_then(|it| it.arn.as_ref()).or(last.map(|it| &it.arn));
        arn.map(|arn| TaskId(arn.clone()))
    }

    /// Whether a start after this mark has or had the place.
    pub(in crate::compute) fn is_past(&self, mark: &str) -> bool {
        self.start.as_ref().is_some_and(|it| it.mark.as_str() > mark)
            || self.last.as_ref().is_some_and(|it| it.mark.as_str() >= mark)
    }

    /// What this generation registered, if it was made of this template and is not taken back.
    pub(in crate::compute) fn defined(
        &self,
        generation: Gen,
        template: &str,
    ) -> Option<&Registered> {
        let registers =
            self.deregistered < Some(generation.0) && self.registered >= Some(generation.0);
        self.definition.as_ref().filter(|it| registers && it.template == template)
    }
}

/// A definition that was registered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::compute) struct Registered {
    /// Its ARN, with the revision.
    pub(in crate::compute) arn: String,
    /// What it was made of, the home included.
    pub(in crate::compute) template: String,
}

/// The start that has the workspace's one place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::compute) struct Start {
    /// Its [`crate::marks::mark`].
    pub(in crate::compute) mark: String,
    pub(in crate::compute) token: String,
    /// When it took the place, in milliseconds since 1970: no later than ECS has its token.
    pub(in crate::compute) at_ms: i64,
    /// When ECS was last asked for its task, at the latest.
    pub(in crate::compute) asked_ms: i64,
    /// The task, once ECS has named it.
    pub(in crate::compute) arn: Option<String>,
}

/// A start that led to a task and has the place no more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::compute) struct Ended {
    mark: String,
    token: String,
    arn: String,
}

impl Start {
    /// What is kept of it when another has its place.
    pub(super) fn ended(&self) -> Option<Ended> {
        let arn = self.arn.clone()?;
        Some(Ended { mark: self.mark.clone(), token: self.token.clone(), arn })
    }
}

impl Ended {
    pub(super) fn values(&self) -> Vec<(&'static str, AttributeValue)> {
        let Self { mark, token, arn } = self;
        vec![(":lastMark", text(mark)), (":lastToken", text(token)), (":lastArn", text(arn))]
    }
}
