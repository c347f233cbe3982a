//! Services for programs of the agent's own machine, and the verifiers' socket.

#![allow(clippy::expect_used, clippy::unwrap_used, reason = "a test that cannot go on stops")]

pub(crate) mod ceremony;
mod fresh;
mod keys;
pub(crate) mod plugged;
mod presence;
mod verify_socket;

use std::path::PathBuf;

use test_support::agent::Agent;
use test_support::http::Client;

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

/// The verifiers' socket.
fn verify_socket(agent: &Agent) -> PathBuf {
    agent.socket().with_file_name("verify.sock")
}
