//! What the agent does for the programs of its own machine: the second socket, and what is there
//! alone.

#![allow(clippy::expect_used, clippy::unwrap_used, reason = "a test that cannot go on stops")]

#[path = "support/agent.rs"]
mod agent;
#[path = "local/ceremony.rs"]
mod ceremony;
#[path = "usb/device.rs"]
#[allow(dead_code, reason = "these keys behave")]
mod device;
#[path = "local/fresh.rs"]
mod fresh;
#[path = "support/held_key.rs"]
mod held_key;
#[path = "support/http.rs"]
mod http;
#[path = "local/keys.rs"]
mod keys;
#[path = "support/others.rs"]
mod others;
#[path = "support/people.rs"]
mod people;
#[path = "usb/pin.rs"]
#[allow(dead_code, reason = "these keys behave")]
mod pin;
#[path = "local/plugged.rs"]
mod plugged;
#[path = "local/presence.rs"]
mod presence;
#[path = "usb/sockets.rs"]
#[allow(dead_code, reason = "keys are in a folder here")]
mod sockets;
#[path = "support/tools.rs"]
mod tools;
#[path = "local/verify_socket.rs"]
mod verify_socket;

use std::path::PathBuf;

use agent::Agent;
use http::Client;

#[test]
fn agent_process() {
    agent::run_if_asked_by(|config, folder| twostep::agent::run_on(plugged::bus(folder), config));
}

/// The administrator of this agent, on its own socket.
fn admin(agent: &Agent) -> Client {
    Client::unix(agent.socket())
}

/// An agent whose sockets other users can reach, with this configuration.
fn start(config: &str) -> Agent {
    let agent = Agent::start(&format!("{config}\n[verify_socket]\nenabled = true\n"));
    let everybody = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    std::fs::set_permissions(agent.folder.path(), everybody).unwrap();
    agent
}

/// Its second socket.
fn verify_socket(agent: &Agent) -> PathBuf {
    agent.socket().with_file_name("verify.sock")
}
