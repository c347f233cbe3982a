//! The part of a device's body that a look at a whole fleet needs; the rest is skipped.

use serde::Deserialize;

use crate::device::{Added, DeviceState, Throttle, TotpState};
use crate::id::{AccountId, SerialNumber};
use crate::store::FleetDevice;
use crate::time::UnixTime;

#[derive(Deserialize)]
struct FleetBody {
    serial: SerialNumber,
    account: AccountId,
    state: DeviceState,
    created_at: UnixTime,
    last_used_at: Option<UnixTime>,
    factor: FleetFactor,
    throttle: Throttle,
    #[serde(default)]
    added: Added,
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum FleetFactor {
    Totp(TotpState),
}

/// The device with this body, which is time-based.
pub(super) fn fleet_device(body: &str) -> Result<FleetDevice, serde_json::Error> {
    let body: FleetBody = serde_json::from_str(body)?;
    let FleetFactor::Totp(TotpState { parameters, clock, .. }) = body.factor;
    Ok(FleetDevice {
        serial: body.serial,
        account: body.account,
        state: body.state,
        parameters,
        clock,
        created_at: body.created_at,
        last_used_at: body.last_used_at,
        throttle: body.throttle,
        added: body.added,
    })
}
