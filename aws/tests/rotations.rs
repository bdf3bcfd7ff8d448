//! The promises of [`ports::RotationLists`], on a local AWS.

mod rig;
#[macro_use]
mod suite;

use aws::journal::JOURNAL;
use aws::rotations::DynamoRotations;

/// Lists of their own.
async fn rotations() -> DynamoRotations {
    let (client, environment) = suite::tables(&[JOURNAL]).await;
    DynamoRotations::new(client, &environment)
}

ports::rotations_rules!(suite);
