//! What was revoked, as others are told: a signed list that a validator holds in memory.
//!
//! The list is a JWS of type `mfa-revocations+jwt`. It names nobody: an account is SHA-256(iss ‖ 0
//! ‖ sub), one of its devices SHA-256(iss ‖ 0 ‖ sub ‖ 0 ‖ serial), and a single context its `jti`.
//! What is revoked stays on it until the last context that it ends has expired.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::session::{AnyContext, Invalid, JwkSet, MfaKind, jws};
use crate::time::UnixTime;

/// Where a validator finds the newest list.
pub trait RevocationSource: Send + Sync {
    /// The newest list there is, from memory: a validation waits for nobody. None as long as there
    /// never was one.
    fn current(&self) -> Option<Arc<RevocationList>>;
}

/// What an issuer has revoked, as of one moment. Only [`RevocationList::verify`] makes one.
#[derive(Clone, Debug)]
pub struct RevocationList {
    issued_at: UnixTime,
    expires_at: UnixTime,
    signed_with: String,
    before: Option<UnixTime>,
    ending: Option<UnixTime>,
    accounts: HashMap<Digest32, Mark>,
    devices: HashMap<Digest32, UnixTime>,
    sessions: HashMap<String, UnixTime>,
}

/// Why a text is no list of this issuer's.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadList {
    /// It is not signed by one of the issuer's keys, or is of another type.
    #[error("this is no signed list of revocations: {0}")]
    Unsigned(Invalid),
    /// What is signed is not what a list says.
    #[error("the list of revocations says what this version does not understand")]
    Malformed,
    /// It is another issuer's.
    #[error("the list of revocations is of another issuer")]
    Issuer,
    /// It is over, or dated in the future: look at the clocks.
    #[error("the list of revocations is not of this time; do the clocks agree?")]
    Date,
}

/// What is dead of an account: contexts issued up to a time, and those of a lower generation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Mark {
    revoked_before: UnixTime,
    generation: u64,
}

/// Whom a context concerns, as a list names them.
#[derive(Clone, Copy, Debug)]
pub(super) struct Subject {
    account: Digest32,
    device: Option<Digest32>,
}

/// The list as it is signed. Members that a later version adds are left aside.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Payload {
    pub(super) iss: String,
    pub(super) iat: u64,
    pub(super) exp: u64,
    #[serde(flatten)]
    pub(super) entries: Entries,
}

/// The entries of a list.
#[derive(Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Entries {
    /// Whoever's they are, contexts issued up to this time are dead.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) before: Option<u64>,
    /// Whoever's they are, contexts that expire up to this time are dead.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) ending: Option<u64>,
    /// By account: contexts issued up to the first number are dead, and those with a `gen` below
    /// the second.
    pub(super) accounts: HashMap<String, (u64, u64)>,
    /// By device: contexts issued up to this time are dead.
    pub(super) devices: HashMap<String, u64>,
    /// By `jti`: that context is dead; when it expires.
    pub(super) sessions: HashMap<String, u64>,
}

impl RevocationList {
    /// Reads a list that `issuer` has signed with one of these keys.
    ///
    /// # Errors
    /// [`BadList`]; one that is over, or more than five seconds ahead of `now`, is none.
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
        if UnixTime(payload.exp) <= now || UnixTime(payload.iat) > now.plus(AHEAD) {
            return Err(BadList::Date);
        }
        let Entries { before, ending, accounts, devices, sessions } = payload.entries;
        let marks = accounts.into_iter().map(|(account, (revoked_before, generation))| {
            Some((
                Digest32::read(&account)?,
                Mark { revoked_before: UnixTime(revoked_before), generation },
            ))
        });
        let devices = devices
            .into_iter()
            .map(|(device, mark)| Some((Digest32::read(&device)?, UnixTime(mark))));
        Ok(RevocationList {
            issued_at: UnixTime(payload.iat),
            expires_at: UnixTime(payload.exp),
            signed_with: opened.key.kid().to_owned(),
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

    /// As of when it is.
    pub fn issued_at(&self) -> UnixTime {
        self.issued_at
    }

    /// From then on it says nothing any more.
    pub fn expires_at(&self) -> UnixTime {
        self.expires_at
    }

    /// The key it is signed with.
    pub fn signed_with(&self) -> &str {
        &self.signed_with
    }

    /// Whether it is older than `most`, or over.
    pub(super) fn is_stale(&self, now: UnixTime, most: Duration) -> bool {
        now >= self.expires_at || now.since(self.issued_at) > most
    }

    /// Whether it ends this context.
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
                .and_then(|device| self.devices.get(&device))
                .is_some_and(|mark| up_to(*mark))
            || self.sessions.contains_key(&common.session_id)
    }
}

/// A list that stays as it is.
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
            // An administrator's code is of no device.
            AnyContext::Mfa(context) if context.kind != MfaKind::Bypass => {
                Some(device(issuer, account, context.serial.as_str()))
            }
            AnyContext::Mfa(_) | AnyContext::WithoutMfa(_) => None,
        };
        Subject { account: self::account(issuer, account), device }
    }
}

/// What a list calls an account.
pub(super) fn account(issuer: &str, account: &str) -> Digest32 {
    Digest32::of(&[issuer, account])
}

/// What a list calls a device.
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

/// The `typ` of a list.
pub(super) const TYP: &str = "mfa-revocations+jwt";

/// How far the issuer's clock may be ahead of ours.
const AHEAD: Duration = Duration::from_secs(5);
