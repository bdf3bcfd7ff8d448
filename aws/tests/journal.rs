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

use aws::journal::{DynamoJournal, JOURNAL};
use aws_sdk_dynamodb::Client;

/// A journal of its own.
async fn journal() -> DynamoJournal {
    let client = Client::new(&rig::ministack().config().await);
    let environment = rig::environment();
    aws::tables::create(&client, &environment, &JOURNAL).await.expect("a table");
    DynamoJournal::new(client, &environment)
}

/// Runs each rule of a suite on a table of its own, and makes sure that a suite's list leaves out
/// none of its rules.
macro_rules! suite {
    ($port:ident: $($rule:ident),+) => {
        mod $port {
            $(
                #[tokio::test]
                async fn $rule() {
                    ports::conformance::$port::$rule(&super::$port().await, "t").await;
                }
            )+

            #[test]
            fn every_rule_is_in_the_list() {
                let text = include_str!(concat!("../../ports/src/conformance/", stringify!($port), ".rs"));
                let written = text.lines().filter(|line| line.starts_with("pub async fn ")).count();
                assert_eq!(written, [$(stringify!($rule)),+].len());
            }
        }
    };
}

ports::journal_rules!(suite);
