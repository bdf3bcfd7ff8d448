//! `Homes` over EFS.

use async_trait::async_trait;
use aws_sdk_efs::Client;
use events::token::token_hash;
use events::{Gen, Reason, ReasonClass, WorkspaceId};
use ports::{Fault, Homes};

use super::left::Leftover;
use super::points::{Points, Wanted};
use super::record::Record;
use crate::Environment;

/// Homes on one file system.
#[derive(Clone, Debug)]
pub struct EfsHomes {
    points: Points,
    environment: Environment,
    record: Record,
}

impl EfsHomes {
    /// The homes of an environment, on this file system.
    pub fn new(
        efs: Client,
        environment: &Environment,
        dynamodb: aws_sdk_dynamodb::Client,
        file_system: impl Into<String>,
    ) -> Self {
        let points = Points { client: efs, file_system: file_system.into() };
        let record = Record::new(dynamodb, environment);
        Self { points, environment: environment.clone(), record }
    }

    fn wanted(&self, id: &WorkspaceId, life: u64, uid: u32) -> Wanted {
        let directory = Leftover::of(id, life).directory();
        Wanted {
            token: token_hash(&format!("home/{}/{directory}", self.environment)),
            path: format!("/users/{directory}"),
            uid,
            tags: vec![
                ("Name", self.environment.named(&format!("home-{id}"))),
                ("teamclaw:environment", self.environment.to_string()),
                ("teamclaw:workspace", id.to_string()),
            ],
        }
    }

    /// Takes away what leads to a life that is over. An access point that was made and not written
    /// down is found by making it again.
    async fn close(&self, id: &WorkspaceId, life: u64, uid: u32) -> Result<(), Fault> {
        let point = match self.record.left_point(id, life).await? {
            Some(point) => point,
            None => self.points.make(&self.wanted(id, life, uid)).await?.access_point,
        };
        self.points.remove(&point).await
    }
}

#[async_trait]
impl Homes for EfsHomes {
    async fn ensure(&self, id: &WorkspaceId, generation: Gen) -> Result<String, Fault> {
        let asked = self.record.ask(id, generation).await?;
        let state = asked.ok_or_else(|| purged(generation))?;
        let uid = self.record.uid(id, &state).await?;
        if let Some(home) = &state.home
            && self.points.find(&home.access_point).await?.is_some()
        {
            return Ok(home.place());
        }
        // None yet, or somebody removed it by hand: the directory is the same in either case.
        let home = self.points.make(&self.wanted(id, state.life, uid)).await?;
        if self.record.keep(id, generation, state.life, &home).await? {
            return Ok(home.place());
        }
        // A purge was faster, and may not have seen it.
        self.points.remove(&home.access_point).await?;
        Err(purged(generation))
    }

    async fn purge(&self, id: &WorkspaceId, generation: Gen) -> Result<(), Fault> {
        let state = self.record.fence(id, generation).await?;
        // A later generation has asked for it.
        if state.asked > Some(generation.0) {
            return Ok(());
        }
        // Without a user there never was a directory.
        let Some(uid) = state.uid else { return Ok(()) };
        if state.life >= generation.0 {
            // An earlier delivery ended the life; what leads to it may be there still.
            return match state.before {
                Some(before) => self.close(id, before, uid).await,
                None => Ok(()),
            };
        }
        if self.record.end(id, generation, &state).await? {
            self.close(id, state.life, uid).await?;
        }
        Ok(())
    }
}

fn purged(generation: Gen) -> Fault {
    let words = format!("everything of generation {generation} was deleted");
    Fault::Refused(Reason::new(ReasonClass::Taken, words))
}
