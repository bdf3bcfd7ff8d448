//! The unmodified OpenClaw, made to fit our house.
//!
//! Two halves that share nothing but names. Inside a workspace: [`run`] writes the configuration
//! and starts the agent. Outside, in the engine: [`OpenClaw`] and [`Custom`] ask a running agent
//! how it is. This crate never confines anything and never touches another person's home.

mod ask;
pub mod configure;
pub mod custom;
pub mod environment;
mod foundation;
mod notes;
pub mod offer;
pub mod openclaw;
mod relay;
pub mod run;
pub mod settings;
mod supervise;
pub mod words;

pub use configure::configure;
pub use custom::Custom;
pub use openclaw::OpenClaw;
pub use relay::relay;
pub use run::run;
pub use settings::{Program, Settings, SettingsError};

/// The user as whom the engine itself asks an agent; not a person's name, for it is too special.
pub const ENGINE_USER: &str = "teamclaw-engine";

/// What a person may do in their own agent. The router sends this as `x-openclaw-scopes` with every
/// request of a person: without that header OpenClaw's HTTP takes any allowed user for an operator.
pub const PERSON_SCOPES: &str =
    "operator.read,operator.write,operator.approvals,operator.questions";
