//! The directories that purges have left on the file system, on record until somebody has removed them.
//!
//! A directory belongs to one life of a workspace, and no life comes back: who returns after a purge
//! gets a directory of another name. So a life that is once over is over for good, and what was once
//! found to be left may be removed whenever there is time.

use aws_sdk_dynamodb::Client;
use events::WorkspaceId;
use jiff::Timestamp;
use ports::Fault;

use super::record::{LEFT, Record};
use crate::Environment;
use crate::conditions::{Change, Changed, Row, number};

/// A directory that a purge has left on the file system.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Leftover {
    /// Whose it was.
    pub workspace: WorkspaceId,
    /// Of which life.
    life: u64,
    /// When it was first found to be left; `None` before that.
    pub since: Option<Timestamp>,
}

impl Leftover {
    /// The directory of a life.
    pub fn of(id: &WorkspaceId, life: u64) -> Self {
        Self { workspace: id.clone(), life, since: None }
    }

    /// Its name below `/users`. A workspace's name has no dot and no slash.
    pub fn directory(&self) -> String {
        match self.life {
            0 => self.workspace.to_string(),
            life => format!("{}.{life}", self.workspace),
        }
    }
}

/// What is left, as the table `homes` has it.
#[derive(Clone, Debug)]
pub struct Leftovers(Record);

impl Leftovers {
    /// What is left of an environment's homes.
    pub fn new(dynamodb: Client, environment: &Environment) -> Self {
        Self(Record::new(dynamodb, environment))
    }

    /// Every directory that was ever to be left, and is not forgotten. A life of which it is one may
    /// not be over yet: [`Self::is_over`] says so, of each when its turn comes.
    ///
    /// # Errors
    /// What the table said.
    pub async fn list(&self) -> Result<Vec<Leftover>, Fault> {
        let rows = self.0.0.all(LEFT).await?;
        Ok(rows.iter().filter_map(leftover).collect())
    }

    /// Whether the directory's life is over, so that nobody can be given it any more. Read as of now.
    ///
    /// # Errors
    /// What the table said.
    pub async fn is_over(&self, left: &Leftover) -> Result<bool, Fault> {
        Ok(self.0.read(&left.workspace).await?.life > left.life)
    }

    /// Remembers since when a directory is known to be left. Gives what was remembered first; `None`
    /// when somebody else has removed it meanwhile.
    ///
    /// # Errors
    /// What the table said.
    pub async fn found(&self, left: &Leftover, now: Timestamp) -> Result<Option<Timestamp>, Fault> {
        if left.since.is_some() {
            return Ok(left.since);
        }
        let seconds = u64::try_from(now.as_second()).unwrap_or_default();
        let values = vec![(":now", number(seconds))];
        let update = "SET foundAt = if_not_exists(foundAt, :now)";
        let change = Change { update, when: "attribute_exists(leftBy)", values };
        Ok(match self.0.0.change(LEFT, &left.directory(), change).await? {
            Changed::Done(row) => since(&row),
            Changed::Not(_) => None,
        })
    }

    /// The directory is gone from the file system.
    ///
    /// # Errors
    /// What the table said.
    pub async fn forget(&self, left: &Leftover) -> Result<(), Fault> {
        self.0.0.remove(LEFT, &left.directory()).await
    }
}

/// A row that says nothing of use is passed over: a directory follows from a name that was checked.
fn leftover(row: &Row) -> Option<Leftover> {
    let id = row.text("leftBy")?.parse().ok()?;
    Some(Leftover { since: since(row), ..Leftover::of(&id, row.number("life")?) })
}

fn since(row: &Row) -> Option<Timestamp> {
    let seconds = i64::try_from(row.number("foundAt")?).ok()?;
    Timestamp::from_second(seconds).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_life_has_a_directory_of_its_own() {
        let id: WorkspaceId = "ann".parse().expect("a good name");
        assert_eq!(Leftover::of(&id, 0).directory(), "ann");
        assert_eq!(Leftover::of(&id, 7).directory(), "ann.7");
        for directory in ["ann.7", "..", "a/b"] {
            assert!(directory.parse::<WorkspaceId>().is_err(), "nobody else's: {directory}");
        }
    }
}
