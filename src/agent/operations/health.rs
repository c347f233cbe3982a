//! Health: readiness, and the metrics of a scrape.

use std::time::Duration;

use crate::agent::access::{Caller, Denied, Failure};
use crate::agent::config::{MetricsAccess, Role};
use crate::agent::metrics::Detail;
use crate::agent::state::State;
use crate::device::DeviceState;
use crate::store::KeyNeed;
use crate::time::UnixTime;

/// A ready agent.
pub(crate) struct Ready {
    pub(crate) now: UnixTime,
    /// Sealing keys after the first one that secrets still need.
    pub(crate) older_sealing_keys: Vec<KeyNeed>,
    /// The time of a restore that no administrator has accepted yet.
    pub(crate) restored_at: Option<UnixTime>,
}

/// Fails unless the store answers and keeps changes, the sealing keys fit it and the clock is
/// trusted.
pub(crate) async fn ready(state: &State) -> Result<Ready, Failure> {
    state.verifier.ready().await?;
    state.verifier.store().control_version().await?;
    let older_sealing_keys = state.verifier.older_sealing_keys().await?;
    let restored_at = state.verifier.restored().await?;
    Ok(Ready { now: state.verifier.clock().read().wall, older_sealing_keys, restored_at })
}

/// `true` if the metrics are for known callers alone.
pub(crate) fn metrics_need_caller(state: &State) -> Result<bool, Denied> {
    match state.config.metrics {
        MetricsAccess::Open => Ok(false),
        MetricsAccess::Verifier | MetricsAccess::Admin => Ok(true),
        MetricsAccess::Off => Err(Denied::NotFound("page")),
    }
}

/// The metrics as text, as of now. A store that hangs delays a scrape for [`LONGEST_LOOK`] at most.
pub(crate) async fn metrics(state: &State, caller: Option<&Caller>) -> Result<String, Failure> {
    if metrics_need_caller(state)? {
        let role = match state.config.metrics {
            MetricsAccess::Verifier => Role::Verifier,
            _ => Role::Admin,
        };
        caller.ok_or(Denied::Unauthenticated)?.must_be(role)?;
    }
    let detail = match caller {
        Some(caller) if caller.role == Role::Admin => Detail::All,
        _ => Detail::Health,
    };
    let look = async {
        let ready = state.verifier.ready().await;
        let _ = state.verifier.older_sealing_keys().await;
        look_at_estate(state, detail).await;
        ready
    };
    match tokio::time::timeout(LONGEST_LOOK, look).await {
        Ok(ready) => state.metrics.probed(&ready),
        Err(_) => state.metrics.not_answered(),
    }
    Ok(state.metrics.text(detail))
}

/// Reads what the agent keeps. Gauges stay as they were where the store does not answer.
async fn look_at_estate(state: &State, detail: Detail) {
    if let Ok(last) = state.verifier.last_backup().await {
        state.metrics.estate.backed_up(last);
    }
    if detail == Detail::Health {
        return;
    }
    let mut devices = Vec::new();
    for of in DeviceState::ALL {
        match state.verifier.store().count_devices(of).await {
            Ok(count) => devices.push((of, count)),
            Err(_) => return,
        }
    }
    state.metrics.estate.devices(devices);
}

/// Time that a scrape waits for the store.
const LONGEST_LOOK: Duration = Duration::from_secs(1);
