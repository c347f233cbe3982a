//! The guard in memory and over sockets: who gets through, what the others are told, and what tells one request from the next.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

#[path = "guard/agree.rs"]
mod agree;
#[path = "guard/desk.rs"]
mod desk;
#[path = "guard/grpc.rs"]
mod grpc;
#[path = "support/http.rs"]
mod http;
#[path = "guard/refusals.rs"]
mod refusals;
#[path = "guard/sent.rs"]
mod sent;
#[path = "guard/stranger.rs"]
mod stranger;
#[path = "guard/turns.rs"]
mod turns;
