//! Who has which home, on record: the fences of the port, each person's own user, and which
//! directories a purge has left.
//!
//! A life is what lies between two purges; each has a directory of its own, so that nobody who comes
//! back can find what was purged.

use aws_sdk_dynamodb::Client;
use events::{Gen, WorkspaceId};
use ports::Fault;

#[cfg(feature = "efs")]
use super::left::Leftover;
use crate::Environment;
use crate::conditions::{Change, Changed, Row, Rows, number, text};
use crate::tables::Table;

/// The table: one row a workspace, one that counts users, one for each directory that was left.
pub const HOMES: Table = Table {
    name: "homes",
    hash: "workspace",
    range: Some("about"),
    indexes: &[],
    expires: None,
    stream: false,
};

/// The row of a workspace itself.
const HOME: &str = "home";
/// Under which no workspace can be: the row that counts, and the rows of what was left.
const USERS: &str = "#users";
pub(super) const LEFT: &str = "#left";
/// The first user of a person: below are the image's own.
const FIRST_UID: u32 = 10_000;
/// One more than the last: what a signed number of 32 bits holds.
const LAST_UID: u32 = i32::MAX as u32;

/// A home as a task mounts it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Home {
    /// `fs-…`
    pub(crate) file_system: String,
    /// `fsap-…`
    pub(crate) access_point: String,
    /// The access point's ARN.
    pub(crate) arn: String,
    /// The person's own user on the file system.
    pub(crate) uid: u32,
}

impl Home {
    /// The place as the journal and a person see it.
    pub(crate) fn place(&self) -> String {
        format!("{}/{}", self.file_system, self.access_point)
    }
}

/// A workspace's row.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct State {
    /// Up to which generation it was purged.
    pub(super) fence: Option<u64>,
    /// The latest generation that asked for it.
    pub(super) asked: Option<u64>,
    /// The person's own user, for good.
    pub(super) uid: Option<u32>,
    /// Which life this is: the generation up to which the one before was purged.
    pub(super) life: u64,
    /// Which life was before.
    pub(super) before: Option<u64>,
    pub(super) home: Option<Home>,
}

fn state(row: &Row) -> State {
    let owned = |name: &str| row.text(name).map(str::to_owned);
    let uid = row.number("posixUser").and_then(|uid| u32::try_from(uid).ok());
    let home = || {
        let (file_system, access_point) = (owned("fileSystem")?, owned("accessPoint")?);
        Some(Home { file_system, access_point, arn: owned("accessPointArn")?, uid: uid? })
    };
    State {
        fence: row.number("purged"),
        asked: row.number("asked"),
        uid,
        life: row.number("life").unwrap_or_default(),
        before: row.number("lifeBefore"),
        home: home(),
    }
}

/// Finds homes without being able to make or remove them.
#[derive(Clone, Debug)]
pub(crate) struct FindHome(Rows);

impl FindHome {
    pub(crate) fn new(client: Client, environment: &Environment) -> Self {
        Self(Rows::new(client, environment, &HOMES))
    }

    /// The home that a workspace has, if it has one.
    pub(crate) async fn find(&self, id: &WorkspaceId) -> Result<Option<Home>, Fault> {
        Ok(state(&self.0.read(id.as_str(), HOME).await?).home)
    }
}

/// The table.
#[derive(Clone, Debug)]
pub(super) struct Record(pub(super) Rows);

#[cfg(feature = "efs")]
impl Record {
    pub(super) fn new(client: Client, environment: &Environment) -> Self {
        Self(Rows::new(client, environment, &HOMES))
    }

    async fn change(
        &self,
        id: &WorkspaceId,
        change: Change<'_>,
    ) -> Result<Result<State, State>, Fault> {
        Ok(match self.0.change(id.as_str(), HOME, change).await? {
            Changed::Done(row) => Ok(state(&row)),
            Changed::Not(row) => Err(state(&row)),
        })
    }

    /// The row as it is.
    pub(super) async fn read(&self, id: &WorkspaceId) -> Result<State, Fault> {
        Ok(state(&self.0.read(id.as_str(), HOME).await?))
    }

    /// A generation asks for the home; `None` when it was purged up to it.
    pub(super) async fn ask(
        &self,
        id: &WorkspaceId,
        generation: Gen,
    ) -> Result<Option<State>, Fault> {
        let values = vec![(":generation", number(generation.0))];
        let update = "SET asked = :generation";
        let when = "(attribute_not_exists(purged) OR purged < :generation) \
                    AND (attribute_not_exists(asked) OR asked < :generation)";
        Ok(match self.change(id, Change { update, when, values }).await? {
            Ok(state) => Some(state),
            Err(known) => Some(known).filter(|known| known.fence < Some(generation.0)),
        })
    }

    /// The person's own user: the next that nobody ever had. Two at once take two numbers, and one
    /// of them is nobody's.
    pub(super) async fn uid(&self, id: &WorkspaceId, known: &State) -> Result<u32, Fault> {
        if let Some(uid) = known.uid {
            return Ok(uid);
        }
        let values = vec![(":one", number(1)), (":first", number(u64::from(FIRST_UID)))];
        let update = "SET posixUser = if_not_exists(posixUser, :first) + :one";
        let next = self.0.change(USERS, HOME, Change { update, when: "", values }).await?;
        let (Changed::Done(row) | Changed::Not(row)) = next;
        let fresh = row.number("posixUser").and_then(|uid| u32::try_from(uid).ok());
        let words = || "every user id of the file system has been given".to_owned();
        let fresh = fresh.filter(|uid| *uid < LAST_UID);
        let fresh = fresh.ok_or_else(|| Fault::NoCapacity { what: "user ids", words: words() })?;
        let values = vec![(":uid", number(u64::from(fresh)))];
        let (update, when) = ("SET posixUser = :uid", "attribute_not_exists(posixUser)");
        match self.change(id, Change { update, when, values }).await? {
            Ok(_) => Ok(fresh),
            Err(known) => known.uid.ok_or(Fault::Conflict),
        }
    }

    /// Writes the home of a life down; `false` when the life is over.
    pub(super) async fn keep(
        &self,
        id: &WorkspaceId,
        generation: Gen,
        life: u64,
        home: &Home,
    ) -> Result<bool, Fault> {
        let values = vec![
            (":generation", number(generation.0)),
            (":life", number(life)),
            (":system", text(&home.file_system)),
            (":point", text(&home.access_point)),
            (":arn", text(&home.arn)),
        ];
        let update = "SET fileSystem = :system, accessPoint = :point, accessPointArn = :arn, \
                      life = :life";
        let when = "(attribute_not_exists(purged) OR purged < :generation) \
                    AND (attribute_not_exists(life) OR life = :life)";
        Ok(self.change(id, Change { update, when, values }).await?.is_ok())
    }

    /// From now on no generation up to this one gets the home.
    pub(super) async fn fence(&self, id: &WorkspaceId, generation: Gen) -> Result<State, Fault> {
        let values = vec![(":generation", number(generation.0))];
        let update = "SET purged = :generation";
        let when = "attribute_not_exists(purged) OR purged < :generation";
        Ok(self.change(id, Change { update, when, values }).await?.unwrap_or_else(|known| known))
    }

    /// Ends a life, unless a later generation has asked for the home. What it leaves is on record
    /// first; `Leftovers::is_over` tells of it only once the life is over.
    pub(super) async fn end(
        &self,
        id: &WorkspaceId,
        generation: Gen,
        ending: &State,
    ) -> Result<bool, Fault> {
        let values = vec![
            (":id", text(id.as_str())),
            (":life", number(ending.life)),
            (":point", text(ending.home.as_ref().map_or("", |home| &home.access_point))),
        ];
        let update = "SET leftBy = :id, life = :life, accessPoint = :point";
        let left = Leftover::of(id, ending.life).directory();
        self.0.change(LEFT, &left, Change { update, when: "", values }).await?;
        let values = vec![(":generation", number(generation.0)), (":before", number(ending.life))];
        let update = "SET life = :generation, lifeBefore = :before \
                      REMOVE fileSystem, accessPoint, accessPointArn";
        let when = "(attribute_not_exists(asked) OR asked <= :generation) \
                    AND (attribute_not_exists(life) OR life = :before)";
        Ok(self.change(id, Change { update, when, values }).await?.is_ok())
    }

    /// The access point of a life that is over; `None` when nothing is left of it.
    pub(super) async fn left_point(
        &self,
        id: &WorkspaceId,
        life: u64,
    ) -> Result<Option<String>, Fault> {
        let row = self.0.read(LEFT, &Leftover::of(id, life).directory()).await?;
        Ok(row.text("accessPoint").filter(|point| !point.is_empty()).map(str::to_owned))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_workspace_has_a_row_of_ours() {
        assert!(USERS.parse::<WorkspaceId>().is_err() && LEFT.parse::<WorkspaceId>().is_err());
    }
}
