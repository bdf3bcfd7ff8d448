//! Rows of a table with a partition and a sort key, changed on conditions. What decides is read
//! consistently; a refused change gives the row that refused it.
//!
//! Condition expressions: amazondynamodb/latest/developerguide/Expressions.ConditionExpressions.

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
use aws_sdk_dynamodb::types::{
    AttributeValue, ReturnValue, ReturnValuesOnConditionCheckFailure as OnFailure,
};
use ports::Fault;

use crate::Environment;
use crate::rows::{Item, failed, pages, text_in};
pub(crate) use crate::rows::{number, text};
use crate::tables::Table;

/// A row's attributes; empty when there is none.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Row(Item);

impl Row {
    /// A text, if it is there.
    pub(crate) fn text(&self, name: &str) -> Option<&str> {
        text_in(&self.0, name)
    }

    /// A number, if it is there.
    pub(crate) fn number(&self, name: &str) -> Option<u64> {
        self.0.get(name)?.as_n().ok()?.parse().ok()
    }
}

/// What is to become of a row.
pub(crate) struct Change<'a> {
    /// An update expression.
    pub(crate) update: &'a str,
    /// A condition expression; empty for none.
    pub(crate) when: &'a str,
    /// The values of both.
    pub(crate) values: Vec<(&'a str, AttributeValue)>,
}

/// What became of it.
#[derive(Debug)]
pub(crate) enum Changed {
    /// The row as it is now.
    Done(Row),
    /// The row as it is, which did not allow it.
    Not(Row),
}

/// A table.
#[derive(Clone, Debug)]
pub(crate) struct Rows {
    client: Client,
    table: String,
    hash: &'static str,
    range: &'static str,
}

impl Rows {
    /// The rows of this environment's table. Without a sort key there is none to ask by.
    pub(crate) fn new(client: Client, environment: &Environment, table: &Table) -> Self {
        let range = table.range.unwrap_or(table.hash);
        Self { client, table: environment.named(table.name), hash: table.hash, range }
    }

    /// One row, as of now; empty when there is none.
    pub(crate) async fn read(&self, hash: &str, range: &str) -> Result<Row, Fault> {
        let request = self.client.get_item().table_name(&self.table).consistent_read(true);
        let request = request.key(self.hash, text(hash)).key(self.range, text(range));
        let found = request.send().await.map_err(|error| failed(&error))?;
        Ok(Row(found.item.unwrap_or_default()))
    }

    /// Every row of a partition, as of now, all pages or a fault.
    pub(crate) async fn all(&self, hash: &str) -> Result<Vec<Row>, Fault> {
        let query = self.client.query().table_name(&self.table).consistent_read(true);
        let query = query.key_condition_expression("#hash = :hash");
        let query = query.expression_attribute_names("#hash", self.hash);
        let query = query.expression_attribute_values(":hash", text(hash));
        Ok(pages(query, usize::MAX).await?.into_iter().map(Row).collect())
    }

    /// Changes one row, or makes it, if its condition allows.
    pub(crate) async fn change(
        &self,
        hash: &str,
        range: &str,
        change: Change<'_>,
    ) -> Result<Changed, Fault> {
        let request = self.client.update_item().table_name(&self.table);
        let mut request = request.key(self.hash, text(hash)).key(self.range, text(range));
        request = request.update_expression(change.update).return_values(ReturnValue::AllNew);
        if !change.when.is_empty() {
            request = request.condition_expression(change.when);
            request = request.return_values_on_condition_check_failure(OnFailure::AllOld);
        }
        for (name, value) in change.values {
            request = request.expression_attribute_values(name, value);
        }
        match request.send().await {
            Ok(done) => Ok(Changed::Done(Row(done.attributes.unwrap_or_default()))),
            Err(error) => match error.as_service_error() {
                Some(UpdateItemError::ConditionalCheckFailedException(turned)) => {
                    Ok(Changed::Not(Row(turned.item.clone().unwrap_or_default())))
                }
                _ => Err(failed(&error)),
            },
        }
    }

    /// Removes one row. None at all is a success.
    pub(crate) async fn remove(&self, hash: &str, range: &str) -> Result<(), Fault> {
        let request = self.client.delete_item().table_name(&self.table);
        let request = request.key(self.hash, text(hash)).key(self.range, text(range));
        request.send().await.map(drop).map_err(|error| failed(&error))
    }
}
