//! The fake world keeps the promises that it does not break on purpose: in calm weather it passes
//! the suites that every adapter is held to.

use tests::world::{Pace, State, World};

/// Runs each rule of a suite in a world of its own, in simulated time.
macro_rules! suite {
    ($port:ident: $($rule:ident),+) => {
        mod $port {
            $(
                #[tokio::test(start_paused = true)]
                async fn $rule() {
                    let seat = super::World::new(super::Pace::Live, super::State::default()).start_process(0);
                    ports::conformance::$port::$rule(&seat, "t").await;
                }
            )+
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
ports::keys_rules!(suite);

/// The line's rules, each with a line of the suite's own rate.
macro_rules! starts {
    ($port:ident: $($rule:ident),+) => {
        mod starts {
            $(
                #[tokio::test(start_paused = true)]
                async fn $rule() {
                    let mut state = super::State::default();
                    state.line.rate = Some(ports::conformance::starts::RATE);
                    let seat = super::World::new(super::Pace::Live, state).start_process(0);
                    ports::conformance::starts::$rule(&seat, "t").await;
                }
            )+
        }
    };
}

ports::starts_rules!(starts);

/// Those of a compute's rules that need no socket: nobody listens at a simulated address.
macro_rules! compute {
    ($($rule:ident,)+) => {
        mod compute {
            $(
                #[tokio::test(start_paused = true)]
                async fn $rule() {
                    // As on one machine, and as on AWS.
                    for state in [super::State::default(), super::State::default().on_aws()] {
                        let seat = super::World::new(super::Pace::Live, state).start_process(0);
                        ports::conformance::compute::$rule(&seat, &seat).await;
                    }
                }
            )+
        }
    };
}

compute! {
    registering_twice_changes_nothing,
    the_same_client_token_starts_one_task,
    concurrent_repeats_start_one_task,
    a_second_task_of_a_workspace_is_refused_while_one_lives,
    stopping_nothing_is_a_success,
    nothing_starts_up_to_what_was_stopped,
    a_stop_leaves_a_newer_task_alone,
    an_ended_task_is_not_started_again_by_its_token,
    every_change_is_told_and_versions_rise,
    a_task_that_nobody_started_is_not_known,
}
