//! Diagnosis of a pair of codes for administrators: names what is wrong with a device, and changes
//! nothing but its allowance.

use std::sync::Arc;

use crate::device::{Batch, Device, Diagnosis, Refusal};
use crate::id::{AccountId, SerialNumber};
use crate::otp::{Code, Seed};
use crate::store::{Action, Enrolled, Write};
use crate::time::UnixTime;
use crate::verifier::decide::Judgement;
use crate::verifier::seed::open_seed;
use crate::verifier::work::Work;
use crate::verifier::{Error, Verifier};

/// A device and what two codes say about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnosed {
    /// The device, unchanged but for its allowance.
    pub device: Device,
    /// The causes.
    pub diagnosis: Diagnosis,
}

impl Verifier {
    /// Names the cause for which two consecutive codes of a device do not work. Nothing is
    /// accepted: watermark, state and the allowance of pairs stay as they are.
    ///
    /// The answer names a neighbour only if it is in an account that `sees` admits. One diagnosis
    /// is computed at a time, off the async threads; each device has ten an hour.
    ///
    /// # Errors
    /// [`Error::NotFound`]; [`Error::BadInput`] for a device that shows no codes;
    /// [`Error::Refused`] with [`Refusal::PairsSpent`] once the allowance is spent.
    pub async fn diagnose(
        &self,
        serial: &SerialNumber,
        codes: [&Code; 2],
        sees: impl Fn(&AccountId) -> bool,
    ) -> Result<Diagnosed, Error> {
        let (enrolled, now) = self.admit_diagnosis(serial).await?;
        let (device, seed) = self.with_seed(&enrolled).await?.ok_or_else(no_codes)?;
        let mut neighbours = Vec::new();
        for serial in Batch::neighbours(serial, NEIGHBOURS) {
            let Some(account) = self.core.store.owner(&serial).await? else { continue };
            if !sees(&account) {
                continue;
            }
            let seen = self.core.store.account(&account).await?;
            let Some(enrolled) = seen.as_ref().and_then(|seen| seen.device(&serial)) else {
                continue;
            };
            neighbours.extend(self.with_seed(enrolled).await?);
        }
        let codes = codes.map(Code::clone);
        let named = device.clone();
        let diagnosis = self
            .compute(move || named.diagnose(&seed, &neighbours, codes.each_ref(), now))
            .await?;
        Ok(Diagnosed { device, diagnosis })
    }

    /// Spends the allowance of diagnoses, before anything is computed.
    async fn admit_diagnosis(&self, serial: &SerialNumber) -> Result<(Enrolled, UnixTime), Error> {
        let account = &self.owner(serial).await?;
        let admitted = self.decide(account, |seen, now| async move {
            let seen = seen.ok_or(Error::NotFound("device"))?;
            let enrolled = seen.device(serial).ok_or(Error::NotFound("device"))?;
            if !enrolled.device.can_be_guessed() {
                return Err(no_codes());
            }
            if let Some(until) = enrolled.device.diagnoses.spent_until(now) {
                let refusal = Refusal::PairsSpent { until };
                return Err(self.not_judged(account, Some(serial), now, refusal));
            }
            let diagnoses = enrolled.device.diagnoses.after_diagnosis(now);
            let device = Device { diagnoses, ..enrolled.device.clone() };
            let update = Write::UpdateDevice { seen: enrolled.revision, device: device.clone() };
            let event = self.event(now, Action::DeviceDiagnosed).account(account).serial(serial);
            let admitted = Enrolled { device, ..enrolled.clone() };
            Ok(Judgement::change(vec![update], vec![event], (admitted, now)))
        });
        Ok(admitted.await?.0)
    }

    /// A device with its seed; none for a kind without one.
    async fn with_seed(&self, enrolled: &Enrolled) -> Result<Option<(Device, Seed)>, Error> {
        let keys = self.keys().await?;
        let seed = open_seed(&keys, enrolled)?;
        Ok(seed.map(|seed| (enrolled.device.clone(), seed)))
    }

    /// Runs one long search at a time, off the async threads. It ends even if its caller leaves.
    async fn compute<T: Send + 'static>(
        &self,
        search: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, Error> {
        let failed = || Error::BadInput("the diagnosis failed".to_owned());
        let turn = Arc::clone(&self.core.diagnoses).acquire_owned().await;
        let (turn, core) = (turn.map_err(|_| failed())?, Arc::clone(&self.core));
        let searched = tokio::task::spawn_blocking(move || {
            let _turn = turn;
            Work::default().spend(&core.counters, search)
        });
        searched.await.map_err(|_| failed())
    }
}

fn no_codes() -> Error {
    Error::BadInput(
        "this device shows no consecutive codes: only totp and hotp devices are diagnosed"
            .to_owned(),
    )
}

/// Serial numbers on each side of a device's own that are looked at.
const NEIGHBOURS: u16 = 10;
