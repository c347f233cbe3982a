#![doc = include_str!("../README.md")]

pub mod id;
pub mod secret;
pub mod time;

pub mod otp;
