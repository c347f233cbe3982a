//! Ceremonies with keys on a bus in memory: keys that behave, keys that break, keys that come and
//! go.

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
