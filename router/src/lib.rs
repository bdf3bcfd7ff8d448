//! The front door: says who a request comes from, finds their workspace, wakes it, and passes
//! HTTP and WebSocket through to their agent.
//!
//! The workspace follows from the session and from nothing else: no path, header or query can name
//! another person's. The door decides nothing about a workspace's life; it asks `producers`, and
//! reads what the journal and the routes say.

mod activity;
mod admit;
mod answer;
mod door;
mod frames;
mod headers;
mod live;
mod login;
mod origin;
mod own;
mod paths;
mod proxy;
mod relay;
mod seats;
mod server;
mod settings;
mod tunnel;
mod view;
mod who;

pub use answer::Body;
pub use door::{Parts, Router};
pub use headers::AGENT_SCOPES;
pub use origin::{BadOrigin, Origin};
pub use server::{CONNECTIONS_MAX, serve};
pub use settings::Settings;
pub use view::View;
pub use who::COOKIE;
