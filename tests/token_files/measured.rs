//! Work and memory of an agent, as the kernel counts them.

use std::fs;
use std::time::Duration;

use test_support::agent::Agent;

/// The time of a processor that an agent has used.
pub(super) fn worked(agent: &Agent) -> Duration {
    let stat = fs::read_to_string(format!("/proc/{}/stat", agent.pid())).unwrap();
    // The name of the program, in brackets, may hold spaces.
    let (_, fields) = stat.rsplit_once(") ").unwrap();
    let ticks = fields.split(' ').skip(11).take(2).map(|ticks| ticks.parse::<u64>().unwrap());
    // Linux counts a hundred ticks a second for every program.
    Duration::from_millis(ticks.sum::<u64>() * 10)
}

/// KiB of an agent that are in memory now.
pub(super) fn resident(agent: &Agent) -> u64 {
    status(agent, "VmRSS:")
}

/// The most KiB that were in memory since the last [`forget_peak`].
pub(super) fn peak(agent: &Agent) -> u64 {
    status(agent, "VmHWM:")
}

pub(super) fn forget_peak(agent: &Agent) {
    fs::write(format!("/proc/{}/clear_refs", agent.pid()), "5").unwrap();
}

fn status(agent: &Agent, name: &str) -> u64 {
    let status = fs::read_to_string(format!("/proc/{}/status", agent.pid())).unwrap();
    let line = status.lines().find(|line| line.starts_with(name)).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}
