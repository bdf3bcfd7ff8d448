//! What the suites of ports share: tables in an environment of their own, and a test for each rule.

#![allow(dead_code, unused_macros, reason = "each test program uses a part of it")]

use aws::Environment;
use aws::tables::Table;
use aws_sdk_dynamodb::Client;

use super::rig;

/// Makes these tables in an environment that nobody else uses.
pub(crate) async fn tables(tables: &[Table]) -> (Client, Environment) {
    let client = Client::new(&rig::ministack().config().await);
    let environment = rig::environment();
    for table in tables {
        aws::tables::create(&client, &environment, table).await.expect("a table");
    }
    (client, environment)
}

/// Runs each rule of a suite over what `$port()` of the program gives, and makes sure that a suite's
/// list leaves out none of its rules.
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
