//! The stored form of a time-based device's state, of this version and of earlier ones.

use serde::{Deserialize, Serialize};

use crate::device::TotpState;
use crate::otp::{ClockModel, Sample, TimeStep, Totp};
use crate::time::UnixTime;

/// A [`TotpState`] in a store. Versions before the clock model kept a drift and samples, which are
/// run through the model.
#[derive(Serialize, Deserialize)]
pub(super) struct StoredTotp {
    parameters: Totp,
    watermark: Option<TimeStep>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    doubtful: Option<TimeStep>,
    /// Offset in whole steps at the last measurement: lists of devices are filtered by it.
    #[serde(default)]
    drift: i64,
    #[serde(default, skip_serializing)]
    drift_moved_at: Option<UnixTime>,
    #[serde(default, skip_serializing)]
    samples: Vec<Sample>,
    #[serde(default)]
    clock: Option<ClockModel>,
}

impl From<StoredTotp> for TotpState {
    fn from(stored: StoredTotp) -> TotpState {
        let StoredTotp { parameters, watermark, doubtful, .. } = stored;
        let moved = (stored.drift, stored.drift_moved_at);
        let clock = stored.clock.unwrap_or_else(|| parameters.clock_of(moved, &stored.samples));
        TotpState { parameters, watermark, doubtful, clock }
    }
}

impl From<TotpState> for StoredTotp {
    fn from(state: TotpState) -> StoredTotp {
        let TotpState { parameters, watermark, doubtful, clock } = state;
        let measured = clock.measured_at().unwrap_or(UnixTime(0));
        StoredTotp {
            parameters,
            watermark,
            doubtful,
            drift: parameters.drift(&clock.foretell(measured)).steps,
            drift_moved_at: None,
            samples: Vec::new(),
            clock: Some(clock),
        }
    }
}
