//! Timing of refusals.

use std::time::{Duration, Instant};

use crate::agent::state::State;

/// Waits for the next configured interval after `arrived`, so that the time of a refusal does not
/// show its reason.
pub(super) async fn leave_at_interval(state: &State, arrived: Instant) {
    let interval = Duration::from_millis(state.config.sessions.refusal_interval_ms);
    let passed = arrived.elapsed().as_nanos();
    let intervals = passed
        .checked_div(interval.as_nanos())
        .and_then(|whole| u32::try_from(whole + 1).ok());
    if let Some(intervals) = intervals {
        tokio::time::sleep_until(tokio::time::Instant::from_std(arrived + interval * intervals))
            .await;
    }
}
