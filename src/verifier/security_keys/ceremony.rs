//! A ceremony between its beginning and its end, sealed into its own id.
//!
//! The store keeps nothing of a ceremony that began, so no number of them ends another one or
//! fills the store. The first `finish` leaves a mark, in the deciding transaction.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::device::ClientTag;
use crate::id::{AccountId, DeviceName};
use crate::store::{ItemKind, Sealed, SealedPlace, Sealer, SingleUse, Write, random};
use crate::time::UnixTime;
use crate::verifier::Error;
use crate::verifier::security_keys::no_account;
use crate::webauthn::{AuthenticationState, RegistrationState};

/// Names a ceremony that began, and holds its sealed state.
#[derive(Clone, PartialEq, Eq)]
pub struct CeremonyId(String);

/// A text that names no ceremony.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "a ceremony id has 22 to 4096 characters of base64url: take it from the answer that began the \
     ceremony"
)]
pub struct BadCeremonyId;

/// A ceremony that began.
#[derive(Serialize, Deserialize)]
pub(super) struct Ceremony {
    /// Id of the mark that its first `finish` leaves: 128 random bits.
    mark: String,
    /// The account; none for a sign-in without a user name.
    pub(super) account: Option<AccountId>,
    until: UnixTime,
    /// The client that began it.
    pub(super) client: Option<ClientTag>,
    pub(super) state: CeremonyState,
}

/// State of a ceremony. The variant is its purpose.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum CeremonyState {
    Registration {
        name: Option<DeviceName>,
        state: RegistrationState,
    },
    Authentication(AuthenticationState),
    /// The account had no key to ask for.
    NoKey,
}

impl Ceremony {
    /// A ceremony that begins now.
    pub(super) fn new(
        account: Option<&AccountId>,
        client: Option<ClientTag>,
        state: CeremonyState,
        now: UnixTime,
    ) -> Result<Ceremony, Error> {
        let mark = URL_SAFE_NO_PAD.encode(&random::<16>()?[..]);
        Ok(Ceremony { mark, account: account.cloned(), until: now.plus(LONGEST), client, state })
    }

    /// The ceremony as its id, for a store that was last restored at this time.
    pub(super) fn seal(
        &self,
        sealer: &Sealer,
        restored: Option<UnixTime>,
    ) -> Result<CeremonyId, Error> {
        let mut text = Zeroizing::new(Vec::with_capacity(4 * SIZE));
        serde_json::to_writer(&mut *text, self).expect("a ceremony is always JSON");
        // Of an account with keys and of one without, the ids are of one length.
        let padded = text.len().next_multiple_of(SIZE);
        text.resize(padded, b' ');
        let sealed = sealer.keyring().seal(&SealedPlace::Ceremony { restored }, &text)?;
        Ok(CeremonyId(URL_SAFE_NO_PAD.encode(sealed.as_bytes())))
    }

    /// The ceremony of this id; `None` for one that is over, that began before the last restore, or
    /// that was sealed under a key that is gone.
    pub(super) fn open(
        id: &CeremonyId,
        sealer: &Sealer,
        restored: Option<UnixTime>,
        now: UnixTime,
    ) -> Option<Ceremony> {
        let sealed = Sealed::from_bytes(URL_SAFE_NO_PAD.decode(&id.0).ok()?);
        let text = sealer.keyring().open(&SealedPlace::Ceremony { restored }, &sealed)?;
        let ceremony: Ceremony = serde_json::from_slice(text.expose()).ok()?;
        // One that ends later than it could began by a clock that was ahead.
        let in_time = now < ceremony.until && ceremony.until <= now.plus(LONGEST + MOST_APART);
        in_time.then_some(ceremony)
    }

    pub(super) fn mark(&self) -> &str {
        &self.mark
    }

    /// The writes that end the ceremony, once: finished again, it is a replay.
    pub(super) fn end(&self, now: UnixTime) -> Vec<Write> {
        let id = self.mark.clone();
        let mark = SingleUse {
            id: id.clone(),
            account: self.account.clone().unwrap_or_else(no_account),
            kind: ItemKind::Ceremony,
            body: Vec::new(),
            expires_at: self.until.plus(MARKED),
        };
        vec![Write::AddSingleUse(mark), Write::Consume { id, now }]
    }
}

impl CeremonyId {
    /// The id as it is sent.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for CeremonyId {
    type Err = BadCeremonyId;

    fn from_str(text: &str) -> Result<CeremonyId, BadCeremonyId> {
        match URL_SAFE_NO_PAD.decode(text) {
            Ok(_) if (22..=4_096).contains(&text.len()) => Ok(CeremonyId(text.to_owned())),
            _ => Err(BadCeremonyId),
        }
    }
}

/// Redacted: the id allows its holder to end the ceremony.
impl fmt::Debug for CeremonyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("CeremonyId(..)")
    }
}

/// Time limit of a ceremony: WebAuthn L3 §15.1 recommends 5 minutes for the longest.
const LONGEST: Duration = Duration::from_secs(300);

/// The clocks of two agents of one store may be so far apart.
const MOST_APART: Duration = Duration::from_secs(60);

/// A mark outlives its ceremony by so much: a clock that runs ahead for a while does not remove it
/// early.
const MARKED: Duration = Duration::from_secs(86_400);

/// The plain text of an id is a multiple of this size, in bytes.
const SIZE: usize = 1_024;
