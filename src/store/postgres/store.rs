//! The methods of a store, each with the connection that it needs.

use super::{PostgresStore, audit, audit_check, lists, read, revocations, secrets};
use crate::device::{Device, DeviceState, Tombstone};
use crate::id::{AccountId, SerialNumber};
use crate::store::{
    AccountEntry, AccountList, AccountSnapshot, Adoption, AfterUnknown, Answer, ApiKeyRecord,
    AuditEnds, AuditList, AuditReport, AuditRow, Change, Commit, DeviceList, Enrolled, Fingerprint,
    FleetDevice, KeyNeed, PEPPER, PepperNames, Resealable, RevocationLimits, Revocations,
    SealingKeyId, SigningKeyRecord, SingleUse, SingleUseList, Store, StoreKeys, TABLES_PEPPER,
    Task,
};
use crate::time::UnixTime;

/// A read on a connection of its own.
macro_rules! reads {
    ($store:ident, |$reader:ident| $read:expr) => {
        Box::pin(async move {
            let lease = $store.open.readers.take().await?;
            let $reader = &*lease.reader;
            $read.await
        })
    };
}

/// A read of rows that published imports become: they become it first.
macro_rules! reads_settled {
    ($store:ident, |$reader:ident| $read:expr) => {
        Box::pin(async move {
            $store.open.lanes.settle().await?;
            let lease = $store.open.readers.take().await?;
            let $reader = &*lease.reader;
            $read.await
        })
    };
}

impl Store for PostgresStore {
    fn commit(&self, change: Change) -> Answer<'_, Commit> {
        Box::pin(self.open.lanes.commit(change))
    }

    fn unlock(&self, keys: StoreKeys, adoption: Option<Adoption>) -> Answer<'_, ()> {
        Box::pin(self.open.lanes.unlock(keys, adoption))
    }

    fn pepper_names(&self) -> PepperNames {
        PepperNames { now: TABLES_PEPPER, earlier: PEPPER }
    }

    fn writable(&self) -> Answer<'_, ()> {
        Box::pin(self.open.lanes.writable())
    }

    /// The connection is given up, and the lane begins anew with what the server has.
    fn after_unknown(&self) -> AfterUnknown {
        AfterUnknown::GoOn
    }

    fn hold(&self, task: Task) -> Answer<'_, bool> {
        Box::pin(self.open.tasks.hold(task))
    }

    fn account<'a>(&'a self, account: &'a AccountId) -> Answer<'a, Option<AccountSnapshot>> {
        Box::pin(self.open.loads.account(account))
    }

    fn owner<'a>(&'a self, serial: &'a SerialNumber) -> Answer<'a, Option<AccountId>> {
        reads!(self, |reader| read::owner(reader, serial))
    }

    fn unassigned<'a>(&'a self, serial: &'a SerialNumber) -> Answer<'a, Option<Enrolled>> {
        reads_settled!(self, |reader| read::unassigned(reader, serial))
    }

    fn spelt_alike<'a>(&'a self, serial: &'a SerialNumber) -> Answer<'a, Option<SerialNumber>> {
        reads_settled!(self, |reader| read::spelt_alike(reader, serial))
    }

    fn owner_by_fingerprint(&self, fingerprint: Fingerprint) -> Answer<'_, Option<AccountId>> {
        reads!(self, |reader| read::owner_by_fingerprint(reader, fingerprint))
    }

    fn holder<'a>(
        &'a self,
        fingerprint: Fingerprint,
        except: &'a SerialNumber,
    ) -> Answer<'a, Option<SerialNumber>> {
        reads!(self, |reader| read::holder(reader, fingerprint, except))
    }

    fn tombstones<'a>(
        &'a self,
        serial: &'a SerialNumber,
        fingerprint: Fingerprint,
    ) -> Answer<'a, Vec<Tombstone>> {
        reads!(self, |reader| read::tombstones(reader, serial, fingerprint))
    }

    fn accounts(&self, list: AccountList) -> Answer<'_, Vec<AccountEntry>> {
        reads_settled!(self, |reader| lists::accounts(reader, &list))
    }

    fn devices(&self, list: DeviceList) -> Answer<'_, Vec<Device>> {
        reads_settled!(self, |reader| lists::devices(reader, &list))
    }

    fn count_devices(&self, state: DeviceState) -> Answer<'_, u64> {
        reads!(self, |reader| lists::count_devices(reader, state))
    }

    fn fleet<'a>(
        &'a self,
        after: Option<&'a SerialNumber>,
        limit: u32,
    ) -> Answer<'a, Vec<FleetDevice>> {
        reads_settled!(self, |reader| lists::fleet(reader, after, limit))
    }

    fn single_use<'a>(&'a self, id: &'a str, now: UnixTime) -> Answer<'a, Option<SingleUse>> {
        reads!(self, |reader| read::single_use(reader, id, now))
    }

    fn single_uses(&self, list: SingleUseList) -> Answer<'_, Vec<SingleUse>> {
        reads!(self, |reader| read::single_uses(reader, &list))
    }

    fn consumed<'a>(&'a self, id: &'a str, now: UnixTime) -> Answer<'a, Option<AccountId>> {
        reads!(self, |reader| read::consumed(reader, id, now))
    }

    fn session_revoked<'a>(&'a self, session_id: &'a str) -> Answer<'a, bool> {
        reads!(self, |reader| read::session_revoked(reader, session_id))
    }

    fn revocations(
        &self,
        since: UnixTime,
        now: UnixTime,
        limits: RevocationLimits,
    ) -> Answer<'_, Revocations> {
        reads!(self, |reader| revocations::revocations(reader, (since, now), limits))
    }

    fn revocations_of<'a>(&'a self, account: &'a AccountId) -> Answer<'a, u64> {
        reads!(self, |reader| revocations::revocations_of(reader, account))
    }

    fn control_version(&self) -> Answer<'_, u64> {
        reads!(self, |reader| read::control_version(reader))
    }

    fn signing_keys(&self) -> Answer<'_, Vec<SigningKeyRecord>> {
        reads!(self, |reader| read::signing_keys(reader))
    }

    fn api_keys(&self) -> Answer<'_, Vec<ApiKeyRecord>> {
        reads!(self, |reader| read::api_keys(reader))
    }

    fn value<'a>(&'a self, name: &'a str) -> Answer<'a, Option<Vec<u8>>> {
        reads!(self, |reader| read::value(reader, name))
    }

    fn values<'a>(&'a self, prefix: &'a str) -> Answer<'a, Vec<(String, Vec<u8>)>> {
        reads!(self, |reader| lists::values(reader, prefix))
    }

    fn time(&self) -> Answer<'_, Option<UnixTime>> {
        match self.open.tells_time {
            true => reads!(self, |reader| read::time(reader)),
            false => Box::pin(std::future::ready(Ok(None))),
        }
    }

    fn highest_time(&self) -> Answer<'_, Option<UnixTime>> {
        reads!(self, |reader| read::highest_time(reader))
    }

    fn sealed_under_other_keys(&self, current: [u8; 8], limit: u32) -> Answer<'_, Vec<Resealable>> {
        reads!(self, |reader| secrets::under_other_keys(reader, current, limit))
    }

    fn secrets_by_key(&self, except: Option<SealingKeyId>) -> Answer<'_, Vec<KeyNeed>> {
        reads!(self, |reader| secrets::by_key(reader, except))
    }

    fn audit_rows(&self, list: AuditList) -> Answer<'_, Vec<AuditRow>> {
        reads!(self, |reader| audit::rows(reader, &list))
    }

    fn verify_audit(&self) -> Answer<'_, AuditReport> {
        let key = self.open.lanes.audit_key();
        reads!(self, |reader| audit_check::verify(reader, key.as_ref()))
    }

    fn audit_ends(&self) -> Answer<'_, AuditEnds> {
        reads!(self, |reader| audit_check::ends(reader))
    }

    fn expire(&self, now: UnixTime, audit_before: UnixTime) -> Answer<'_, u64> {
        Box::pin(self.open.lanes.expire(now, audit_before))
    }
}
