//! The suspects' promises over a local DynamoDB, and what only a row can show.

mod rig;
#[macro_use]
mod suite;

use aws::suspects::{DynamoSuspects, SUSPECTS};

async fn suspects() -> DynamoSuspects {
    let (client, environment) = suite::tables(&[SUSPECTS]).await;
    DynamoSuspects::new(client, &environment)
}

ports::suspects_rules!(suite);
