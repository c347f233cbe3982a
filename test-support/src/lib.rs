//! Shared by the tests: agents, stores, people with their tokens, simulated keys, a browser.

pub mod agent;
pub mod careless;
pub mod chromium;
pub mod device;
pub mod filled;
pub mod forge;
pub mod held_key;
pub mod hooked;
pub mod http;
pub mod keyring;
pub mod negatives;
pub mod others;
pub mod people;
pub mod pin;
pub mod process;
pub mod proxy;
pub mod random;
pub mod restore;
pub mod scratch;
pub mod sockets;
pub mod timing;
pub mod tools;
pub mod window;
pub mod world;
