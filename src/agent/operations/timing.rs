//! Timing of refusals.

use std::time::{Duration, Instant};

use tokio::time::sleep_until;

use crate::agent::state::State;

/// Waits for the next configured interval after `arrived`, so that the time of a refusal does not
/// show its reason.
pub(super) async fn leave_at_interval(state: &State, arrived: Instant) {
    at_multiple(Duration::from_millis(state.config.sessions.refusal_interval_ms), arrived).await;
}

/// Waits before a refused request gives its turn at an account to the caller's next one. Requests
/// that wait for each other would otherwise add up what each of them took.
pub(super) async fn end_turn(state: &State, begun: Instant) {
    let interval = Duration::from_millis(state.config.sessions.refusal_interval_ms);
    at_multiple(interval / TURNS_IN_INTERVAL, begun).await;
}

async fn at_multiple(interval: Duration, since: Instant) {
    let passed = since.elapsed().as_nanos();
    let intervals = passed
        .checked_div(interval.as_nanos())
        .and_then(|whole| u32::try_from(whole + 1).ok());
    if let Some(intervals) = intervals {
        sleep_until(tokio::time::Instant::from_std(since + interval * intervals)).await;
    }
}

/// Turns at one account that a caller can lose within an interval.
const TURNS_IN_INTERVAL: u32 = 5;
