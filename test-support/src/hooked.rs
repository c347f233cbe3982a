//! A store with a hook in front: what is asked of it can be counted, refused, delayed and
//! falsified.

use twostep::device::{Device, DeviceState, Tombstone};
use twostep::id::{AccountId, SerialNumber};
use twostep::store::{
    AccountEntry, AccountList, AccountSnapshot, Adoption, Answer, ApiKeyRecord, AuditList,
    AuditReport, AuditRow, Change, Commit, DeviceList, Enrolled, Error, Fingerprint, FleetDevice,
    PepperNames, Resealable, RevocationLimits, Revocations, SigningKeyRecord, SingleUse,
    SingleUseList, Store, StoreKeys,
};
use twostep::time::UnixTime;

use crate::reads::plain_reads;

use crate::test_store::TestStore;

/// An interceptor between the verifier and its store.
pub trait Hook<S: Store = TestStore>: Send + Sync {
    /// Hears of every read, by the name of the method, before it is made. An error is what the
    /// verifier gets instead.
    fn read(&self, _what: &'static str) -> Result<(), Error> {
        Ok(())
    }

    /// The time of the store's server, of which the store told this.
    fn time(&self, told: Option<UnixTime>) -> Option<UnixTime> {
        told
    }

    /// Makes a change, or does something else about it.
    fn commit<'a>(&'a self, store: &'a S, change: Change) -> Answer<'a, Commit> {
        store.commit(change)
    }
}

pub struct Hooked<H, S = TestStore> {
    pub store: S,
    pub hook: H,
}

/// Hooks are shared with the test that looks at them.
impl<S: Store, H: Hook<S>> Hook<S> for std::sync::Arc<H> {
    fn read(&self, what: &'static str) -> Result<(), Error> {
        (**self).read(what)
    }

    fn time(&self, told: Option<UnixTime>) -> Option<UnixTime> {
        (**self).time(told)
    }

    fn commit<'a>(&'a self, store: &'a S, change: Change) -> Answer<'a, Commit> {
        (**self).commit(store, change)
    }
}

macro_rules! read {
    ($self:ident.$method:ident($($argument:expr),*)) => {
        match $self.hook.read(stringify!($method)) {
            Ok(()) => $self.store.$method($($argument),*),
            Err(error) => Box::pin(async move { Err(error) }),
        }
    };
}

impl<S: Store, H: Hook<S>> Store for Hooked<H, S> {
    fn commit(&self, change: Change) -> Answer<'_, Commit> {
        self.hook.commit(&self.store, change)
    }

    fn pepper_names(&self) -> PepperNames {
        self.store.pepper_names()
    }

    fn unlock(&self, keys: StoreKeys, adoption: Option<Adoption>) -> Answer<'_, ()> {
        self.store.unlock(keys, adoption)
    }

    fn account<'a>(&'a self, account: &'a AccountId) -> Answer<'a, Option<AccountSnapshot>> {
        let read: Answer<'a, Option<AccountSnapshot>> = read!(self.account(account));
        Box::pin(async move {
            let seen = read.await?;
            Ok(seen.map(|seen| {
                let store_time = self.hook.time(seen.store_time);
                AccountSnapshot { store_time, ..seen }
            }))
        })
    }

    fn time(&self) -> Answer<'_, Option<UnixTime>> {
        Box::pin(async move { Ok(self.hook.time(self.store.time().await?)) })
    }

    plain_reads!(read);

    fn audit_rows(&self, list: AuditList) -> Answer<'_, Vec<AuditRow>> {
        read!(self.audit_rows(list))
    }

    fn verify_audit(&self) -> Answer<'_, AuditReport> {
        read!(self.verify_audit())
    }

    fn expire(&self, now: UnixTime, audit_before: UnixTime) -> Answer<'_, u64> {
        read!(self.expire(now, audit_before))
    }
}
