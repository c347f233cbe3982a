//! Set-ups that were begun and left: pending devices whose secret was made here expire, with an
//! audit row. One that was given its secret is a token, which may wait for its owner.

use crate::device::{Device, DeviceState};
use crate::id::AccountId;
use crate::store::{Action, Change, DeviceList, Enrolled, Write};
use crate::time::UnixTime;
use crate::verifier::{Error, Verifier};

impl Verifier {
    /// Drops the pending devices that have expired, and returns their number. A device that changes
    /// meanwhile stays until the next time.
    pub(super) async fn drop_abandoned(&self, now: UnixTime) -> Result<u64, Error> {
        let mut dropped = 0;
        let mut after = None;
        loop {
            let list = DeviceList {
                state: Some(DeviceState::Pending),
                after,
                limit: PAGE,
                ..DeviceList::default()
            };
            let page = self.core.store.devices(list).await?;
            let mut accounts: Vec<&AccountId> = page
                .iter()
                .filter(|device| is_over(device, now))
                .filter_map(|device| device.account.as_ref())
                .collect();
            accounts.dedup();
            for account in accounts {
                dropped += self.drop_abandoned_of(account, now).await?;
            }
            after = page.last().map(|device| device.serial.clone());
            if u32::try_from(page.len()).is_ok_and(|length| length < PAGE) {
                return Ok(dropped);
            }
        }
    }

    async fn drop_abandoned_of(&self, account: &AccountId, now: UnixTime) -> Result<u64, Error> {
        let seen = self.core.store.account(account).await?;
        let devices = seen.iter().flat_map(|seen| &seen.devices);
        let over: Vec<&Enrolled> =
            devices.filter(|enrolled| is_over(&enrolled.device, now)).collect();
        let dropped = |enrolled: &&Enrolled| Write::DropPending {
            serial: enrolled.device.serial.clone(),
            seen: enrolled.revision,
        };
        let told = |enrolled: &&Enrolled| {
            let event = self.event(now, Action::DeviceExpired);
            event.account(account).serial(&enrolled.device.serial)
        };
        let change = Change {
            account: Some(account.clone()),
            writes: over.iter().map(dropped).collect(),
            audit: over.iter().map(told).collect(),
        };
        if over.is_empty() || self.commit(change).await?.is_none() {
            return Ok(0);
        }
        Ok(u64::try_from(over.len()).unwrap_or(u64::MAX))
    }
}

fn is_over(device: &Device, now: UnixTime) -> bool {
    device.expires_at().is_some_and(|at| now >= at)
}

/// Devices that are looked at in one read.
const PAGE: u32 = 1_000;
