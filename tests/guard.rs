//! The guard in memory and over sockets: who gets through, what the others are told, and what tells
//! one request from the next.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

#[path = "guard/agree.rs"]
mod agree;
#[path = "guard/desk.rs"]
mod desk;
#[path = "support/forge.rs"]
mod forge;
#[path = "guard/grpc.rs"]
mod grpc;
#[path = "support/http.rs"]
mod http;
#[path = "support/negatives.rs"]
mod negatives;
#[path = "guard/refusals.rs"]
mod refusals;
#[path = "support/scratch.rs"]
mod scratch;
#[path = "guard/sent.rs"]
mod sent;
#[path = "guard/stranger.rs"]
mod stranger;
#[path = "guard/strict.rs"]
mod strict;
#[path = "guard/turns.rs"]
mod turns;
#[path = "support/world.rs"]
mod world;
