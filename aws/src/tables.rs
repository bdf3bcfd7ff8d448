//! Every table: its keys, indexes, time to live and stream. The one place where they are written; the
//! stacks read them from `aws/tables.json`, which a test compares with this file.
//!
//! Every key is a string. A read by an index is eventually consistent, so what it finds is looked at
//! again before anything is decided. No table is ever scanned.

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::{
    AttributeDefinition, BillingMode, GlobalSecondaryIndex, KeySchemaElement, KeyType, Projection,
    ProjectionType, ScalarAttributeType, StreamSpecification, StreamViewType,
    TimeToLiveSpecification,
};
use ports::Fault;
use serde::Serialize;

use crate::Environment;
use crate::rows::{failed, unbuilt};

/// A table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Table {
    /// Its name after `tc-{env}-`.
    pub name: &'static str,
    /// The partition key.
    pub hash: &'static str,
    /// The sort key.
    pub range: Option<&'static str>,
    /// Other ways to find an item.
    pub indexes: &'static [Index],
    /// The attribute that says when an item may go, in Unix seconds.
    pub expires: Option<&'static str>,
    /// Whether changes are streamed, as new images.
    pub stream: bool,
}

/// A global secondary index. Sparse: an item without its keys is not in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Index {
    /// Its name.
    pub name: &'static str,
    /// The partition key.
    pub hash: &'static str,
    /// The sort key.
    pub range: Option<&'static str>,
    /// Whether it holds whole items; otherwise it holds keys alone.
    pub whole: bool,
}

/// Every table.
pub const TABLES: &[Table] = &[
    #[cfg(feature = "elb")]
    crate::alb_routes::ALB_ROUTES,
    #[cfg(any(feature = "ecs", feature = "efs"))]
    crate::homes::HOMES,
    crate::journal::JOURNAL,
    crate::leases::LEASES,
    crate::people::PEOPLE,
    crate::routes::ROUTES,
    crate::starts::STARTS,
    crate::suspects::SUSPECTS,
    #[cfg(feature = "ecs")]
    crate::compute::TASKS,
    crate::timers::TIMERS,
    crate::usage::USAGE,
];

/// Makes a table where there is no stack to make it: for tests.
///
/// # Errors
/// What the service said.
pub async fn create(
    client: &Client,
    environment: &Environment,
    table: &Table,
) -> Result<(), Fault> {
    let name = environment.named(table.name);
    let mut request = client
        .create_table()
        .table_name(&name)
        .billing_mode(BillingMode::PayPerRequest)
        .set_key_schema(Some(schema(table.hash, table.range)?))
        .set_attribute_definitions(Some(attributes(table)?));
    for index in table.indexes {
        request = request.global_secondary_indexes(secondary(index)?);
    }
    if table.stream {
        let stream = StreamSpecification::builder().stream_enabled(true);
        let stream = stream.stream_view_type(StreamViewType::NewImage).build();
        request = request.stream_specification(stream.map_err(unbuilt)?);
    }
    request.send().await.map_err(|error| failed(&error))?;
    if let Some(attribute) = table.expires {
        let expires = TimeToLiveSpecification::builder().enabled(true).attribute_name(attribute);
        let request = client.update_time_to_live().table_name(&name);
        let request = request.time_to_live_specification(expires.build().map_err(unbuilt)?);
        request.send().await.map_err(|error| failed(&error))?;
    }
    Ok(())
}

fn schema(hash: &str, range: Option<&str>) -> Result<Vec<KeySchemaElement>, Fault> {
    let keys = [Some((hash, KeyType::Hash)), range.map(|name| (name, KeyType::Range))];
    let element = |(name, kind)| {
        KeySchemaElement::builder().attribute_name(name).key_type(kind).build().map_err(unbuilt)
    };
    keys.into_iter().flatten().map(element).collect()
}

fn attributes(table: &Table) -> Result<Vec<AttributeDefinition>, Fault> {
    let mut names = vec![Some(table.hash), table.range];
    names.extend(table.indexes.iter().flat_map(|index| [Some(index.hash), index.range]));
    let mut names: Vec<&str> = names.into_iter().flatten().collect();
    names.sort_unstable();
    names.dedup();
    let define = |name| {
        let definition = AttributeDefinition::builder().attribute_name(name);
        definition.attribute_type(ScalarAttributeType::S).build().map_err(unbuilt)
    };
    names.into_iter().map(define).collect()
}

fn secondary(index: &Index) -> Result<GlobalSecondaryIndex, Fault> {
    let kind = if index.whole { ProjectionType::All } else { ProjectionType::KeysOnly };
    GlobalSecondaryIndex::builder()
        .index_name(index.name)
        .set_key_schema(Some(schema(index.hash, index.range)?))
        .projection(Projection::builder().projection_type(kind).build())
        .build()
        .map_err(unbuilt)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The stacks read the file. `UPDATE_EXPECT=1 cargo test -p aws --lib tables` writes it anew.
    #[test]
    fn the_stacks_read_the_tables_as_they_are_here() {
        let json = serde_json::to_string_pretty(&TABLES).expect("JSON") + "\n";
        expect_test::expect_file!["../tables.json"].assert_eq(&json);
    }

    #[test]
    fn no_two_tables_or_indexes_of_one_table_have_the_same_name() {
        let mut tables: Vec<_> = TABLES.iter().map(|table| table.name).collect();
        tables.sort_unstable();
        assert!(tables.is_sorted_by(|a, b| a < b), "{tables:?}");
        for table in TABLES {
            let mut indexes: Vec<_> = table.indexes.iter().map(|index| index.name).collect();
            indexes.sort_unstable();
            assert!(indexes.is_sorted_by(|a, b| a < b), "{}: {indexes:?}", table.name);
        }
    }
}
