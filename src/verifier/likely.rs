//! The device that a code or a pair without a serial number is of, for pages on which people type
//! what one of their devices shows.

use crate::device::{Budget, Device, PairSearch, PairUse, Verdict};
use crate::id::{AccountId, SerialNumber};
use crate::otp::{Code, CodePair, Key, Window};
use crate::store::{Account, Enrolled, Sealer};
use crate::time::UnixTime;
use crate::verifier::client::Client;
use crate::verifier::seed::open_seed;
use crate::verifier::{Error, Verifier};

impl Verifier {
    /// The device in use that would accept this code now, else the one that was used last of those
    /// that may be judged; none for an account without a device that shows codes. Nothing is judged
    /// or written: the code still has to be verified, and a wrong one counts for the device that is
    /// named here. A device that waits is not looked at, so no guess is free.
    ///
    /// # Errors
    /// [`Error::Clock`], [`Error::Store`] or [`Error::Key`].
    pub(crate) async fn device_of_code(
        &self,
        account: &AccountId,
        code: &Code,
    ) -> Result<Option<SerialNumber>, Error> {
        let admits = |device: &Device, client: &Client<'_>, _: &Account, now| {
            device.admit(client.budget, now).is_ok()
        };
        self.likely_device(account, admits, |device, key, client, now| {
            device.accept(key, code, client.budget, now).verdict == Verdict::Accepted
        })
        .await
    }

    /// The device in use that would accept these two codes now, else the one that was used last of
    /// those that may be judged.
    ///
    /// # Errors
    /// As [`device_of_code`](Verifier::device_of_code).
    pub(crate) async fn device_of_pair(
        &self,
        account: &AccountId,
        codes: CodePair<'_>,
        window: Window,
    ) -> Result<Option<SerialNumber>, Error> {
        let search = PairSearch { wanted: PairUse::SignIn, window, counter: codes.counter };
        let admits = |device: &Device, client: &Client<'_>, account: &Account, now| {
            let spender = (client.budget == Budget::Shared).then_some(&self.caller);
            device.admit_pair(search, spender, now).is_ok()
                && client.pairs_spent_until(account, now).is_none()
        };
        self.likely_device(account, admits, |device, key, _, now| {
            let judged = device.accept_pair(key, (codes.codes, search), None, now);
            judged.verdict == Verdict::Accepted
        })
        .await
    }

    async fn likely_device(
        &self,
        account: &AccountId,
        admits: impl Fn(&Device, &Client<'_>, &Account, UnixTime) -> bool,
        accepts: impl Fn(&Device, &Key, &Client<'_>, UnixTime) -> bool,
    ) -> Result<Option<SerialNumber>, Error> {
        let sealer: &Sealer = &*self.keys().await?;
        let now = self.now().await?;
        let tag = &self.client_tag(sealer, account);
        let Some(seen) = self.core.store.account(account).await? else { return Ok(None) };
        let client = Client::of(&seen.account, tag.as_ref());
        let shows_codes =
            |enrolled: &&Enrolled| enrolled.device.is_in_use() && enrolled.device.can_be_guessed();
        let mut devices: Vec<&Enrolled> = seen.devices.iter().filter(shows_codes).collect();
        devices.sort_by_key(|enrolled| std::cmp::Reverse(enrolled.device.last_used_at));
        let last_used = devices.first().map(|enrolled| enrolled.device.serial.clone());
        if devices.len() < 2 {
            return Ok(last_used);
        }
        devices.retain(|enrolled| admits(&enrolled.device, &client, &seen.account, now));
        for enrolled in &devices {
            let Some(seed) = open_seed(sealer, enrolled)? else { continue };
            let Some(key) = enrolled.device.key(&seed) else { continue };
            if accepts(&enrolled.device, &key, &client, now) {
                return Ok(Some(enrolled.device.serial.clone()));
            }
        }
        let charged = devices.first().map(|enrolled| enrolled.device.serial.clone());
        Ok(charged.or(last_used))
    }
}
