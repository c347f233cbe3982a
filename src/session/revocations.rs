//! The list of revocations: signed by the issuer, held in memory by validators.
//!
//! The list is a JWS of type `mfa-revocations+jwt`, without names: an account is SHA-256(iss ‖ 0 ‖
//! sub), a device SHA-256(iss ‖ 0 ‖ sub ‖ 0 ‖ serial), and a single context its `jti`. An entry
//! stays until the last context that it ends has expired.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::session::{AnyContext, Invalid, JwkSet, MfaKind, jws};
use crate::time::{MAX_CLOCK_LEAD, UnixTime};

/// A source of the newest list for validators.
pub trait RevocationSource: Send + Sync {
    /// The newest list, from memory: a validation does no I/O. None before the first one.
    fn current(&self) -> Option<Arc<RevocationList>>;
}

/// An issuer's revocations as of one moment. Only [`RevocationList::verify`] makes one.
#[derive(Clone, Debug)]
pub struct RevocationList {
    issued_at: UnixTime,
    expires_at: UnixTime,
    signed_with: String,
    place: Option<Place>,
    before: Option<UnixTime>,
    ending: Option<UnixTime>,
    accounts: HashMap<Digest32, Mark>,
    devices: HashMap<Digest32, Mark>,
    sessions: HashMap<String, UnixTime>,
}

/// The reason why a text is not a list of this issuer.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadList {
    /// The text is not signed by one of the issuer's keys, or is of another type.
    #[error("this is no signed list of revocations: {0}")]
    Unsigned(Invalid),
    /// The signed content is not a list.
    #[error("the list of revocations says what this version does not understand")]
    Malformed,
    /// The list is of another issuer.
    #[error("the list of revocations is of another issuer")]
    Issuer,
    /// The list has expired, or is dated in the future.
    #[error("the list of revocations is not of this time; do the clocks agree?")]
    Date,
}

/// The mark of an account or a device: contexts issued up to its time, or of a lower generation,
/// are dead.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Mark {
    revoked_before: UnixTime,
    generation: u64,
}

/// The account and the device of a context, as a list names them.
#[derive(Clone, Copy, Debug)]
pub(super) struct Subject {
    account: Digest32,
    /// The device, and its generation under which the context was made.
    device: Option<(Digest32, u64)>,
}

/// The signed content of a list. Members of later versions are ignored.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Payload {
    pub(super) iss: String,
    pub(super) iat: u64,
    pub(super) exp: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) place: Option<Place>,
    #[serde(flatten)]
    pub(super) entries: Entries,
}

/// The place of a list in the issuer's store.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Place {
    /// The name of the store: places of different stores have no order.
    pub(super) store: String,
    pub(super) epoch: u64,
    /// Rises in its epoch with every revocation.
    pub(super) number: u64,
}

/// The entries of a list.
#[derive(Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Entries {
    /// Contexts of all accounts issued up to this time are dead.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) before: Option<u64>,
    /// Contexts of all accounts that expire up to this time are dead.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) ending: Option<u64>,
    /// By account: contexts issued up to the first number are dead, and those with a `gen` below
    /// the second.
    pub(super) accounts: HashMap<String, (u64, u64)>,
    /// By device: contexts issued up to this time are dead.
    pub(super) devices: HashMap<String, u64>,
    /// By device: contexts with a lower `mfa_gen` are dead. A device is in `devices` too: versions
    /// that do not read this member go by that mark alone.
    #[serde(default, skip_serializing_if = "HashMap::is_empty")]
    pub(super) device_generations: HashMap<String, u64>,
    /// By `jti`: that context is dead; when it expires.
    pub(super) sessions: HashMap<String, u64>,
}

impl RevocationList {
    /// Reads a list that `issuer` has signed with one of these keys.
    ///
    /// # Errors
    /// [`BadList`]; [`BadList::Date`] for a list that has expired, or is more than five seconds
    /// ahead of `now`.
    pub fn verify(
        text: &str,
        keys: &JwkSet,
        issuer: &str,
        now: UnixTime,
    ) -> Result<RevocationList, BadList> {
        let opened = jws::open(text, &[TYP], keys).map_err(BadList::Unsigned)?;
        let payload: Payload = opened.payload().ok_or(BadList::Malformed)?;
        if payload.iss != issuer {
            return Err(BadList::Issuer);
        }
        if UnixTime(payload.exp) <= now || UnixTime(payload.iat) > now.plus(MAX_CLOCK_LEAD) {
            return Err(BadList::Date);
        }
        let Entries { before, ending, accounts, devices, device_generations, sessions } =
            payload.entries;
        let marks = accounts.into_iter().map(|(account, (revoked_before, generation))| {
            Some((
                Digest32::read(&account)?,
                Mark { revoked_before: UnixTime(revoked_before), generation },
            ))
        });
        let devices = devices.into_iter().map(|(device, mark)| {
            let generation = device_generations.get(&device).copied().unwrap_or_default();
            let mark = Mark { revoked_before: UnixTime(mark), generation };
            Some((Digest32::read(&device)?, mark))
        });
        Ok(RevocationList {
            issued_at: UnixTime(payload.iat),
            expires_at: UnixTime(payload.exp),
            signed_with: opened.key.kid().to_owned(),
            place: payload.place,
            before: before.map(UnixTime),
            ending: ending.map(UnixTime),
            accounts: marks.collect::<Option<_>>().ok_or(BadList::Malformed)?,
            devices: devices.collect::<Option<_>>().ok_or(BadList::Malformed)?,
            sessions: sessions
                .into_iter()
                .map(|(id, expires_at)| (id, UnixTime(expires_at)))
                .collect(),
        })
    }

    /// The date of the list.
    pub fn issued_at(&self) -> UnixTime {
        self.issued_at
    }

    /// The end of the list's validity.
    pub fn expires_at(&self) -> UnixTime {
        self.expires_at
    }

    /// The id of the key that signed it.
    pub fn signed_with(&self) -> &str {
        &self.signed_with
    }

    /// Returns whether this list is older than `other`, of the same issuer.
    ///
    /// Lists of one store go by their places in it, since the agents that date them have clocks
    /// which differ; lists of one place, without a place or of two stores go by their dates.
    pub fn is_before(&self, other: &RevocationList) -> bool {
        if let (Some(this), Some(that)) = (&self.place, &other.place)
            && this.store == that.store
            && (this.epoch, this.number) != (that.epoch, that.number)
        {
            return (this.epoch, this.number) < (that.epoch, that.number);
        }
        self.issued_at < other.issued_at
    }

    /// Returns whether the list is older than `most`, or has expired; or `now` is long before its
    /// date, by a clock that was set back.
    pub(super) fn is_stale(&self, now: UnixTime, most: Duration) -> bool {
        now >= self.expires_at
            || now.since(self.issued_at) > most
            || self.issued_at.since(now) > BACKWARD
    }

    /// Returns whether the list ends this context.
    pub(super) fn ends(&self, context: &AnyContext, subject: &Subject) -> bool {
        let common = context.common();
        let up_to = |mark: UnixTime| common.issued_at <= mark;
        self.before.is_some_and(up_to)
            || self.ending.is_some_and(|mark| common.expires_at <= mark)
            || self.accounts.get(&subject.account).is_some_and(|mark| {
                up_to(mark.revoked_before) || common.generation < mark.generation
            })
            || subject
                .device
                .and_then(|(device, generation)| Some((self.devices.get(&device)?, generation)))
                .is_some_and(|(mark, generation)| {
                    up_to(mark.revoked_before) || generation < mark.generation
                })
            || self.sessions.contains_key(&common.session_id)
    }
}

/// A source that does not change.
impl RevocationSource for Arc<RevocationList> {
    fn current(&self) -> Option<Arc<RevocationList>> {
        Some(Arc::clone(self))
    }
}

impl Subject {
    pub(super) fn of(context: &AnyContext) -> Subject {
        let common = context.common();
        let (issuer, account) = (common.issuer.as_str(), common.account.as_str());
        let device = match context {
            // A bypass code belongs to no device.
            AnyContext::Mfa(context) if context.kind != MfaKind::Bypass => {
                let device = device(issuer, account, context.serial.as_str());
                Some((device, context.device_generation))
            }
            AnyContext::Mfa(_) | AnyContext::WithoutMfa(_) => None,
        };
        Subject { account: self::account(issuer, account), device }
    }
}

/// The name of an account in a list.
pub(super) fn account(issuer: &str, account: &str) -> Digest32 {
    Digest32::of(&[issuer, account])
}

/// The name of a device in a list.
pub(super) fn device(issuer: &str, account: &str, serial: &str) -> Digest32 {
    Digest32::of(&[issuer, account, serial])
}

/// SHA-256 over texts with a zero between two.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Digest32([u8; 32]);

impl Digest32 {
    fn of(texts: &[&str]) -> Digest32 {
        let mut digest = Sha256::new();
        for (place, text) in texts.iter().enumerate() {
            if place > 0 {
                digest.update([0]);
            }
            digest.update(text);
        }
        Digest32(digest.finalize().into())
    }

    fn read(text: &str) -> Option<Digest32> {
        URL_SAFE_NO_PAD.decode(text).ok()?.try_into().ok().map(Digest32)
    }

    #[cfg(feature = "session")]
    pub(super) fn to_text(self) -> String {
        URL_SAFE_NO_PAD.encode(self.0)
    }
}

/// Tolerated step back of a clock, as the verifier's.
const BACKWARD: Duration = Duration::from_secs(60);

/// The `typ` of a list.
pub(super) const TYP: &str = "mfa-revocations+jwt";
