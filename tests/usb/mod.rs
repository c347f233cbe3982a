//! Ceremonies with keys on an in-memory bus: well-behaved keys, broken keys, and keys that are
//! plugged in and out.

#![allow(clippy::expect_used, clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod algorithms;
mod bench;
mod crowd;
mod fallback;
mod flows;
mod found;
mod frames;
mod hostile;
mod preflight;
mod selection;
mod unplug;
mod waiting;
