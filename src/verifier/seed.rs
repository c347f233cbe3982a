//! Seeds of devices, opened.

use crate::otp::Seed;
use crate::store;
use crate::store::{Enrolled, KeyError, Sealer, random};
use crate::verifier::Error;

/// A new seed, of 160 bits.
pub(super) fn new_seed() -> Result<Seed, Error> {
    let seed = Seed::new(random::<SEED_BYTES>()?.to_vec());
    Ok(seed.expect("20 bytes are always a seed"))
}

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

/// 160 bits, as RFC 4226 §4 (R6) recommends.
const SEED_BYTES: usize = 20;
