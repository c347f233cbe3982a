//! The remains of a removed device.

use serde::{Deserialize, Serialize};

use crate::device::Factor;
use crate::id::SerialNumber;
use crate::time::UnixTime;

/// Permanent remainder of a removed device: everything at or below it stays consumed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tombstone {
    /// The device's serial number.
    pub serial: SerialNumber,
    /// The device's last factor: watermark, counter.
    pub factor: Factor,
    /// Contexts made with the device up to this time are revoked.
    pub revoked_before: UnixTime,
    /// Contexts made with the device under a lower generation are revoked.
    #[serde(default)]
    pub generation: u64,
}

impl Tombstone {
    /// True if the device was in use before its removal.
    pub fn was_in_use(&self) -> bool {
        // The removal of a device that was activated is a generation of its own.
        self.generation > 0
    }
}
