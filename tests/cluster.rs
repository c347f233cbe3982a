//! Several agents on one store, and what becomes of codes when processes and networks fail.

mod failover;
mod histories;
mod lanes;
mod proxy;

/// The agent that [`test_support::agent::Agent`] starts: this program, run again.
#[test]
fn agent_process() {
    test_support::agent::run_if_asked_by(|config, _| histories::agent(config));
}
