//! The promises of [`ports::RotationLists`], on a local AWS.

mod rig;

use aws::journal::JOURNAL;
use aws::rotations::DynamoRotations;
use aws_sdk_dynamodb::Client;

/// Lists of their own.
async fn rotations() -> DynamoRotations {
    let client = Client::new(&rig::ministack().config().await);
    let environment = rig::environment();
    aws::tables::create(&client, &environment, &JOURNAL).await.expect("a table");
    DynamoRotations::new(client, &environment)
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

ports::rotations_rules!(suite);
