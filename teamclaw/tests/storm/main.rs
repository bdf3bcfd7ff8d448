//! Storms with real processes: the engine and its agents are killed, frozen, starved of disk and
//! told a wrong time while people log in, chat and stop; and afterwards everything is as if nothing
//! had been.
//!
//! Each storm draws from a seed that it prints; `TEAMCLAW_STORM_SEED` makes it draw the same again.
//! What the machine does meanwhile is drawn by nobody, so a seed repeats the plan and not the run.

#[path = "../support/mod.rs"]
mod support;

use support::{engine, person, runtime};

mod books;
mod chance;
mod copies;
mod life;
mod watch;
mod weather;

mod clocks;
mod frozen;
mod full;
mod kills;
mod openclaw;
mod owners;
