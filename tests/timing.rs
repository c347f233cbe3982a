//! Measurements of answering times and memory, alone in their process.

mod refusals;
mod starving;

/// The agent that [`test_support::agent::Agent`] starts: this program, run again.
#[test]
fn agent_process() {
    test_support::agent::run_if_asked();
}
