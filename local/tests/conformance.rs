//! Every promise of every port that is stored here, each as a test of its own.

#[path = "../src/scratch.rs"]
mod scratch;

use local::Local;
use scratch::Scratch;

/// Runs each rule of a suite on a data directory of its own, and makes sure that a suite's list
/// leaves out none of its rules.
macro_rules! suite {
    ($port:ident: $($rule:ident),+) => {
        mod $port {
            $(
                #[tokio::test]
                async fn $rule() {
                    let scratch = super::Scratch::new();
                    let local = super::Local::open(&scratch.path("data")).expect("opens");
                    ports::conformance::$port::$rule(&*local.$port(), "t").await;
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
ports::queue_rules!(suite);
ports::timers_rules!(suite);
ports::routes_rules!(suite);
ports::leases_rules!(suite);
ports::rotations_rules!(suite);
ports::staging_rules!(suite);
ports::suspects_rules!(suite);
ports::usage_rules!(suite);
ports::totals_rules!(suite);
ports::people_rules!(suite);
ports::keys_rules!(suite);
ports::clock_rules!(suite);
ports::ids_rules!(suite);
