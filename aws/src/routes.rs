//! [`Routes`] on a table: a row for each workspace, whose route and fence change in one conditional
//! write.
//!
//! The row stays after its route is closed, because it is the fence: nothing that was closed may
//! open again, however late a message comes, so it has no time to live. A workspace's row is a
//! hundred bytes.
//!
//! The list is read from an index that holds only the rows with a route in force. It follows the
//! table by a moment, so a fresh route may be missing and a closed one still be there: the sweeper
//! waits for a second inventory, and what it closes then is fenced by generation and try.

use async_trait::async_trait;
use aws_sdk_dynamodb::Client;
use events::{Attempt, Gen, WorkspaceId};
use ports::{Fault, Route, Routes};

use crate::Environment;
use crate::marks::{mark, try_of};
use crate::rows::{self, Item, PART, failed, held, needed, parsed, part, text};
use crate::tables::{Index, Table};

/// The routes in force.
const OPEN: Index = Index { name: "open", hash: PART, range: Some("workspace"), whole: true };
/// The table of routes.
pub const ROUTES: Table = Table {
    name: "routes",
    hash: "workspace",
    range: None,
    indexes: &[OPEN],
    expires: None,
    stream: false,
};

/// The routes of one environment.
#[derive(Clone, Debug)]
pub struct DynamoRoutes {
    client: Client,
    table: String,
}

impl DynamoRoutes {
    /// Routes in the environment's table.
    pub fn new(client: Client, environment: &Environment) -> Self {
        Self { client, table: environment.named(ROUTES.name) }
    }
}

#[async_trait]
impl Routes for DynamoRoutes {
    async fn open(&self, id: &WorkspaceId, route: &Route) -> Result<bool, Fault> {
        // Above the fence, and not below the route in force. The same try again may have moved.
        let update = self
            .client
            .update_item()
            .table_name(&self.table)
            .key("workspace", text(id.as_str()))
            .update_expression("SET opened = :try, address = :address, part = :part")
            .condition_expression(
                "(attribute_not_exists(closed) OR closed < :try) \
                 AND (attribute_not_exists(opened) OR opened <= :try)",
            )
            .expression_attribute_values(":try", text(mark(route.generation, route.attempt)))
            .expression_attribute_values(":address", text(route.address.to_string()))
            .expression_attribute_values(":part", text(part(id.as_str())));
        Ok(held(update.send().await)?.is_some())
    }

    async fn close(
        &self,
        id: &WorkspaceId,
        generation: Gen,
        attempt: Attempt,
    ) -> Result<(), Fault> {
        // A later route in force is a fence by itself, and so is a later close: then there is
        // nothing to write.
        let update = self
            .client
            .update_item()
            .table_name(&self.table)
            .key("workspace", text(id.as_str()))
            .update_expression("SET closed = :try REMOVE opened, address, part")
            .condition_expression(
                "(attribute_not_exists(closed) OR closed < :try) \
                 AND (attribute_not_exists(opened) OR opened <= :try)",
            )
            .expression_attribute_values(":try", text(mark(generation, attempt)));
        held(update.send().await).map(drop)
    }

    async fn find(&self, id: &WorkspaceId) -> Result<Option<Route>, Fault> {
        let get = self.client.get_item().table_name(&self.table).consistent_read(true);
        let get = get.key("workspace", text(id.as_str()));
        let row = get.send().await.map_err(|error| failed(&error))?.item;
        row.filter(|row| row.contains_key("opened")).as_ref().map(route).transpose()
    }

    async fn list(&self) -> Result<Vec<(WorkspaceId, Route)>, Fault> {
        let mut found = Vec::new();
        for part in rows::parts() {
            for row in rows::rows_in(&self.client, &self.table, &OPEN, part).await? {
                found.push((parsed(&row, "workspace")?, route(&row)?));
            }
        }
        found.sort();
        Ok(found)
    }
}

fn route(row: &Item) -> Result<Route, Fault> {
    let (generation, attempt) = try_of(needed(row, "opened")?)?;
    Ok(Route { generation, attempt, address: parsed(row, "address")? })
}
