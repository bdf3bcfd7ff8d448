//! The front door over real sockets, with agents that record what reaches them and everything
//! else in memory.

mod activity;
mod agent;
mod client;
mod fakes;
mod isolation;
mod own;
mod passing;
mod sessions;
mod stripping;
mod waking;
mod websocket;
mod world;
