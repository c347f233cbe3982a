//! Stores of accounts and devices. One method decides: [`Store::commit`] makes a change if no row
//! that it was judged from has moved since.
//!
//! A store knows no protocol and no clock; it keeps what the verifier decided, with the audit row
//! of the decision in the same transaction. Every store passes the same contract kit,
//! `store::contract` (feature `testing`).

mod action;
mod audit;
#[cfg(any(feature = "postgres", feature = "sqlite"))]
mod audit_page;
mod change;
#[cfg(any(feature = "postgres", feature = "sqlite"))]
mod columns;
#[cfg(feature = "testing")]
pub mod contract;
mod exported;
#[cfg(any(feature = "postgres", feature = "sqlite"))]
mod fleet_body;
mod import;
mod key_error;
mod links;
#[cfg(feature = "sqlite")]
mod open_error;
#[cfg(feature = "postgres")]
pub mod postgres;
mod records;
#[cfg(any(feature = "postgres", feature = "sqlite"))]
mod restore;
mod restore_mark;
#[cfg(any(feature = "postgres", feature = "sqlite"))]
mod rules;
mod sealed_place;
mod sealing;
mod sealing_keys;
#[cfg(feature = "sqlite")]
pub mod sqlite;
mod store_keys;
#[cfg(feature = "sqlite")]
mod stray;
#[cfg(any(feature = "postgres", feature = "sqlite"))]
mod tag;
#[cfg(any(feature = "postgres", feature = "sqlite"))]
mod taken;
mod task;

pub use action::{Action, EventReason};
pub use audit::{
    AuditCursor, AuditFilter, AuditFrom, AuditList, AuditReport, AuditRow, BadAuditCursor, ChainId,
    ChainReport,
};
pub use change::{Adoption, Change, Commit, Committed, Conflict, Event, Write};
pub use import::{ImportId, StagedDevice};
pub use key_error::KeyError;
pub use links::{AuditEnd, AuditEnds, ChainEnd, Links, hex};
#[cfg(feature = "sqlite")]
pub use open_error::OpenError;
#[cfg(feature = "postgres")]
pub use postgres::{ConnectError, PostgresOptions, PostgresStore};
#[cfg(any(feature = "aws", feature = "postgres", feature = "sqlite"))]
pub(crate) use records::value_of_access_key;
pub use records::{
    Account, AccountSnapshot, ApiKeyRecord, Enrolled, ItemKind, ListPlace, Marks, Resealable,
    Revision, RevocationLimits, Revocations, SigningKeyRecord, SingleUse, SingleUseList,
};
#[cfg(any(feature = "postgres", feature = "sqlite"))]
pub use restore::{ExportedRows, ReadLog, Restore, Restored};
pub use restore_mark::RestoreMark;
pub use sealed_place::SealedPlace;
pub(crate) use sealing::random;
pub use sealing::{Fingerprint, Fingerprints, Keyring, Sealed, Sealer};
pub use sealing_keys::{KeyNeed, KeyNeeds, SealingKeyId};
#[cfg(feature = "sqlite")]
pub use sqlite::SqliteStore;
pub use store_keys::{MacKey, StoreKeys};
#[cfg(feature = "sqlite")]
pub use stray::Stray;
#[cfg(any(feature = "postgres", feature = "sqlite"))]
pub use taken::Repeated;
pub use task::Task;

#[cfg(feature = "sqlite")]
use std::path::PathBuf;
use std::pin::Pin;

use crate::device::{Added, Device, DeviceState, MfaKind, Throttle, Tombstone};
use crate::id::{AccountId, SerialNumber};
use crate::otp::{ClockModel, Totp};
use crate::time::UnixTime;

/// The future of a store's method, boxed, so that the program can choose its store when it starts.
pub type Answer<'a, T> = Pin<Box<dyn Future<Output = Result<T, Error>> + Send + 'a>>;

/// A place where accounts, their devices and all that decides about them are kept.
///
/// Reads see one committed state. Nothing that decides may come from a cache that another process
/// could have outrun.
pub trait Store: Send + Sync {
    /// Makes all of `change`, or nothing of it.
    ///
    /// [`Commit::Committed`] is returned only once the change is durable, its audit events with it.
    /// Of two changes judged from the same revision, exactly one is committed. [`Error::Unknown`]
    /// says that the result cannot be known: the caller refuses, and never tries that change again.
    fn commit(&self, change: Change) -> Answer<'_, Commit>;

    /// Gives the store the keys that authenticate what it keeps, before the first change.
    ///
    /// A store that never had keys is adopted: what it holds is authenticated as it is found. One
    /// that lost its authentication, and is not to be adopted, is [`Error::Corrupt`].
    ///
    /// The default is for stores that only the agent can write to.
    fn unlock(&self, _keys: StoreKeys, _adoption: Option<Adoption>) -> Answer<'_, ()> {
        Box::pin(std::future::ready(Ok(())))
    }

    /// The names of the store's pepper. A store that hands calls on to another one has those of
    /// that one.
    fn pepper_names(&self) -> PepperNames {
        PepperNames::default()
    }

    /// Succeeds if a change would be kept now. A store whose last write failed tries another one,
    /// which keeps nothing.
    ///
    /// The default is for stores that learn of a failed write only by the next change.
    fn writable(&self) -> Answer<'_, ()> {
        Box::pin(std::future::ready(Ok(())))
    }

    /// The action that [`Error::Unknown`] demands of its caller.
    ///
    /// The default suits a store whose state in memory may differ from the disk's.
    fn after_unknown(&self) -> AfterUnknown {
        AfterUnknown::EndProcess
    }

    /// True if this process has the task, which one process at a time has of all that serve from
    /// this store. A free task becomes its own. It is asked before each piece of the work, since
    /// another process has the task once this one has ended or does not reach the store.
    ///
    /// The default is for stores that one process serves from.
    fn hold(&self, _task: Task) -> Answer<'_, bool> {
        Box::pin(std::future::ready(Ok(true)))
    }

    /// An account with all its devices, as of one moment.
    fn account<'a>(&'a self, account: &'a AccountId) -> Answer<'a, Option<AccountSnapshot>>;

    /// The account of the device with this serial number.
    fn owner<'a>(&'a self, serial: &'a SerialNumber) -> Answer<'a, Option<AccountId>>;

    /// The device with this serial number, if it is of no account.
    fn unassigned<'a>(&'a self, serial: &'a SerialNumber) -> Answer<'a, Option<Enrolled>>;

    /// The serial number of a device, staged ones aside, that is this one but for capitals.
    fn spelt_alike<'a>(&'a self, serial: &'a SerialNumber) -> Answer<'a, Option<SerialNumber>>;

    /// The account of the device with this fingerprint, if it is not removed.
    fn owner_by_fingerprint(&self, fingerprint: Fingerprint) -> Answer<'_, Option<AccountId>>;

    /// The device, not removed, that has this fingerprint or an alias of it; of several the first
    /// by serial number that is not `except`.
    fn holder<'a>(
        &'a self,
        fingerprint: Fingerprint,
        except: &'a SerialNumber,
    ) -> Answer<'a, Option<SerialNumber>>;

    /// Tombstones of removed devices with this serial number, this fingerprint or an alias of it.
    fn tombstones<'a>(
        &'a self,
        serial: &'a SerialNumber,
        fingerprint: Fingerprint,
    ) -> Answer<'a, Vec<Tombstone>>;

    /// Accounts in the order of their names, without the removed ones.
    fn accounts(&self, list: AccountList) -> Answer<'_, Vec<AccountEntry>>;

    /// Devices in the order of their serial numbers.
    fn devices(&self, list: DeviceList) -> Answer<'_, Vec<Device>>;

    /// The number of devices in this state.
    fn count_devices(&self, state: DeviceState) -> Answer<'_, u64>;

    /// The clocks of all time-based devices, in the order of their serial numbers: at most `limit`
    /// after that one.
    fn fleet<'a>(
        &'a self,
        after: Option<&'a SerialNumber>,
        limit: u32,
    ) -> Answer<'a, Vec<FleetDevice>>;

    /// A single-use item that was not consumed yet and is not expired at `now`.
    fn single_use<'a>(&'a self, id: &'a str, now: UnixTime) -> Answer<'a, Option<SingleUse>>;

    /// Single-use items that were not consumed yet, in the order of their ids.
    fn single_uses(&self, list: SingleUseList) -> Answer<'_, Vec<SingleUse>>;

    /// The account of a single-use item that was consumed and is not expired at `now`.
    fn consumed<'a>(&'a self, id: &'a str, now: UnixTime) -> Answer<'a, Option<AccountId>>;

    /// True if this context was revoked by its own id.
    fn session_revoked<'a>(&'a self, session_id: &'a str) -> Answer<'a, bool>;

    /// Revocations as of one moment: accounts and devices whose marks are later than `since`,
    /// and single contexts that expire later than `now`. The latest come first; of those beyond
    /// the limits for devices and single contexts, their accounts are named.
    fn revocations(
        &self,
        since: UnixTime,
        now: UnixTime,
        limits: RevocationLimits,
    ) -> Answer<'_, Revocations>;

    /// The number of an account's devices and single contexts with a revocation of their own.
    fn revocations_of<'a>(&'a self, account: &'a AccountId) -> Answer<'a, u64>;

    /// A number that rises whenever a signing key or an API key changes, in any process.
    /// Caches of them are valid for as long as it stands still.
    fn control_version(&self) -> Answer<'_, u64>;

    /// All signing keys that were not dropped, newest first.
    fn signing_keys(&self) -> Answer<'_, Vec<SigningKeyRecord>>;

    /// All API keys that were not revoked, oldest first.
    fn api_keys(&self) -> Answer<'_, Vec<ApiKeyRecord>>;

    /// A value kept under a name, outside all accounts.
    fn value<'a>(&'a self, name: &'a str) -> Answer<'a, Option<Vec<u8>>>;

    /// The values under all names that begin so, in the order of the names.
    fn values<'a>(&'a self, prefix: &'a str) -> Answer<'a, Vec<(String, Vec<u8>)>>;

    /// The time by the clock of the store's server; none for a store of this machine.
    fn time(&self) -> Answer<'_, Option<UnixTime>> {
        Box::pin(std::future::ready(Ok(None)))
    }

    /// The highest wall time ever noted by this machine.
    fn highest_time(&self) -> Answer<'_, Option<UnixTime>>;

    /// Sealed secrets that are not sealed under `current`, at most `limit` of them, for re-sealing.
    fn sealed_under_other_keys(&self, current: [u8; 8], limit: u32) -> Answer<'_, Vec<Resealable>>;

    /// The number of sealed secrets that need each sealing key, in the order of the keys' ids and
    /// without those of `except`.
    ///
    /// The default counts what [`sealed_under_other_keys`](Store::sealed_under_other_keys) finds.
    fn secrets_by_key(&self, except: Option<SealingKeyId>) -> Answer<'_, Vec<KeyNeed>> {
        Box::pin(async move {
            let others = self
                .sealed_under_other_keys(except.map_or([0; 8], |key| key.0), u32::MAX)
                .await?;
            let mut secrets = std::collections::BTreeMap::<SealingKeyId, u64>::new();
            for key in others.iter().filter_map(|secret| secret.sealed.key_id()) {
                *secrets.entry(SealingKeyId(key)).or_default() += 1;
            }
            Ok(secrets.into_iter().map(|(key, secrets)| KeyNeed { key, secrets }).collect())
        })
    }

    /// Audit rows after that place, at most `limit`: each chain in its order, chains merged by
    /// time.
    ///
    /// A reader that passes each row it was given misses no row, also none that commits late.
    fn audit(&self, after: AuditCursor, limit: u32) -> Answer<'_, Vec<AuditRow>> {
        let from = AuditFrom::After(after);
        self.audit_rows(AuditList { from, limit, only: AuditFilter::default() })
    }

    /// The last `limit` audit rows, in the order of [`audit`](Store::audit).
    fn newest_audit(&self, limit: u32) -> Answer<'_, Vec<AuditRow>> {
        let from = AuditFrom::Newest;
        self.audit_rows(AuditList { from, limit, only: AuditFilter::default() })
    }

    /// Selected audit rows, in the order of [`audit`](Store::audit).
    fn audit_rows(&self, list: AuditList) -> Answer<'_, Vec<AuditRow>>;

    /// Recomputes every chain of audit rows.
    fn verify_audit(&self) -> Answer<'_, AuditReport>;

    /// The ends of the audit chains; [`Error::Corrupt`] if they are not as they were left.
    ///
    /// The default is for stores that do not tell.
    fn audit_ends(&self) -> Answer<'_, AuditEnds> {
        let untold = "this store does not tell where its audit log ends".to_owned();
        Box::pin(std::future::ready(Err(Error::Unavailable(untold))))
    }

    /// Removes what time has made useless: pending devices, single-use items and revocations of
    /// single contexts that are over at `now`, and audit rows older than `audit_before`. Returns
    /// how many rows went.
    fn expire(&self, now: UnixTime, audit_before: UnixTime) -> Answer<'_, u64>;
}

/// The name of the pepper among the values of a store whose rows are authenticated.
///
/// Its seal is bound to the name, so that no editor can make it the pepper of a store that was
/// never authenticated: that one is adopted with the rows that it holds.
pub(crate) const PEPPER: &str = "pepper of authenticated rows";

/// The name of the pepper in a store of an earlier schema.
pub(crate) const EARLIER_PEPPER: &str = "pepper";

/// The name of the pepper in a database whose rows are authenticated. One where the audit log alone
/// is has it under [`PEPPER`].
#[cfg(feature = "postgres")]
pub(crate) const TABLES_PEPPER: &str = "pepper of authenticated tables";

/// The names of a store's pepper among its values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PepperNames {
    /// The name in a store whose rows are authenticated.
    pub(crate) now: &'static str,
    /// The name in one that is to be adopted.
    pub(crate) earlier: &'static str,
}

impl Default for PepperNames {
    fn default() -> PepperNames {
        PepperNames { now: PEPPER, earlier: EARLIER_PEPPER }
    }
}

/// Copies a store while it serves.
#[cfg(feature = "sqlite")]
pub trait Backup: Send + Sync {
    /// Copies the store, as it is at one moment, into a new file. The copy is marked: it serves
    /// again once it is restored.
    fn backup(&self, to: PathBuf) -> BoxFuture<'_, Result<(), OpenError>>;
}

/// A boxed future, as methods of trait objects return it.
#[cfg(feature = "sqlite")]
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Demands of a commit with an unknown result. The caller is refused in any case, and the change
/// is never tried again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AfterUnknown {
    /// The process must end: the next start finds out what the store holds.
    EndProcess,
    /// The store has mended itself, for example by a new connection.
    GoOn,
}

/// Selects accounts to list.
#[derive(Clone, Debug, Default)]
pub struct AccountList {
    /// Only those without an active device.
    pub without_mfa: bool,
    /// Only those whose names begin so.
    pub prefix: Option<String>,
    /// Only those after this one.
    pub after: Option<AccountId>,
    /// At most so many.
    pub limit: u32,
}

/// An account in a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccountEntry {
    /// The account.
    pub account: Account,
    /// The number of its devices.
    pub devices: u32,
    /// The number of active ones among them.
    pub active: u32,
}

/// Selects devices to list.
#[derive(Clone, Debug, Default)]
pub struct DeviceList {
    /// Only those of this account.
    pub account: Option<AccountId>,
    /// Only those of accounts whose names begin so.
    pub account_prefix: Option<String>,
    /// Only those in this state.
    pub state: Option<DeviceState>,
    /// Only those of this kind.
    pub kind: Option<MfaKind>,
    /// Only those that were not used since then, or never.
    pub not_used_since: Option<UnixTime>,
    /// Only those whose clock is at least so many steps from ours.
    pub drift_of_at_least: Option<u64>,
    /// Only those after this one.
    pub after: Option<SerialNumber>,
    /// At most so many.
    pub limit: u32,
}

/// A device with a clock, as a look at a whole fleet needs it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FleetDevice {
    /// The serial number.
    pub serial: SerialNumber,
    /// The account.
    pub account: AccountId,
    /// The device's state.
    pub state: DeviceState,
    /// The algorithm, digits and step size.
    pub parameters: Totp,
    /// The known state of its clock.
    pub clock: ClockModel,
    /// Time of its addition.
    pub created_at: UnixTime,
    /// Time of its last accepted code.
    pub last_used_at: Option<UnixTime>,
    /// Consecutive failures.
    pub throttle: Throttle,
    /// Way of its addition.
    pub added: Added,
}

/// The store is at fault.
#[non_exhaustive]
#[derive(Clone, Debug, thiserror::Error)]
pub enum Error {
    /// The store cannot be reached, or failed. No decision was made.
    #[error("the store does not answer: {0}")]
    Unavailable(String),
    /// The disk has no room for the change. No decision was made; the store goes on by itself when
    /// there is room again.
    #[error("the store's disk is full: {0}")]
    Full(String),
    /// A commit failed in a way that leaves its result unknown. The caller is refused.
    #[error("the store did not say whether it kept a change: {0}")]
    Unknown(String),
    /// The store lost changes that it had acknowledged, so nothing is decided from it until an
    /// operator has restored it.
    #[error("{0}")]
    WentBack(String),
    /// A row that was read is not as it was written, or is of another version.
    #[error("the store holds something that cannot be read: {0}")]
    Corrupt(String),
}
