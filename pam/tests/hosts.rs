//! The module in hosts: one of ours with a simulated agent, with every call below it failing in
//! turn, and the system's own with a real agent.

mod faults;
mod module;
mod stacks;
mod support;

/// The agent that [`test_support::agent::Agent`] starts: this program, run again.
#[test]
fn agent_process() {
    test_support::agent::run_if_asked();
}
