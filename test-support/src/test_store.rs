//! A store of either kind, for tests that name none.

use std::path::{Path, PathBuf};

use twostep::device::{Device, DeviceState, Tombstone};
use twostep::id::{AccountId, SerialNumber};
use twostep::store::{
    AccountEntry, AccountList, AccountSnapshot, Adoption, AfterUnknown, Answer, ApiKeyRecord,
    AuditEnds, AuditList, AuditReport, AuditRow, Change, Commit, DeviceList, Enrolled, Fingerprint,
    FleetDevice, KeyNeed, OpenError, PepperNames, PostgresOptions, PostgresStore, Resealable,
    RevocationLimits, Revocations, SealingKeyId, SigningKeyRecord, SingleUse, SingleUseList,
    SqliteStore, Store, StoreKeys, Task,
};
use twostep::time::UnixTime;

use crate::reads::plain_reads;
use crate::stored;

/// A file, or a database where `TWOSTEP_TEST_STORE=postgres`. A handle is cheap to clone.
#[derive(Clone, Debug)]
pub enum TestStore {
    File(SqliteStore),
    Database(PostgresStore),
}

impl TestStore {
    /// Opens the store in this file.
    pub fn in_file(path: &Path) -> TestStore {
        TestStore::File(SqliteStore::open(path).unwrap())
    }

    /// Opens the store in this database, which tells no time: the clocks of tests are their own.
    pub fn in_database(address: &str) -> TestStore {
        let options: PostgresOptions = address.parse().unwrap();
        let opening = PostgresStore::open(options.single(true).without_clock());
        TestStore::Database(stored::block_on(opening).unwrap())
    }

    /// Copies a store that is a file.
    pub async fn backup(&self, to: impl Into<PathBuf>) -> Result<(), OpenError> {
        match self {
            TestStore::File(file) => file.backup(to).await,
            TestStore::Database(_) => panic!("a database is copied with its own tools"),
        }
    }
}

macro_rules! either {
    ($self:ident.$method:ident($($argument:expr),*)) => {
        match $self {
            TestStore::File(store) => store.$method($($argument),*),
            TestStore::Database(store) => store.$method($($argument),*),
        }
    };
}

impl Store for TestStore {
    fn commit(&self, change: Change) -> Answer<'_, Commit> {
        either!(self.commit(change))
    }

    fn pepper_names(&self) -> PepperNames {
        either!(self.pepper_names())
    }

    fn unlock(&self, keys: StoreKeys, adoption: Option<Adoption>) -> Answer<'_, ()> {
        either!(self.unlock(keys, adoption))
    }

    fn writable(&self) -> Answer<'_, ()> {
        either!(self.writable())
    }

    fn after_unknown(&self) -> AfterUnknown {
        either!(self.after_unknown())
    }

    fn hold(&self, task: Task) -> Answer<'_, bool> {
        either!(self.hold(task))
    }

    fn account<'a>(&'a self, account: &'a AccountId) -> Answer<'a, Option<AccountSnapshot>> {
        either!(self.account(account))
    }

    plain_reads!(either);

    fn time(&self) -> Answer<'_, Option<UnixTime>> {
        either!(self.time())
    }

    fn secrets_by_key(&self, except: Option<SealingKeyId>) -> Answer<'_, Vec<KeyNeed>> {
        either!(self.secrets_by_key(except))
    }

    fn audit_rows(&self, list: AuditList) -> Answer<'_, Vec<AuditRow>> {
        either!(self.audit_rows(list))
    }

    fn verify_audit(&self) -> Answer<'_, AuditReport> {
        either!(self.verify_audit())
    }

    fn audit_ends(&self) -> Answer<'_, AuditEnds> {
        either!(self.audit_ends())
    }

    fn expire(&self, now: UnixTime, audit_before: UnixTime) -> Answer<'_, u64> {
        either!(self.expire(now, audit_before))
    }
}
