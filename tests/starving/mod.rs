//! Starving: floods of one caller, and peers that do not read, leave the others their answers and
//! the agent its memory.

#![allow(clippy::expect_used, clippy::unwrap_used, reason = "a test that cannot go on stops")]

mod flood;
mod unread;

use std::fs;
use std::time::{Duration, Instant};

use test_support::agent::Agent;
use test_support::http::Client;
use test_support::people::{Token, enrol};

/// A person who signs in again and again.
struct Person {
    caller: Client,
    account: String,
    token: Token,
}

/// Answering times of the same people, without and under an attack, in turns.
#[derive(Default)]
struct Times {
    alone: Vec<Duration>,
    attacked: Vec<Duration>,
}

impl Person {
    fn new(admin: &Client, caller: Client, account: &str) -> Person {
        Person { caller, account: account.to_owned(), token: enrol(admin, account) }
    }

    /// Opens so many sessions, and returns how long each took.
    fn sign_in(&mut self, times: usize) -> Vec<Duration> {
        let mut took = Vec::new();
        for _ in 0..times {
            let began = Instant::now();
            self.token.session(&self.caller, &self.account);
            took.push(began.elapsed());
        }
        took
    }
}

impl Times {
    /// The others' p99 under the attack is at most five times theirs alone, or five times what a
    /// busy machine costs anyone.
    #[track_caller]
    fn assert_close(mut self, who: &str) {
        let [alone, attacked] = [&mut self.alone, &mut self.attacked].map(|times| p99(times));
        eprintln!("{who}: p99 {alone:?} alone, {attacked:?} under attack");
        assert!(
            attacked <= 5 * alone.max(BUSY),
            "{who}: p99 {alone:?} alone, {attacked:?} under attack"
        );
    }
}

fn p99(times: &mut [Duration]) -> Duration {
    times.sort_unstable();
    times[times.len() * 99 / 100]
}

/// The resident memory of an agent, in MiB.
fn memory(agent: &Agent) -> u64 {
    let status = fs::read_to_string(format!("/proc/{}/status", agent.pid())).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() / 1_024
}

/// Time that a machine with other work costs anyone; stalls by starving last seconds.
const BUSY: Duration = Duration::from_millis(100);

/// The most MiB that an attack may cost.
const MOST_MEMORY: u64 = 64;
