//! Validators that follow an agent, and its clients. The agent is a real one, in its own process.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on has failed")]

mod access_keys;
mod agents;
mod between;
mod client;
mod console;
mod contract;
mod documents;
mod files;
mod follow;
mod python;
mod races;
mod strict;

use std::time::{Duration, Instant};

/// Many requests a second, as a whole service makes them.
const BUSY: &str = "[limits]\nrequests_per_second = 100000\nburst = 100000\n";

/// An agent that serves TCP as well.
const TCP: &str = "listen = [\"127.0.0.1:0\"]\n";

/// The time within which a follower learns of a revocation.
const BOUND: Duration = Duration::from_secs(5);

/// Waits until this is so, and returns the time it took.
async fn until(what: &str, mut is_so: impl FnMut() -> bool) -> Duration {
    let began = Instant::now();
    while !is_so() {
        assert!(began.elapsed() < BOUND, "after {BOUND:?} it is still not so that {what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    began.elapsed()
}
