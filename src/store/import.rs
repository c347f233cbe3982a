//! Imports: many devices that become visible at once.
//!
//! Devices are staged in batches, each a change of its own, and no query sees them. One small write
//! publishes them all; until then the import can be dropped, and one that is abandoned is.

use crate::device::Device;
use crate::store::{Fingerprint, Sealed};

/// The id of an import, random.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ImportId(pub [u8; 16]);

/// A device of an import.
#[derive(Clone, Debug)]
pub struct StagedDevice {
    /// The device.
    pub device: Device,
    /// The device's seed, if its kind has one.
    pub seed: Option<Sealed>,
    /// Unique among all devices, staged or published: of its seed, or of its credential.
    pub fingerprint: Option<Fingerprint>,
}
