//! What one decision changes, and what became of it.

use serde::{Deserialize, Serialize};

use crate::device::{Device, Tombstone};
use crate::id::{AccountId, CallerId, SerialNumber};
use crate::store::{
    Account, Action, ApiKeyRecord, EventReason, Fingerprint, ImportId, ItemKind, Resealable,
    Sealed, SigningKeyRecord, SingleUse, StagedDevice,
};
use crate::time::UnixTime;

/// How often a row was changed. A change names the revision it was judged from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Revision(pub u64);

/// Everything that one decision changes. Also what it stands on: each write names the revision it
/// was judged from.
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
    /// Nothing changes, but the device's revision must still be `seen`: a refusal that leaves the
    /// device as it is.
    ExpectDevice {
        /// The device.
        serial: SerialNumber,
        /// The revision it was judged from.
        seen: Revision,
    },
    /// Adds a device, which starts above whatever removed devices with its serial number or its
    /// fingerprint had consumed ([`Device::above`]), and whose revision its serial number never had
    /// before. [`Conflict::SerialTaken`] or [`Conflict::FingerprintTaken`] if another device has
    /// them, [`Conflict::Revision`] if its account is not there. A seed comes with a fingerprint.
    InsertDevice {
        /// The device.
        device: Device,
        /// Its seed, if its kind has one.
        seed: Option<Sealed>,
        /// What no other device has: of its seed, or of its credential.
        fingerprint: Option<Fingerprint>,
    },
    /// Replaces a device if its revision is still `seen` and its account stays the same.
    UpdateDevice {
        /// The revision it was judged from.
        seen: Revision,
        /// What it becomes.
        device: Device,
    },
    /// Removes a device if its revision is still `seen`, and keeps the tombstone and the
    /// fingerprint for good.
    RemoveDevice {
        /// The revision it was judged from.
        seen: Revision,
        /// What remains of it.
        tombstone: Tombstone,
    },
    /// Removes a pending device if its revision is still `seen`. It was never used, so no tombstone
    /// remains of it, and its serial number and its fingerprint are free; [`Conflict::Revision`]
    /// for a device in any other state.
    DropPending {
        /// The device.
        serial: SerialNumber,
        /// The revision it was judged from.
        seen: Revision,
    },
    /// Adds devices to an import, which begins with its first ones and ends when nothing was added
    /// for an hour. No query sees them, and their serial numbers and fingerprints are taken:
    /// [`Conflict::SerialTaken`], [`Conflict::FingerprintTaken`]. At most 500 at a time, and
    /// [`Conflict::Revision`] if the import is published or dropped.
    StageDevices {
        /// The import.
        import: ImportId,
        /// The time of the caller.
        at: UnixTime,
        /// The devices. Accounts that are not there are created with them.
        devices: Vec<StagedDevice>,
    },
    /// Makes all devices of an import visible at once, each as `InsertDevice` would.
    /// [`Conflict::Revision`] if it is not there any more, or has another number of devices.
    PublishImport {
        /// The import.
        import: ImportId,
        /// How many devices it has.
        devices: u64,
    },
    /// Ends an import that is not published; [`Conflict::Revision`] if there is none.
    DropImport {
        /// The import.
        import: ImportId,
    },
    /// Keeps a single-use item; [`Conflict::Revision`] if its id is there already.
    AddSingleUse(SingleUse),
    /// Removes an account's oldest items of a kind, until it has at most so many.
    KeepNewest {
        /// The account.
        account: AccountId,
        /// The kind.
        kind: ItemKind,
        /// How many stay.
        most: u32,
    },
    /// Consumes a single-use item, of which a mark stays until it would have expired: see
    /// [`Store::consumed`](crate::store::Store::consumed). [`Conflict::Consumed`] if it is gone,
    /// consumed, or expired at `now`.
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
    /// Marks a signing key as replaced, and changes nothing else of it; [`Conflict::Revision`] if
    /// it is not there.
    RetireSigningKey {
        /// The key's id.
        kid: String,
        /// When it was replaced. The first time stays.
        at: UnixTime,
    },
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
    /// Keeps a value under a name, whatever was there.
    PutValue {
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
    Committed(Committed),
    /// Nothing of it was made.
    Conflict(Conflict),
}

/// The answer to a change that was made, as of its transaction, after its writes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Committed {
    /// The revocation marks of the change's account.
    pub marks: Marks,
    /// See [`Store::control_version`](crate::store::Store::control_version).
    pub control_version: u64,
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
    /// Another device has this seed, or this credential.
    FingerprintTaken,
    /// The single-use item was consumed or has expired.
    Consumed,
}

/// What is written to the audit log about a decision.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Event {
    /// When it was decided.
    pub at: UnixTime,
    /// What was decided.
    pub action: Action,
    /// Whose account it concerns.
    pub account: Option<AccountId>,
    /// Which device.
    pub serial: Option<SerialNumber>,
    /// Who asked.
    pub caller: CallerId,
    /// Why it was refused, or which key or length it concerns.
    pub reason: Option<EventReason>,
    /// How many like it this row stands for.
    pub count: u64,
}

impl Event {
    /// Something that was decided once, without a refusal.
    pub fn new(at: UnixTime, action: impl Into<Action>, caller: &CallerId) -> Event {
        Event {
            at,
            action: action.into(),
            account: None,
            serial: None,
            caller: caller.clone(),
            reason: None,
            count: 1,
        }
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
    pub fn reason(self, reason: impl Into<EventReason>) -> Event {
        Event { reason: Some(reason.into()), ..self }
    }
}
