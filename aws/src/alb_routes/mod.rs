//! `Routes` by an application load balancer: a host name, a rule and a target group for each person.
//! For small companies that want no router of ours: a load balancer has at most 100 target groups,
//! and no quota raises that (elasticloadbalancing/latest/application/load-balancer-limits).
//!
//! Rules have priorities that must be unique and no tokens to repeat a call by. So each person
//! leases a slot on record, and the slot is the priority. What is in force is a row of the table
//! [`ALB_ROUTES`], with the port's fences; the load balancer follows from it.

mod balancer;
mod record;
mod sorting;

use async_trait::async_trait;
use aws_sdk_elasticloadbalancingv2::Client;
use events::{Attempt, Gen, WorkspaceId};
use ports::{Fault, Route, Routes};
use serde::{Deserialize, Serialize};

pub use record::ALB_ROUTES;

use crate::Environment;
use crate::conditions::Rows;
use balancer::{Balancer, Place};
use record::{Closed, Record};

/// How many people one load balancer serves: ten less than the target groups that it can have.
pub const SLOTS: u32 = 90;

/// Which load balancer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct AlbSettings {
    /// The ARN of the listener that gets the rules.
    pub listener: String,
    /// Where the agents' addresses are.
    pub vpc: String,
    /// A person's host name is theirs and a dot before this.
    pub domain: String,
    /// The lowest priority of ours; 90 from here on are ours.
    #[serde(default = "first_priority")]
    pub first_priority: u32,
}

/// Above the rules that people make by hand.
fn first_priority() -> u32 {
    1_000
}

/// Routes of an environment by one listener.
#[derive(Clone, Debug)]
pub struct AlbRoutes {
    balancer: Balancer,
    record: Record,
    first_priority: u32,
}

impl AlbRoutes {
    /// The routes of an environment.
    pub fn new(
        elb: Client,
        environment: &Environment,
        dynamodb: aws_sdk_dynamodb::Client,
        settings: AlbSettings,
    ) -> Self {
        Self {
            first_priority: settings.first_priority,
            balancer: Balancer::new(elb, environment.clone(), settings),
            record: Record(Rows::new(dynamodb, environment, &ALB_ROUTES)),
        }
    }

    /// The group, its one target, and the rule at a slot that nobody else has.
    async fn put_up(&self, id: &WorkspaceId, route: &Route) -> Result<(), Fault> {
        let group = self.balancer.group(id).await?;
        self.balancer.target(&group, route.address).await?;
        if !self.balancer.rules_to(&group).await?.is_empty() {
            return Ok(());
        }
        let mut passed_over = Vec::new();
        loop {
            let slot = self.record.lease(id, &passed_over).await?;
            match self.balancer.rule(id, &group, self.first_priority + slot).await? {
                Place::Ours => return Ok(()),
                Place::SomebodyElses => {
                    self.record.release(id).await?;
                    passed_over.push(slot);
                }
            }
        }
    }

    /// The rule first, for a group that has one cannot go; then the group, then the slot.
    async fn take_down(&self, id: &WorkspaceId) -> Result<(), Fault> {
        if let Some(group) = self.balancer.find_group(id).await? {
            for rule in self.balancer.rules_to(&group).await? {
                self.balancer.remove_rule(&rule).await?;
            }
            self.balancer.remove_group(&group).await?;
        }
        self.record.release(id).await
    }
}

#[async_trait]
impl Routes for AlbRoutes {
    async fn open(&self, id: &WorkspaceId, route: &Route) -> Result<bool, Fault> {
        if !self.record.want(id, route).await? {
            return Ok(false);
        }
        self.put_up(id, route).await?;
        if self.record.in_force(id, route).await? {
            return Ok(true);
        }
        // Somebody was faster, and may have found less than there is now.
        match self.record.wanted(id).await? {
            Some(later) if later.address == route.address => {}
            Some(_) => self.balancer.untarget(id, route.address).await?,
            None => self.take_down(id).await?,
        }
        Ok(false)
    }

    async fn close(
        &self,
        id: &WorkspaceId,
        generation: Gen,
        attempt: Attempt,
    ) -> Result<(), Fault> {
        match self.record.close(id, generation, attempt).await? {
            Closed::Later => Ok(()),
            Closed::Nothing => self.take_down(id).await,
        }
    }

    async fn find(&self, id: &WorkspaceId) -> Result<Option<Route>, Fault> {
        self.record.find(id).await
    }

    async fn list(&self) -> Result<Vec<(WorkspaceId, Route)>, Fault> {
        self.record.list().await
    }
}
