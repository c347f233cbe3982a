//! Seeds of devices, opened.

use crate::otp::Seed;
use crate::store;
use crate::store::{Enrolled, KeyError, Sealer};
use crate::verifier::Error;

/// A device's seed, opened. None for a kind without one.
pub(super) fn open_seed(sealer: &Sealer, enrolled: &Enrolled) -> Result<Option<Seed>, Error> {
    let Some(sealed) = &enrolled.seed else { return Ok(None) };
    let device = &enrolled.device;
    let place = Sealer::seed_place(&device.serial, device.account.as_ref());
    let secret = sealer.keyring().open(&place, sealed).ok_or(KeyError::Wrong)?;
    let impossible =
        |_| store::Error::Corrupt(format!("the seed of {} has an impossible size", device.serial));
    Ok(Some(Seed::new(secret.expose().to_vec()).map_err(impossible)?))
}
