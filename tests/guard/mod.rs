//! The guard in memory and over sockets: who gets through, what the others are told, and what tells
//! one request from the next.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod agree;
mod desk;
mod grpc;
mod refusals;
mod sent;
mod strict;
mod turns;
