//! The methods of a store.

use std::sync::Arc;

use super::work::{Done, Work};
use super::{SqliteStore, audit, audit_check, keys, read, revoked, row, sql};
use crate::device::{Device, DeviceState, Tombstone};
use crate::id::{AccountId, SerialNumber};
use crate::store::columns::{stored, unsigned};
use crate::store::{
    AccountEntry, AccountList, AccountSnapshot, Adoption, Answer, ApiKeyRecord, AuditEnds,
    AuditList, AuditReport, AuditRow, Change, Commit, DeviceList, Enrolled, Error, Fingerprint,
    FleetDevice, KeyNeed, Resealable, RevocationLimits, Revocations, SealingKeyId,
    SigningKeyRecord, SingleUse, SingleUseList, Store, StoreKeys, Task,
};
use crate::time::UnixTime;

impl Store for SqliteStore {
    fn commit(&self, change: Change) -> Answer<'_, Commit> {
        Box::pin(async move {
            match self.done(Work::Change(change)).await? {
                Done::Change(commit) => Ok(commit),
                Done::Expired(_) | Done::Tried | Done::Unlocked | Done::Settled(_) => {
                    Err(Error::Unknown("the store answered something else".to_owned()))
                }
            }
        })
    }

    fn unlock(&self, keys: StoreKeys, adoption: Option<Adoption>) -> Answer<'_, ()> {
        Box::pin(async move { self.done(Work::Unlock(keys, adoption)).await.map(|_| ()) })
    }

    fn writable(&self) -> Answer<'_, ()> {
        Box::pin(async move {
            // Only after a failure: anyone may ask whether the store is ready, and a write costs a
            // sync.
            if self.open.health.failed() { self.done(Work::Try).await.map(|_| ()) } else { Ok(()) }
        })
    }

    fn hold(&self, task: Task) -> Answer<'_, bool> {
        let held = self.open.tasks.hold(self.open.readers.place().path(), task);
        Box::pin(std::future::ready(held))
    }

    fn account<'a>(&'a self, account: &'a AccountId) -> Answer<'a, Option<AccountSnapshot>> {
        Box::pin(async move { self.here(|conn| read::account(conn, account)) })
    }

    fn owner<'a>(&'a self, serial: &'a SerialNumber) -> Answer<'a, Option<AccountId>> {
        Box::pin(async move {
            self.here(|conn| read::owner(conn, sql::DEVICE_OWNER, [serial.as_str()]))
        })
    }

    fn unassigned<'a>(&'a self, serial: &'a SerialNumber) -> Answer<'a, Option<Enrolled>> {
        Box::pin(async move { self.here(|conn| read::unassigned(conn, serial)) })
    }

    fn spelt_alike<'a>(&'a self, serial: &'a SerialNumber) -> Answer<'a, Option<SerialNumber>> {
        Box::pin(async move {
            self.all_settled().await?;
            self.here(|conn| read::spelt_alike(conn, serial))
        })
    }

    fn owner_by_fingerprint(&self, fingerprint: Fingerprint) -> Answer<'_, Option<AccountId>> {
        Box::pin(async move {
            self.here(|conn| read::owner(conn, sql::DEVICE_OWNER_BY_FINGERPRINT, [fingerprint.0]))
        })
    }

    fn holder<'a>(
        &'a self,
        fingerprint: Fingerprint,
        except: &'a SerialNumber,
    ) -> Answer<'a, Option<SerialNumber>> {
        Box::pin(async move { self.here(|conn| read::holder(conn, fingerprint, except)) })
    }

    fn tombstones<'a>(
        &'a self,
        serial: &'a SerialNumber,
        fingerprint: Fingerprint,
    ) -> Answer<'a, Vec<Tombstone>> {
        Box::pin(async move {
            self.here(|conn| {
                let alike = read::fingerprints_alike(conn, Some(fingerprint))?;
                let found = read::tombstones(conn, serial.as_str(), &alike)?;
                Ok(found.into_iter().map(|(_, tombstone)| tombstone).collect())
            })
        })
    }

    fn accounts(&self, list: AccountList) -> Answer<'_, Vec<AccountEntry>> {
        Box::pin(async move {
            self.settled().await?;
            self.elsewhere(move |conn| read::accounts(conn, &list)).await
        })
    }

    fn devices(&self, list: DeviceList) -> Answer<'_, Vec<Device>> {
        Box::pin(self.elsewhere(move |conn| read::devices(conn, &list)))
    }

    fn count_devices(&self, state: DeviceState) -> Answer<'_, u64> {
        Box::pin(self.elsewhere(move |conn| read::count_devices(conn, state)))
    }

    fn fleet<'a>(
        &'a self,
        after: Option<&'a SerialNumber>,
        limit: u32,
    ) -> Answer<'a, Vec<FleetDevice>> {
        Box::pin(async move {
            self.settled().await?;
            let after = after.cloned();
            self.elsewhere(move |conn| read::fleet(conn, after.as_ref(), limit)).await
        })
    }

    fn single_use<'a>(&'a self, id: &'a str, now: UnixTime) -> Answer<'a, Option<SingleUse>> {
        Box::pin(async move { self.here(|conn| read::single_use(conn, id, now)) })
    }

    fn single_uses(&self, list: SingleUseList) -> Answer<'_, Vec<SingleUse>> {
        Box::pin(self.elsewhere(move |conn| read::single_uses(conn, &list)))
    }

    fn consumed<'a>(&'a self, id: &'a str, now: UnixTime) -> Answer<'a, Option<AccountId>> {
        Box::pin(async move {
            self.here(|conn| {
                let what = "the account of a single-use item";
                let values = (id, stored(now.0));
                let found: Option<String> =
                    read::intact(conn, what, sql::SINGLE_USE_CONSUMED, values)?;
                found.map(|account| row::account_id(what, &account)).transpose()
            })
        })
    }

    fn session_revoked<'a>(&'a self, session_id: &'a str) -> Answer<'a, bool> {
        Box::pin(async move {
            self.here(|conn| {
                Ok(read::one::<i64>(conn, sql::SESSION_REVOKED, [session_id])?.is_some())
            })
        })
    }

    fn revocations(
        &self,
        since: UnixTime,
        now: UnixTime,
        limits: RevocationLimits,
    ) -> Answer<'_, Revocations> {
        Box::pin(self.elsewhere(move |conn| revoked::revocations(conn, since, now, limits)))
    }

    fn revocations_of<'a>(&'a self, account: &'a AccountId) -> Answer<'a, u64> {
        Box::pin(async move { self.here(|conn| revoked::revocations_of(conn, account)) })
    }

    fn control_version(&self) -> Answer<'_, u64> {
        Box::pin(async move {
            self.here(|conn| Ok(unsigned(read::control(conn, sql::CONTROL_VERSION)?)))
        })
    }

    fn signing_keys(&self) -> Answer<'_, Vec<SigningKeyRecord>> {
        Box::pin(async move {
            self.here(|conn| read::keys(conn, sql::ALL_SIGNING_KEYS, sql::SIGNING_KEYS_SET))
        })
    }

    fn api_keys(&self) -> Answer<'_, Vec<ApiKeyRecord>> {
        Box::pin(
            async move { self.here(|conn| read::keys(conn, sql::ALL_API_KEYS, sql::API_KEYS_SET)) },
        )
    }

    fn value<'a>(&'a self, name: &'a str) -> Answer<'a, Option<Vec<u8>>> {
        Box::pin(async move { self.here(|conn| read::intact(conn, "a value", sql::VALUE, [name])) })
    }

    fn values<'a>(&'a self, prefix: &'a str) -> Answer<'a, Vec<(String, Vec<u8>)>> {
        Box::pin(async move { self.here(|conn| read::values(conn, prefix)) })
    }

    fn highest_time(&self) -> Answer<'_, Option<UnixTime>> {
        Box::pin(async move {
            let time: Option<i64> = self.here(|conn| read::control(conn, sql::TIME))?;
            Ok(time.map(|time| UnixTime(unsigned(time))))
        })
    }

    fn sealed_under_other_keys(&self, current: [u8; 8], limit: u32) -> Answer<'_, Vec<Resealable>> {
        Box::pin(self.elsewhere(move |conn| read::sealed_under_other_keys(conn, current, limit)))
    }

    fn secrets_by_key(&self, except: Option<SealingKeyId>) -> Answer<'_, Vec<KeyNeed>> {
        Box::pin(self.elsewhere(move |conn| keys::secrets_by_key(conn, except)))
    }

    fn audit_rows(&self, list: AuditList) -> Answer<'_, Vec<AuditRow>> {
        Box::pin(self.elsewhere(move |conn| audit::rows(conn, &list)))
    }

    fn verify_audit(&self) -> Answer<'_, AuditReport> {
        let cell = Arc::clone(self.open.readers.cell());
        Box::pin(self.elsewhere(move |conn| audit_check::verify(conn, cell.audit())))
    }

    fn audit_ends(&self) -> Answer<'_, AuditEnds> {
        let cell = Arc::clone(self.open.readers.cell());
        Box::pin(self.elsewhere(move |conn| audit_check::ends(conn, cell.audit())))
    }

    fn expire(&self, now: UnixTime, audit_before: UnixTime) -> Answer<'_, u64> {
        Box::pin(async move {
            let mut total = 0;
            // One short transaction after the other, so that changes get their turn between them.
            loop {
                match self.done(Work::Expire { now, audit_before }).await? {
                    Done::Expired(0) => return Ok(total),
                    Done::Expired(gone) => total += gone,
                    Done::Change(_) | Done::Tried | Done::Unlocked | Done::Settled(_) => {
                        return Err(Error::Unknown("the store answered something else".to_owned()));
                    }
                }
            }
        })
    }
}
