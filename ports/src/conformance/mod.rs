//! The promises of each port, as rules that any adapter can be held to.
//!
//! Each rule is a function of its own, named after what it holds the adapter to. A suite's list
//! (`journal_rules!` and so on) calls a macro of the caller's with all of them, so that a test
//! runner shows every rule by name. A rule takes a `prefix` that nothing else in the store uses
//! (1 to 12 of a-z, 0-9 and -, starting with a letter), so that an account may be shared; the
//! queue's rules need queues, and the suspects' a list, that nobody else uses and that are empty.
//! Nothing assumes that a message can be received at once after it was sent, and no visibility is
//! below a second, except none at all.

/// Lists the rules of one suite in a macro that calls another with the suite's name and the rules.
macro_rules! rules {
    ($dollar:tt $list:ident, $suite:ident: $($rule:ident),+ $(,)?) => {
        /// Calls the given macro with `suite: rule, rule, …`.
        #[macro_export]
        macro_rules! $list {
            ($dollar run:ident) => {
                $dollar run! { $suite: $($rule),+ }
            };
        }
    };
}

mod given;

pub mod clock;
pub mod compute;
pub mod homes;
pub mod ids;
pub mod journal;
pub mod keys;
pub mod leases;
pub mod people;
pub mod queue;
pub mod rotations;
pub mod routes;
pub mod staging;
pub mod starts;
pub mod suspects;
pub mod timers;
pub mod totals;
pub mod usage;
