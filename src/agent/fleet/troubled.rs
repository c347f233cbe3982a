//! Tokens whose owners may need help now: their codes wait after wrong ones, two codes are needed,
//! or their clock is far off.

use std::sync::Arc;

use crate::device::DeviceState;
use crate::fleet::Token;
use crate::id::SerialNumber;
use crate::store::FleetDevice;
use crate::time::UnixTime;

/// A list in the making.
pub(super) struct Troubled {
    now: UnixTime,
    serials: Vec<SerialNumber>,
}

impl Troubled {
    /// An empty list of this time.
    pub(super) fn at(now: UnixTime) -> Troubled {
        Troubled { now, serials: Vec::new() }
    }

    /// Notes a token, unless it is locked: locked ones are found by their state.
    pub(super) fn note(&mut self, device: &FleetDevice, token: &Token) {
        let waits = device.throttle.until().is_some_and(|until| until > self.now);
        let needs_pair = token.works_until.is_some_and(|until| until <= self.now);
        let is_far = token.offset.abs() >= FAR;
        let is_active = device.state == DeviceState::Active;
        if is_active && (waits || needs_pair || is_far) && self.serials.len() < MOST {
            self.serials.push(token.serial.clone());
        }
    }

    pub(super) fn finish(self) -> Arc<[SerialNumber]> {
        self.serials.into()
    }
}

/// Seconds between a clock and ours from which a person would call it wrong.
const FAR: f64 = 120.0;

/// The longest list.
const MOST: usize = 1_000;
