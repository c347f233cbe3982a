//! The records of a store.

use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::device::{Device, KnownClients};
use crate::id::{AccountId, SerialNumber};
use crate::store::{Sealed, SealedPlace};
use crate::time::UnixTime;

/// Counts the changes of a row. A change names the revision it was judged from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Revision(pub u64);

/// The account's revocation marks, read in the transaction that decided, after its writes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Marks {
    /// See [`Account::generation`]; 0 for an account that is not there.
    pub generation: u64,
    /// See [`Account::revoked_before`].
    pub revoked_before: Option<UnixTime>,
}

/// An account without its devices. The record stays when the account is removed, so that no
/// revoked context comes back to life.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Account {
    /// The account's name.
    pub id: AccountId,
    /// The time it was first seen, or first seen again after it was removed.
    pub created_at: UnixTime,
    /// A device was activated once: changing its devices needs proof from now on.
    pub protected: bool,
    /// Contexts with a lower generation are dead.
    pub generation: u64,
    /// Contexts issued up to this time are dead.
    pub revoked_before: Option<UnixTime>,
    /// Times of the wrong codes of the last day, oldest first; at most 60.
    pub failures: Vec<UnixTime>,
    /// Codes of this account are refused unjudged until then.
    pub throttled_until: Option<UnixTime>,
    /// Clients through which the account has proved itself.
    #[serde(default, skip_serializing_if = "KnownClients::is_empty")]
    pub clients: KnownClients,
    /// The time of its removal, if it was not seen again.
    pub removed_at: Option<UnixTime>,
}

/// An account, its revision and its devices.
#[derive(Clone, Debug)]
pub struct AccountSnapshot {
    /// The account.
    pub account: Account,
    /// The account's revision, which rises with every change of the account and whenever a device
    /// is added, removed or changes state.
    pub revision: Revision,
    /// The account's devices, in the order of their serial numbers.
    pub devices: Vec<Enrolled>,
    /// See [`Store::control_version`](crate::store::Store::control_version), as of the same moment.
    pub control_version: u64,
    /// See [`Store::time`](crate::store::Store::time), as of the same moment.
    pub store_time: Option<UnixTime>,
}

/// A device with its revision and its sealed seed.
#[derive(Clone, Debug)]
pub struct Enrolled {
    /// The device.
    pub device: Device,
    /// The device's revision.
    pub revision: Revision,
    /// The sealed seed; none for kinds without one.
    pub seed: Option<Sealed>,
}

/// A single-use item: a bypass code, the state of a ceremony.
#[derive(Clone, PartialEq, Eq)]
pub struct SingleUse {
    /// The id it is found by; for a code, its digest.
    pub id: String,
    /// The account it belongs to.
    pub account: AccountId,
    /// The kind of item.
    pub kind: ItemKind,
    /// The content, sealed where it is secret.
    pub body: Vec<u8>,
    /// The time from which on it cannot be used.
    pub expires_at: UnixTime,
}

/// The kind of a single-use item.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ItemKind {
    /// A bypass code.
    Bypass,
    /// The state of a ceremony with a security key.
    Ceremony,
    /// Stands in for a ceremony of an account that is not there.
    Decoy,
    /// The state of a ceremony that began without an account.
    Usernameless,
    /// A one-time link to the console.
    ConsoleLink,
    /// A session of the console.
    ConsoleSession,
    /// A secret that the console shows to one session.
    ConsoleSecret,
    /// A sign-in that a service started.
    ConsoleSignIn,
}

/// Selects single-use items to list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SingleUseList {
    /// Only those of this kind.
    pub kind: ItemKind,
    /// Only those of this account.
    pub account: Option<AccountId>,
    /// The time by which they are not expired.
    pub now: UnixTime,
    /// Only those whose ids come after this one.
    pub after: Option<String>,
    /// At most so many.
    pub limit: u32,
}

/// The most revocations of each kind that are listed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RevocationLimits {
    /// Accounts.
    pub accounts: u32,
    /// Devices.
    pub devices: u32,
    /// Single contexts.
    pub sessions: u32,
}

/// The place of a list of revocations among all lists of one store. Of two lists of a store, the
/// one with the later place knows every revocation of the other one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ListPlace {
    /// The store's id.
    pub store: [u8; 16],
    /// The store's epoch, which a restore raises.
    pub epoch: u64,
    /// A number that rises with revocations, and with nothing else: lists are public, and a count
    /// of other changes would tell how many codes are judged.
    pub number: u64,
}

/// Revocations that may still matter.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Revocations {
    /// The place of this list; none in a store of one machine, whose clock orders its lists.
    pub place: Option<ListPlace>,
    /// Accounts that were revoked, with their marks.
    pub accounts: Vec<(AccountId, Marks)>,
    /// Devices of accounts, there or removed, with their marks.
    pub devices: Vec<(AccountId, SerialNumber, Marks)>,
    /// Single contexts by their ids, and when they expire.
    pub sessions: Vec<(String, UnixTime)>,
    /// The accounts of devices and single contexts beyond the limits, and when those were revoked.
    pub folded: Vec<(AccountId, UnixTime)>,
    /// The latest end of the single contexts beyond the limit whose account is not known.
    pub ending: Option<UnixTime>,
}

/// A key that signs contexts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SigningKeyRecord {
    /// The key's id, the `kid` of tokens.
    pub kid: String,
    /// `EdDSA`, `Ed25519` or `ES256`.
    pub algorithm: String,
    /// The private key in PKCS #8, sealed.
    pub private: Sealed,
    /// The public key as JWKS members (`x`, and `y` for ES256), base64url.
    pub public: Vec<String>,
    /// The time it was made.
    pub created_at: UnixTime,
    /// The time it was replaced: it signs no more, and verifies until its last token has expired.
    pub retired_at: Option<UnixTime>,
}

/// A key that lets a program call the agent over TCP.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ApiKeyRecord {
    /// The key's public id.
    pub id: String,
    /// The keyed digest of the key itself.
    pub digest: Vec<u8>,
    /// The holder's name for it.
    pub name: Option<String>,
    /// The role it grants, in a word of the agent.
    pub role: String,
    /// The accounts it is limited to; none: all.
    pub accounts: Option<Vec<String>>,
    /// True if refusals carry a reason.
    pub explain: bool,
    /// True for the key of a proxy, whose word on the target of a request is believed. Older keys
    /// are none.
    #[serde(default)]
    pub forward: bool,
    /// The account of the operator that it was made for. Older keys have none.
    #[serde(default)]
    pub operator: Option<AccountId>,
    /// The services of AWS's wire whose signing keys it may ask for. Older keys have none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub signing_keys: Vec<String>,
    /// The time it was made.
    pub created_at: UnixTime,
}

/// The name of the value that the secret of an access key is kept under.
#[cfg(any(feature = "aws", feature = "postgres", feature = "sqlite"))]
pub(crate) fn value_of_access_key(id: &str) -> String {
    format!("aws key {id}")
}

/// A sealed secret and where it is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resealable {
    /// The place the secret is bound to.
    pub place: SealedPlace,
    /// The secret as it was read.
    pub sealed: Sealed,
}

impl ItemKind {
    /// The kind's name in a store.
    pub fn name(self) -> &'static str {
        match self {
            ItemKind::Bypass => "bypass",
            ItemKind::Ceremony => "ceremony",
            ItemKind::Decoy => "decoy",
            ItemKind::Usernameless => "usernameless",
            ItemKind::ConsoleLink => "console_link",
            ItemKind::ConsoleSession => "console_session",
            ItemKind::ConsoleSecret => "console_secret",
            ItemKind::ConsoleSignIn => "console_sign_in",
        }
    }
}

impl FromStr for ItemKind {
    type Err = &'static str;

    fn from_str(name: &str) -> Result<ItemKind, &'static str> {
        ITEM_KINDS
            .into_iter()
            .find(|kind| kind.name() == name)
            .ok_or("there is no such kind of single-use item")
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
            clients: KnownClients::default(),
            removed_at: None,
        }
    }

    /// The account's revocation marks.
    pub fn marks(&self) -> Marks {
        Marks { generation: self.generation, revoked_before: self.revoked_before }
    }

    /// The account after everything issued for it so far was revoked.
    ///
    /// The generation ends all of it, later dates included, so the mark is the time itself: a mark
    /// of a clock that was ahead would end later contexts too.
    #[must_use]
    pub fn with_sessions_revoked(&self, now: UnixTime) -> Account {
        Account {
            generation: self.generation.saturating_add(1),
            revoked_before: Some(now),
            ..self.clone()
        }
    }

    /// The account after the restore of an old backup. It may have been protected since, so it
    /// is; what was issued until now is revoked.
    #[must_use]
    pub fn restored(&self, now: UnixTime) -> Account {
        let protected = self.protected || self.removed_at.is_none();
        Account { protected, ..self.with_sessions_revoked(now) }
    }
}

impl AccountSnapshot {
    /// An account that a change is to create.
    pub(crate) fn of_new(account: &AccountId, now: UnixTime) -> AccountSnapshot {
        AccountSnapshot {
            account: Account::new(account.clone(), now),
            revision: Revision(0),
            devices: Vec::new(),
            control_version: 0,
            store_time: None,
        }
    }

    /// The account's device with this serial number.
    pub fn device(&self, serial: &SerialNumber) -> Option<&Enrolled> {
        self.devices.iter().find(|enrolled| enrolled.device.serial == *serial)
    }
}

/// A body may hold what opens a session.
impl std::fmt::Debug for SingleUse {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SingleUse")
            .field("account", &self.account)
            .field("kind", &self.kind)
            .field("expires_at", &self.expires_at)
            .finish_non_exhaustive()
    }
}

const ITEM_KINDS: [ItemKind; 8] = [
    ItemKind::Bypass,
    ItemKind::Ceremony,
    ItemKind::Decoy,
    ItemKind::Usernameless,
    ItemKind::ConsoleLink,
    ItemKind::ConsoleSession,
    ItemKind::ConsoleSecret,
    ItemKind::ConsoleSignIn,
];
