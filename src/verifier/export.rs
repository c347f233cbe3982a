//! Devices with their seeds, for exports.

use crate::device::{Device, DeviceState, Factor};
use crate::id::AccountId;
use crate::import::{Exported, ExportedFactor};
use crate::otp::Seed;
use crate::secret::Secret;
use crate::store::Action;
use crate::time::UnixTime;
use crate::verifier::decide::Judgement;
use crate::verifier::seed::open_seed;
use crate::verifier::{Error, Verifier};

impl Verifier {
    /// Writes to the audit log that secrets are exported: of an account, or of all.
    pub(crate) async fn note_export(&self, account: Option<&AccountId>) -> Result<(), Error> {
        let _ = self.keys().await?;
        self.decide_alone(|now| {
            let mut event = self.event(now, Action::DevicesExported);
            event.account = account.cloned();
            std::future::ready(Ok(Judgement::change(Vec::new(), vec![event], ())))
        })
        .await
    }

    /// The device as it is now, with its seed; none for a device that is gone or shows no codes.
    ///
    /// The seed opens every account that it belongs to: only an export that is encrypted and
    /// audited asks for it.
    pub(crate) async fn exported(
        &self,
        device: &Device,
        issuer: &str,
    ) -> Result<Option<Exported>, Error> {
        let store = &self.core.store;
        let found = match &device.account {
            None => store.unassigned(&device.serial).await?,
            Some(account) => {
                let seen = store.account(account).await?;
                seen.and_then(|seen| seen.device(&device.serial).cloned())
            }
        };
        let Some(enrolled) = found else { return Ok(None) };
        let seed = open_seed(&*self.keys().await?, &enrolled)?;
        let now = self.clock().read().wall;
        Ok(seed.and_then(|seed| written(&enrolled.device, &seed, issuer, now)))
    }
}

fn written(device: &Device, seed: &Seed, issuer: &str, now: UnixTime) -> Option<Exported> {
    let (algorithm, digits, factor) = match &device.factor {
        Factor::Totp(totp) => {
            let parameters = &totp.parameters;
            let factor = ExportedFactor::Totp {
                period: u64::from(parameters.step_size.seconds()),
                t0: parameters.t0,
                drift: device.drift(now).map_or(0, |drift| drift.steps),
                watermark: totp.watermark.map(|step| step.0),
                clock: serde_json::to_string(&totp.clock).ok(),
            };
            (parameters.algorithm, parameters.digits, factor)
        }
        Factor::Hotp(hotp) => {
            let next = hotp.next.filter(|_| !hotp.pair_needed).map(|next| next.0);
            let parameters = &hotp.parameters;
            (parameters.algorithm, parameters.digits, ExportedFactor::Hotp { next })
        }
        Factor::SecurityKey(_) | Factor::Recovery(_) => return None,
    };
    Some(Exported {
        serial: device.serial.to_string(),
        account: device.account.as_ref().map(ToString::to_string),
        name: device.name.as_ref().map(|name| name.as_str().to_owned()),
        issuer: issuer.to_owned(),
        secret: Secret::from(seed.expose()),
        algorithm,
        digits: u64::from(digits.count()),
        factor,
        disabled: device.state == DeviceState::Disabled,
        hardware: device.hardware,
    })
}
