//! The HTTP API of a real agent: its own process, its own store, real sockets.

#![allow(clippy::expect_used, clippy::unwrap_used, reason = "a test that cannot go on stops")]

#[path = "support/agent.rs"]
mod agent;
#[path = "api/authz.rs"]
mod authz;
#[path = "api/canary.rs"]
mod canary;
#[path = "api/carried.rs"]
mod carried;
#[path = "local/ceremony.rs"]
#[allow(dead_code, reason = "what it can do is tested elsewhere")]
mod ceremony;
#[path = "api/contract.rs"]
mod contract;
#[path = "api/control.rs"]
mod control;
#[path = "api/described.rs"]
mod described;
#[path = "usb/device.rs"]
#[allow(dead_code, reason = "these keys behave")]
mod device;
#[path = "api/events.rs"]
mod events;
#[path = "api/files.rs"]
mod files;
#[path = "api/full_disk.rs"]
mod full_disk;
#[path = "support/held_key.rs"]
mod held_key;
#[path = "support/http.rs"]
mod http;
#[path = "api/journey.rs"]
mod journey;
#[path = "api/names.rs"]
mod names;
#[path = "api/observers.rs"]
mod observers;
#[path = "support/others.rs"]
mod others;
#[path = "api/peers.rs"]
mod peers;
#[path = "support/people.rs"]
mod people;
#[path = "usb/pin.rs"]
#[allow(dead_code, reason = "these keys behave")]
mod pin;
#[path = "local/plugged.rs"]
#[allow(dead_code, reason = "these keys stay plugged in")]
mod plugged;
#[path = "api/protected.rs"]
mod protected;
#[path = "api/proxies.rs"]
mod proxies;
#[path = "api/restart.rs"]
mod restart;
#[path = "api/roles.rs"]
mod roles;
#[path = "api/routes.rs"]
mod routes;
#[path = "api/security_keys.rs"]
mod security_keys;
#[path = "usb/sockets.rs"]
#[allow(dead_code, reason = "keys are in a folder here")]
mod sockets;
#[path = "api/strict.rs"]
mod strict;
#[path = "support/tools.rs"]
mod tools;
#[path = "api/usernameless.rs"]
mod usernameless;

use agent::Agent;
use http::Client;
use serde_json::json;

#[test]
fn agent_process() {
    agent::run_if_asked_by(|config, folder| {
        twostep::agent::run_with(plugged::bus(folder), control::clock(folder), config)
    });
}

/// The administrator of this agent, on its Unix socket.
fn admin(agent: &Agent) -> Client {
    Client::unix(agent.socket())
}

/// A caller over TCP, with a new API key of this role, shown as a program does and as a proxy does.
fn caller(agent: &Agent, role: &str) -> Client {
    let key = people::api_key(&admin(agent), json!({"role": role}));
    Client::tcp(agent.address()).bearing(&key).with("X-Twostep-Key", &key)
}

/// An agent that serves TCP as well.
const TCP: &str = "listen = [\"127.0.0.1:0\"]\n";
