//! The agent as a process: its HTTP interface, its sockets, its security keys, its callers.

mod api;
mod aws_wire;
mod browser;
mod config;
mod console;
mod local;
mod remote;
mod token_files;
mod transport;

/// The agent that [`test_support::agent::Agent`] starts: this program, run again.
#[test]
fn agent_process() {
    test_support::agent::run_if_asked_by(|config, folder| {
        twostep::agent::run_with(local::plugged::bus(folder), api::control::clock(folder), config)
    });
}
