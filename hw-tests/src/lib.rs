//! Virtual security keys on a real kernel, and the tests that use them. See `README.md`.

pub mod arguments;
pub mod cases;
pub mod faults;
pub mod guest;
pub mod host;
pub mod key;
pub mod wire;
