//! The rate of a batch, from the devices of it that are in use.
//!
//! Crystals of one batch and model have much the same rate. A new token that begins with it is
//! found by its first pair after years in a drawer, and followed well from its first month on.

use crate::device::{Batch, DeviceState, SecretOrigin};
use crate::id::SerialNumber;
use crate::otp::{RatePrior, Totp};
use crate::store::FleetDevice;
use crate::verifier::{Error, Verifier};

impl Verifier {
    /// The rate that a token with this serial number and these parameters begins with, where enough
    /// tokens of its batch and model are well known.
    pub(super) async fn rate_of_batch(
        &self,
        serial: &SerialNumber,
        parameters: &Totp,
    ) -> Result<Option<RatePrior>, Error> {
        let batch = Batch::of(serial);
        let Some(mut after) = before(&batch, serial) else { return Ok(None) };
        let (now, mut rates) = (self.clock().read().wall, Vec::new());
        for _ in 0..MOST_PAGES {
            let page = self.store().fleet(Some(&after), PAGE).await?;
            let same = page.iter().filter(|device| Batch::of(&device.serial) == batch);
            let clocks = same
                .filter(|device| is_alike(device, parameters))
                .map(|device| device.clock.foretell(now));
            let known = clocks.filter(|clock| clock.rate_doubt <= RatePrior::KNOWN);
            rates.extend(known.map(|clock| clock.rate));
            match page.last() {
                Some(last)
                    if rates.len() < MANY && last.serial.as_str().starts_with(batch.as_str()) =>
                {
                    after = last.serial.clone();
                }
                _ => break,
            }
        }
        Ok(RatePrior::of_kind(rates))
    }
}

/// A serial number that comes just before all of this batch, for a token that has a number in it.
fn before(batch: &Batch, serial: &SerialNumber) -> Option<SerialNumber> {
    let number = serial.as_str().strip_prefix(batch.as_str())?;
    let is_number =
        !batch.as_str().is_empty() && number.bytes().all(|digit| digit.is_ascii_digit());
    // The character before the digits.
    let first = format!("{batch}{}", "/".repeat(number.len()));
    is_number.then(|| first.parse().ok()).flatten()
}

/// True for a token in use of the same model. An app has no batch.
fn is_alike(device: &FleetDevice, parameters: &Totp) -> bool {
    let Totp { algorithm, digits, step_size, .. } = device.parameters;
    let in_use = matches!(device.state, DeviceState::Active | DeviceState::Locked);
    in_use
        && device.added.secret == SecretOrigin::Given
        && device.clock.is_measured()
        && (algorithm, digits, step_size)
            == (parameters.algorithm, parameters.digits, parameters.step_size)
}

/// Known tokens beyond which more say little.
const MANY: usize = 100;

/// Devices per read.
const PAGE: u32 = 250;

/// The most reads for one addition.
const MOST_PAGES: usize = 8;
