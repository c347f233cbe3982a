//! Where devices live. One method decides: [`Store::commit`] makes a change if nothing it was judged from has moved since.
//!
//! A store knows no protocol and no clock; it keeps what the verifier decided, with the audit row of the decision in the
//! same transaction. Every store passes the same contract kit, `store::contract` (feature `testing`).

#[cfg(feature = "testing")]
pub mod contract;
mod sealing;
#[cfg(feature = "sqlite")]
pub mod sqlite;

pub use sealing::Fingerprint;
pub use sealing::KeyError;
pub use sealing::Keyring;
pub use sealing::Sealed;
pub use sealing::Sealer;
pub(crate) use sealing::random;
#[cfg(feature = "sqlite")]
pub use sqlite::SqliteStore;

use std::pin::Pin;

use serde::Deserialize;
use serde::Serialize;

use crate::device::Device;
use crate::device::DeviceState;
use crate::device::Tombstone;
use crate::id::AccountId;
use crate::id::CallerId;
use crate::id::SerialNumber;
use crate::time::UnixTime;

/// What a method of a store returns: boxed, so that the program can choose its store when it starts.
pub type Answer<'a, T> = Pin<Box<dyn Future<Output = Result<T, Error>> + Send + 'a>>;

/// A place where accounts, their devices and all that decides about them are kept.
///
/// Reads see one committed state. Nothing that decides may come from a cache that another process could have outrun.
pub trait Store: Send + Sync {
    /// Makes all of `change`, or nothing of it.
    ///
    /// [`Commit::Committed`] is returned only once the change is durable, its audit events with it. Of two changes judged
    /// from the same revision, exactly one is committed. [`Error::Unknown`] says that the result cannot be known: the
    /// caller refuses, and never tries that change again.
    fn commit(&self, change: Change) -> Answer<'_, Commit>;

    /// An account with all its devices, as of one moment.
    fn account<'a>(&'a self, account: &'a AccountId) -> Answer<'a, Option<AccountSnapshot>>;

    /// Whose device this is.
    fn owner<'a>(&'a self, serial: &'a SerialNumber) -> Answer<'a, Option<AccountId>>;

    /// Accounts in the order of their names, without the removed ones.
    fn accounts(&self, list: AccountList) -> Answer<'_, Vec<AccountEntry>>;

    /// Devices in the order of their serial numbers.
    fn devices(&self, list: DeviceList) -> Answer<'_, Vec<Device>>;

    /// A single-use item that was not consumed yet and is not expired at `now`.
    fn single_use<'a>(&'a self, id: &'a str, now: UnixTime) -> Answer<'a, Option<SingleUse>>;

    /// Whether this context was revoked by its own id.
    fn session_revoked<'a>(&'a self, session_id: &'a str) -> Answer<'a, bool>;

    /// A number that rises whenever a signing key or an API key changes, in whatever process. Caches of them are valid for
    /// as long as it stands still.
    fn control_version(&self) -> Answer<'_, u64>;

    /// All signing keys that were not dropped, newest first.
    fn signing_keys(&self) -> Answer<'_, Vec<SigningKeyRecord>>;

    /// All API keys that were not revoked, oldest first.
    fn api_keys(&self) -> Answer<'_, Vec<ApiKeyRecord>>;

    /// A value kept under a name, outside all accounts.
    fn value<'a>(&'a self, name: &'a str) -> Answer<'a, Option<Vec<u8>>>;

    /// The highest wall time ever noted.
    fn highest_time(&self) -> Answer<'_, Option<UnixTime>>;

    /// Sealed secrets that are not sealed under `current`, at most `limit` of them, for re-sealing.
    fn sealed_under_other_keys(&self, current: [u8; 8], limit: u32) -> Answer<'_, Vec<Resealable>>;

    /// Audit rows after that number, oldest first.
    fn audit(&self, after: u64, limit: u32) -> Answer<'_, Vec<AuditRow>>;

    /// Recomputes the chain of audit rows.
    fn verify_audit(&self) -> Answer<'_, AuditReport>;

    /// Removes what time has made useless: pending devices, single-use items and revocations of single contexts that are
    /// over at `now`, and audit rows older than `audit_before`. Returns how many rows went.
    fn expire(&self, now: UnixTime, audit_before: UnixTime) -> Answer<'_, u64>;
}

/// How often a row was changed. A change names the revision it was judged from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Revision(pub u64);

/// What is known of an account beside its devices. It stays when the account is removed, so that nothing comes back to life.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Account {
    /// Its name.
    pub id: AccountId,
    /// When it was first seen, or first seen again after it was removed.
    pub created_at: UnixTime,
    /// A device was activated once: changing its devices needs proof from now on.
    pub protected: bool,
    /// Contexts with a lower generation are dead.
    pub generation: u64,
    /// Contexts issued up to this time are dead.
    pub revoked_before: Option<UnixTime>,
    /// When each wrong code of the last day was judged, oldest first; at most 60.
    pub failures: Vec<UnixTime>,
    /// Codes of this account are refused unjudged until then.
    pub throttled_until: Option<UnixTime>,
    /// It was removed then, and has not been seen again.
    pub removed_at: Option<UnixTime>,
}

/// An account, its revision and its devices.
#[derive(Clone, Debug)]
pub struct AccountSnapshot {
    /// The account.
    pub account: Account,
    /// Its revision. It rises with every change of the account and whenever a device is added, removed or changes state.
    pub revision: Revision,
    /// Its devices, in the order of their serial numbers.
    pub devices: Vec<Enrolled>,
}

/// A device with its revision and its sealed seed.
#[derive(Clone, Debug)]
pub struct Enrolled {
    /// The device.
    pub device: Device,
    /// Its revision.
    pub revision: Revision,
    /// Its seed; none for kinds without one.
    pub seed: Option<Sealed>,
}

/// Everything that one decision changes. Also what it stands on: each write names the revision it was judged from.
#[derive(Clone, Debug)]
pub struct Change {
    /// The account whose revocation marks the answer carries.
    pub account: Option<AccountId>,
    /// The writes, in order. The revisions they name are all from before the change.
    pub writes: Vec<Write>,
    /// What is written to the audit log with them.
    pub audit: Vec<Event>,
}

/// One write of a [`Change`].
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Write {
    /// Adds an account; [`Conflict::Revision`] if it is there already.
    CreateAccount(Account),
    /// Replaces an account if its revision is still `seen`.
    UpdateAccount {
        /// The revision it was judged from.
        seen: Revision,
        /// What it becomes.
        account: Account,
    },
    /// Nothing changes, but the account's revision must still be `seen`.
    ExpectAccount {
        /// The account.
        account: AccountId,
        /// The revision it was judged from.
        seen: Revision,
    },
    /// Nothing changes, but the device's revision must still be `seen`: a refusal that leaves the device as it is.
    ExpectDevice {
        /// The device.
        serial: SerialNumber,
        /// The revision it was judged from.
        seen: Revision,
    },
    /// Adds a device, which starts above whatever removed devices with its serial number or its seed had consumed
    /// ([`Device::above`]), and whose revision its serial number never had before. [`Conflict::SerialTaken`] or
    /// [`Conflict::SeedTaken`] if another device has them, [`Conflict::Revision`] if its account is not there.
    InsertDevice {
        /// The device.
        device: Device,
        /// Its seed, if its kind has one.
        seed: Option<(Sealed, Fingerprint)>,
    },
    /// Replaces a device if its revision is still `seen` and its account stays the same.
    UpdateDevice {
        /// The revision it was judged from.
        seen: Revision,
        /// What it becomes.
        device: Device,
    },
    /// Removes a device if its revision is still `seen`, and keeps the tombstone and the seed's fingerprint for good.
    RemoveDevice {
        /// The revision it was judged from.
        seen: Revision,
        /// What remains of it.
        tombstone: Tombstone,
    },
    /// Keeps a single-use item; [`Conflict::Revision`] if its id is there already.
    AddSingleUse(SingleUse),
    /// Consumes a single-use item; [`Conflict::Consumed`] if it is gone, or expired at `now`.
    Consume {
        /// The item.
        id: String,
        /// The time of the decision.
        now: UnixTime,
    },
    /// Revokes one context by its id, until it would have expired anyway.
    RevokeSession {
        /// The context's id.
        session_id: String,
        /// When it expires.
        expires_at: UnixTime,
    },
    /// Adds or replaces a signing key.
    PutSigningKey(SigningKeyRecord),
    /// Drops a signing key; [`Conflict::Revision`] if it is not there.
    DropSigningKey {
        /// The key's id.
        kid: String,
    },
    /// Adds an API key; [`Conflict::Revision`] if its id is there already.
    PutApiKey(ApiKeyRecord),
    /// Revokes an API key; [`Conflict::Revision`] if it is not there.
    RevokeApiKey {
        /// The key's public id.
        id: String,
    },
    /// Keeps a value under a name that has none yet; [`Conflict::Revision`] if it has one.
    InitValue {
        /// The name.
        name: String,
        /// The value.
        value: Vec<u8>,
    },
    /// Replaces a sealed secret by the same secret under another key, if it is still what it was.
    Reseal {
        /// What was read.
        seen: Resealable,
        /// The same secret, newly sealed.
        sealed: Sealed,
    },
    /// Raises the highest wall time noted; never lowers it.
    NoteTime(UnixTime),
    /// Sets the highest wall time, lower too: an administrator accepted the clock.
    AcceptTime(UnixTime),
}

/// What became of a change.
#[must_use]
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Commit {
    /// It was made, and is durable.
    Committed(Marks),
    /// Nothing of it was made.
    Conflict(Conflict),
}

/// The account's revocation marks, read in the transaction that decided, after its writes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Marks {
    /// See [`Account::generation`]; 0 for an account that is not there.
    pub generation: u64,
    /// See [`Account::revoked_before`].
    pub revoked_before: Option<UnixTime>,
}

/// Why a change was not made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Conflict {
    /// Something the change was judged from has moved. Load and judge again.
    Revision,
    /// Another device has this serial number.
    SerialTaken,
    /// Another device has this seed.
    SeedTaken,
    /// The single-use item was consumed or has expired.
    Consumed,
}

/// Something that can be used once: a bypass code, the state of a ceremony.
#[derive(Clone, PartialEq, Eq)]
pub struct SingleUse {
    /// What it is found by; for a code, its digest.
    pub id: String,
    /// Whose it is.
    pub account: AccountId,
    /// What belongs to it, sealed where it is secret.
    pub body: Vec<u8>,
    /// It cannot be used from then on.
    pub expires_at: UnixTime,
}

/// A key that signs contexts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SigningKeyRecord {
    /// Its id, the `kid` of tokens.
    pub kid: String,
    /// `EdDSA` or `ES256`.
    pub algorithm: String,
    /// The private key in PKCS #8, sealed.
    pub private: Sealed,
    /// The public key as JWKS members (`x`, and `y` for ES256), base64url.
    pub public: Vec<String>,
    /// When it was made.
    pub created_at: UnixTime,
    /// When it was replaced: it signs no more, and verifies until its last token has expired.
    pub retired_at: Option<UnixTime>,
}

/// A key that lets a program call the agent over TCP.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ApiKeyRecord {
    /// Its public id.
    pub id: String,
    /// The keyed digest of the key itself.
    pub digest: Vec<u8>,
    /// What its holder calls it.
    pub name: Option<String>,
    /// What it allows; the agent says which words there are.
    pub role: String,
    /// The accounts it is limited to; none: all.
    pub accounts: Option<Vec<String>>,
    /// Its refusals carry a reason.
    pub explain: bool,
    /// When it was made.
    pub created_at: UnixTime,
}

/// A sealed secret and where it is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resealable {
    /// What the secret is bound to.
    pub place: SealedPlace,
    /// The secret as it was read.
    pub sealed: Sealed,
}

/// The places where sealed secrets are kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SealedPlace {
    /// The seed of a device.
    Seed {
        /// The device.
        serial: SerialNumber,
        /// Its account, which the seal is bound to.
        account: AccountId,
    },
    /// The private half of a signing key.
    SigningKey {
        /// The key's id.
        kid: String,
    },
    /// A named value.
    Value {
        /// Its name.
        name: String,
    },
}

/// What is written to the audit log about a decision.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Event {
    /// When it was decided.
    pub at: UnixTime,
    /// What was decided: `code.accepted`, `device.locked`, …
    pub action: String,
    /// Whose account it concerns.
    pub account: Option<AccountId>,
    /// Which device.
    pub serial: Option<SerialNumber>,
    /// Who asked.
    pub caller: CallerId,
    /// Why it was refused.
    pub reason: Option<String>,
    /// How many like it this row stands for.
    pub count: u64,
}

/// An audit row as it is kept: each carries the hash of the one before.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuditRow {
    /// Its number in its chain; without gaps.
    pub number: u64,
    /// The event.
    pub event: Event,
    /// SHA-256 over the previous row's hash, the number and the event, in hex.
    pub hash: String,
}

/// What recomputing the audit chain found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuditReport {
    /// Every row is there and unchanged.
    pub ok: bool,
    /// How many rows were read.
    pub rows: u64,
    /// The hash of the last row, to be kept somewhere else.
    pub head: Option<String>,
    /// The number of the first row that is missing or changed.
    pub broken_at: Option<u64>,
}

/// Which accounts to list.
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
    /// How many devices it has.
    pub devices: u32,
    /// How many of them are active.
    pub active: u32,
}

/// Which devices to list.
#[derive(Clone, Debug, Default)]
pub struct DeviceList {
    /// Only those of this account.
    pub account: Option<AccountId>,
    /// Only those of accounts whose names begin so.
    pub account_prefix: Option<String>,
    /// Only those in this state.
    pub state: Option<DeviceState>,
    /// Only those after this one.
    pub after: Option<SerialNumber>,
    /// At most so many.
    pub limit: u32,
}

/// The store is at fault.
#[non_exhaustive]
#[derive(Clone, Debug, thiserror::Error)]
pub enum Error {
    /// It cannot be reached, or did not do what it was asked. Nothing was decided.
    #[error("the store does not answer: {0}")]
    Unavailable(String),
    /// A commit failed in a way that leaves its result unknown. Whoever asked is refused.
    #[error("the store did not say whether it kept a change: {0}")]
    Unknown(String),
    /// What was read is not what was written, or was written by another version.
    #[error("the store holds something that cannot be read: {0}")]
    Corrupt(String),
}

impl Event {
    /// Something that was decided once, without a refusal.
    pub fn new(at: UnixTime, action: &str, caller: &CallerId) -> Event {
        Event { at, action: action.to_owned(), account: None, serial: None, caller: caller.clone(), reason: None, count: 1 }
    }

    /// About this account.
    #[must_use]
    pub fn account(self, account: &AccountId) -> Event {
        Event { account: Some(account.clone()), ..self }
    }

    /// About this device.
    #[must_use]
    pub fn serial(self, serial: &SerialNumber) -> Event {
        Event { serial: Some(serial.clone()), ..self }
    }

    /// Refused for this reason.
    #[must_use]
    pub fn reason(self, reason: &str) -> Event {
        Event { reason: Some(reason.to_owned()), ..self }
    }
}

impl Account {
    /// An account seen for the first time.
    pub fn new(id: AccountId, now: UnixTime) -> Account {
        Account {
            id,
            created_at: now,
            protected: false,
            generation: 1,
            revoked_before: None,
            failures: Vec::new(),
            throttled_until: None,
            removed_at: None,
        }
    }

    /// Its revocation marks.
    pub fn marks(&self) -> Marks {
        Marks { generation: self.generation, revoked_before: self.revoked_before }
    }

    /// The account after everything issued for it so far was revoked.
    #[must_use]
    pub fn with_sessions_revoked(&self, now: UnixTime) -> Account {
        Account { generation: self.generation.saturating_add(1), revoked_before: self.revoked_before.max(Some(now)), ..self.clone() }
    }
}

impl AccountSnapshot {
    /// The account's device with this serial number.
    pub fn device(&self, serial: &SerialNumber) -> Option<&Enrolled> {
        self.devices.iter().find(|enrolled| enrolled.device.serial == *serial)
    }
}

/// A body may hold what opens a session.
impl std::fmt::Debug for SingleUse {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SingleUse").field("account", &self.account).field("expires_at", &self.expires_at).finish_non_exhaustive()
    }
}
