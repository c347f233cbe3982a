#![doc = include_str!("../README.md")]

pub mod id;
pub mod secret;
pub mod time;

pub mod otp;

pub mod device;

#[cfg(feature = "verifier")]
pub mod store;

#[cfg(feature = "verifier")]
pub mod verifier;

#[cfg(feature = "validator")]
pub mod session;

#[cfg(feature = "testing")]
pub mod testing;

#[cfg(feature = "agent")]
pub mod agent;
