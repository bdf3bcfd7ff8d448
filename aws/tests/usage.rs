//! The ledger's promises over a local DynamoDB, and what only its tables can show.

mod rig;
#[macro_use]
mod suite;

use aws::journal::JOURNAL;
use aws::usage::{DynamoUsage, USAGE};

async fn usage() -> DynamoUsage {
    let (client, environment) = suite::tables(&[USAGE, JOURNAL]).await;
    DynamoUsage::new(client, &environment)
}

async fn totals() -> DynamoUsage {
    usage().await
}

ports::usage_rules!(suite);
ports::totals_rules!(suite);
