//! The engine over the real stores of one machine, with an outside that a test can bend: what a
//! person is promised, driven message by message.

mod bent;
mod memory;
mod outside;
mod rig;
mod system;

mod admission;
mod bounds;
mod deleting;
mod healing;
mod herd;
mod idleness;
mod loops;
mod meanwhile;
mod noting;
mod owning;
mod parked;
mod pauses;
mod racing;
mod rotating;
mod starting;
mod stopping;
mod sweeping;
mod waiting;
