//! The console in a real browser: what people do with it, from end to end.

mod journeys;

/// The agent that [`test_support::agent::Agent`] starts: this program, run again.
#[test]
fn agent_process() {
    test_support::agent::run_if_asked();
}
