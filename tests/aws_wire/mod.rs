//! AWS's wire: IAM and STS, as its clients speak them.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on has failed")]

mod boto;
mod by_hand;
mod canaries;
mod credentials;
mod devices;
mod once;
mod policies;
mod users;
mod verify;
mod wire;
