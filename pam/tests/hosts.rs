//! The module in hosts: a test host with a simulated agent, the same with failing system calls, and
//! the system's own hosts with a real agent.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that cannot go on stops")]

mod faults;
mod module;
mod stacks;
mod support;

/// The agent that [`test_support::agent::Agent`] starts: this program, run again.
#[test]
fn agent_process() {
    test_support::agent::run_if_asked();
}
