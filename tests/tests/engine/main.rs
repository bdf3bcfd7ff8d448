//! The engine over the real stores of one machine, with an outside that a test can bend: what a
//! person is promised, driven message by message.

mod outside;
mod system;

mod healing;
mod idleness;
mod starting;
