#![cfg_attr(feature = "cli", doc = include_str!("../README.md"))]
#![cfg_attr(
    not(feature = "cli"),
    doc = "Multi-factor verification that other programs embed. The guide is in README.md."
)]

#[cfg(feature = "http")]
pub mod http;
pub mod id;
pub mod secret;
pub mod time;

pub mod otp;

pub mod webauthn;

pub mod device;

#[cfg(feature = "usb")]
pub mod usb;

#[cfg(feature = "wire")]
pub mod wire;

#[cfg(feature = "verifier")]
pub mod store;

#[cfg(feature = "verifier")]
pub mod verifier;

#[cfg(feature = "validator")]
pub mod session;

#[cfg(feature = "policy")]
pub mod policy;

#[cfg(feature = "testing")]
pub mod testing;

#[cfg(feature = "agent")]
pub mod agent;

#[cfg(feature = "client")]
pub mod client;

#[cfg(feature = "guard")]
pub mod guard;

#[cfg(feature = "cli")]
pub mod cli;
