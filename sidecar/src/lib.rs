//! The proxy between an agent and the providers: the workspace's token comes in, a pooled key goes
//! out, the answer streams back byte for byte, and what it used is counted from the provider's own
//! numbers.
//!
//! Absences: no header and no body ever reaches a log; nothing is translated; no redirect is
//! followed; no request goes to a place that is not in [`providers`]' table or the configuration. A
//! WebSocket is a request with several answers: [`websocket`] reads along and changes nothing.

mod answer;
mod base64;
mod betas;
mod bill;
mod body;
mod call;
mod config;
mod credential;
mod door;
mod form;
#[cfg(test)]
pub mod fuzzed;
#[cfg(any(test, feature = "fuzzing"))]
pub mod fuzzing;
mod headers;
mod include_usage;
mod journal;
mod limits;
mod members;
mod meter;
mod metrics;
mod normal;
mod oauth;
mod offer;
mod operator;
mod outbox;
mod parts;
mod patience;
mod pool;
mod providers;
mod proxy;
mod refusal;
mod relay;
mod resolve;
mod scan;
mod seats;
mod serve;
mod sse;
pub mod stand_in;
mod surcharge;
mod tally;
mod target;
#[cfg(feature = "otel")]
mod traces;
mod trial;
mod turns;
mod upstream;
mod websocket;
mod whole;
mod within;

pub use config::{BadConfig, Config, CustomProvider, Family, Keep, WhenFull};
pub use oauth::{Renewals, Renewer};
pub use operator::serve_operator;
pub use pool::{KeyStanding, KeyState, Strategy};
pub use proxy::{ActivitySink, Outside, Sidecar};
pub use serve::serve;
