//! The promises of [`ports::Journal`], on a local AWS, and what only a real one does.

#[path = "journal/answers.rs"]
mod answers;
#[path = "journal/broken.rs"]
mod broken;
#[path = "journal/crowds.rs"]
mod crowds;
#[path = "journal/facts.rs"]
mod facts;
#[path = "journal/requests.rs"]
mod requests;
mod rig;
#[macro_use]
mod suite;

use aws::journal::{DynamoJournal, JOURNAL};

/// A journal of its own.
async fn journal() -> DynamoJournal {
    let (client, environment) = suite::tables(&[JOURNAL]).await;
    DynamoJournal::new(client, &environment)
}

ports::journal_rules!(suite);
