//! A change, which is all that one decision writes, and its outcome.

use serde::{Deserialize, Serialize};

use crate::device::{Device, Tombstone};
use crate::id::{AccountId, CallerId, SerialNumber};
use crate::store::{
    Account, Action, ApiKeyRecord, EventReason, Fingerprint, Fingerprints, ImportId, ItemKind,
    Marks, Resealable, Revision, Sealed, SigningKeyRecord, SingleUse, StagedDevice,
};
use crate::time::UnixTime;

/// All writes of one decision, each with the revision it was judged from.
#[derive(Clone, Debug)]
pub struct Change {
    /// The account whose revocation marks the answer carries.
    pub account: Option<AccountId>,
    /// The writes, in order. The revisions they name are all from before the change.
    pub writes: Vec<Write>,
    /// The audit rows that are written with them.
    pub audit: Vec<Event>,
}

/// The first authentication of a store that had none.
#[derive(Clone, Debug)]
pub struct Adoption {
    /// The time of it.
    pub at: UnixTime,
    /// The caller that its audit rows name.
    pub caller: CallerId,
    /// Writes of the same transaction.
    pub writes: Vec<Write>,
    /// Audit rows of these writes.
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
        /// The account after the change.
        account: Account,
    },
    /// Asserts that the account's revision is still `seen`, and changes nothing.
    ExpectAccount {
        /// The account.
        account: AccountId,
        /// The revision it was judged from.
        seen: Revision,
    },
    /// Asserts that the device's revision is still `seen`, and changes nothing: for a refusal that
    /// leaves the device as it is.
    ExpectDevice {
        /// The device.
        serial: SerialNumber,
        /// The revision it was judged from.
        seen: Revision,
    },
    /// Says that the secret with the fingerprint `of` is also known by `alias`: a device with
    /// either stands in the way of the other, and so do removed ones. For good.
    AliasFingerprint {
        /// Another fingerprint of the same secret.
        alias: Fingerprint,
        /// The fingerprint that its device has or will have.
        of: Fingerprint,
    },
    /// Adds a device, which starts above all that removed devices with its serial number or its
    /// fingerprint had consumed ([`Device::above`]), and whose revision its serial number never had
    /// before. [`Conflict::SerialTaken`] or [`Conflict::FingerprintTaken`] if another device has
    /// them, [`Conflict::Revision`] if it has an account that is not there. A seed comes with a
    /// fingerprint.
    InsertDevice {
        /// The device.
        device: Device,
        /// The device's seed, if its kind has one.
        seed: Option<Sealed>,
        /// The fingerprint of its seed or its credential, which no other device has.
        fingerprint: Option<Fingerprint>,
    },
    /// Replaces a device if its revision is still `seen` and its account stays the same.
    UpdateDevice {
        /// The revision it was judged from.
        seen: Revision,
        /// The device after the change.
        device: Device,
    },
    /// Removes a device if its revision is still `seen`, and keeps the tombstone and the
    /// fingerprint for good.
    RemoveDevice {
        /// The revision it was judged from.
        seen: Revision,
        /// The remains of the device.
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
    /// Gives a device of no account, if its revision is still `seen`, to an account that is there.
    /// The device starts above all that removed devices had consumed, as an inserted one does.
    AssignDevice {
        /// The revision it was judged from.
        seen: Revision,
        /// The device after the change, with its account.
        device: Device,
        /// The seed, sealed for that account.
        seed: Option<Sealed>,
    },
    /// Takes a device back from its account, if its revision is still `seen`. Up to when contexts
    /// made with it are dead is kept beside the account, as for a removed device.
    UnassignDevice {
        /// The revision it was judged from.
        seen: Revision,
        /// The account that it has.
        account: AccountId,
        /// The device after the change, without an account.
        device: Device,
        /// The seed, sealed for no account.
        seed: Option<Sealed>,
    },
    /// Adds devices to an import, which begins with its first ones and ends when nothing was added
    /// for an hour. No query sees them, and their serial numbers and fingerprints are taken. They
    /// are durable once the import is published, not before.
    ///
    /// [`Conflict::SerialTaken`] if another device has the serial number of one of them, capitals
    /// aside, [`Conflict::FingerprintTaken`], and [`Conflict::Removed`] if a removed device with
    /// the same serial number or fingerprint was in use. At most 500 at a time, and
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
        /// The number of its devices.
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
        /// The number of items that stay.
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
        /// The context's account.
        account: AccountId,
        /// The context's id.
        session_id: String,
        /// The context's end.
        expires_at: UnixTime,
        /// The time of the revocation.
        at: UnixTime,
    },
    /// Forgets the revocations of an account's devices and single contexts, which a revocation of
    /// the account in the same change covers.
    FoldRevocations {
        /// The account.
        account: AccountId,
    },
    /// Adds or replaces a signing key.
    PutSigningKey(SigningKeyRecord),
    /// Marks a signing key as replaced, and changes nothing else of it; [`Conflict::Revision`] if
    /// it is not there.
    RetireSigningKey {
        /// The key's id.
        kid: String,
        /// The time of the replacement. The first one stays.
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
    /// Keeps a value under a name, in place of the one before.
    PutValue {
        /// The name.
        name: String,
        /// The value.
        value: Vec<u8>,
    },
    /// Keeps a value under a name if the one before is still `seen`; [`Conflict::Revision`] if it
    /// is another one, or none.
    ReplaceValue {
        /// The name.
        name: String,
        /// The value that this one was judged from.
        seen: Vec<u8>,
        /// The value.
        value: Vec<u8>,
    },
    /// Drops a value.
    DropValue {
        /// The name.
        name: String,
    },
    /// Replaces a sealed secret by the same secret under another key, if it is still what it was.
    Reseal {
        /// The secret as it was read.
        seen: Resealable,
        /// The same secret, newly sealed.
        sealed: Sealed,
    },
    /// Raises the highest wall time noted; never lowers it.
    NoteTime(UnixTime),
    /// Sets the highest wall time, lower too: an administrator accepted the clock.
    AcceptTime(UnixTime),
}

impl Write {
    /// Writes a named value in place of the one that was seen; without one, as the first.
    pub fn value(name: String, seen: Option<Vec<u8>>, value: Vec<u8>) -> Write {
        match seen {
            Some(seen) => Write::ReplaceValue { name, seen, value },
            None => Write::InitValue { name, value },
        }
    }
}

/// The outcome of a change.
#[must_use]
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Commit {
    /// The change was made, and is durable.
    Committed(Committed),
    /// No part of the change was made.
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

/// The reason why a change was not made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Conflict {
    /// A row that the change was judged from has moved. Load and judge again.
    Revision,
    /// Another device has this serial number.
    SerialTaken,
    /// Another device has this seed, or this credential.
    FingerprintTaken,
    /// A device that was removed had this serial number or this seed, and was in use.
    Removed,
    /// The single-use item was consumed or has expired.
    Consumed,
}

/// An audit event: a decision as the audit log records it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Event {
    /// The time of the decision.
    pub at: UnixTime,
    /// The action that was decided.
    pub action: Action,
    /// The account it concerns.
    pub account: Option<AccountId>,
    /// The device it concerns.
    pub serial: Option<SerialNumber>,
    /// The caller who asked for it.
    pub caller: CallerId,
    /// The reason of a refusal, or the key or the length it concerns.
    pub reason: Option<EventReason>,
    /// The number of like decisions this row stands for.
    pub count: u64,
}

impl Fingerprints {
    /// The writes that come before the one that adds the seed's device.
    pub fn aliases(&self) -> impl Iterator<Item = Write> {
        let of = self.first;
        self.others
            .iter()
            .map(move |alias| Write::AliasFingerprint { alias: *alias, of })
    }
}

impl Event {
    /// A decision that was made once and is no refusal.
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
