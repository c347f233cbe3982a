//! Ceremonies with keys on a bus in memory: keys that behave, keys that break, keys that come and
//! go.

#![allow(clippy::expect_used, clippy::unwrap_used, reason = "a test that cannot go on has failed")]

#[path = "usb/algorithms.rs"]
mod algorithms;
#[path = "usb/bench.rs"]
mod bench;
#[path = "usb/crowd.rs"]
mod crowd;
#[path = "usb/device.rs"]
mod device;
#[path = "usb/fallback.rs"]
mod fallback;
#[path = "usb/flows.rs"]
mod flows;
#[path = "usb/found.rs"]
mod found;
#[path = "usb/frames.rs"]
mod frames;
#[path = "usb/hostile.rs"]
mod hostile;
#[path = "usb/pin.rs"]
mod pin;
#[path = "usb/preflight.rs"]
mod preflight;
#[path = "usb/selection.rs"]
mod selection;
#[path = "usb/sockets.rs"]
mod sockets;
#[path = "usb/unplug.rs"]
mod unplug;
#[path = "usb/waiting.rs"]
mod waiting;
