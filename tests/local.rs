//! What the agent does for the programs of its own machine: the second socket, and what is there alone.

#![allow(clippy::expect_used, clippy::unwrap_used, reason = "a test that cannot go on stops")]

#[path = "support/agent.rs"]
mod agent;
#[path = "support/http.rs"]
mod http;
#[path = "support/others.rs"]
mod others;
#[path = "support/people.rs"]
mod people;
#[path = "support/tools.rs"]
mod tools;
#[path = "local/verify_socket.rs"]
mod verify_socket;

use agent::{Agent, run_if_asked};
use http::Client;

#[test]
fn agent_process() {
    run_if_asked();
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
