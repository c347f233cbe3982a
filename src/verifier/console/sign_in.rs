//! Sign-ins that a service starts for an account whose first factor it has checked.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::code::LinkCode;
use crate::device::Refusal;
use crate::id::AccountId;
use crate::store::{ItemKind, Sealed, SealedPlace, Sealer, SingleUse, Write};
use crate::time::UnixTime;
use crate::verifier::decide::Judgement;
use crate::verifier::{Error, Verifier};

/// A sign-in of a service.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SignIn {
    /// The account that the service named.
    pub account: AccountId,
    /// The service, by its configured name.
    pub service: String,
    /// The address to which the person returns.
    pub return_to: String,
    /// The text that the service gets back.
    pub state: Option<String>,
}

/// A sign-in that was started.
#[derive(Debug)]
pub struct StartedSignIn {
    /// The secret part of its address.
    pub code: LinkCode,
    /// The end of its time.
    pub expires_at: UnixTime,
}

impl Verifier {
    /// Starts a sign-in, of 10 minutes. Of an account's sign-ins the 8 newest stay.
    ///
    /// # Errors
    /// [`Error::Contended`], [`Error::Clock`], [`Error::Store`] or [`Error::Key`].
    pub async fn start_sign_in(&self, sign_in: &SignIn) -> Result<StartedSignIn, Error> {
        let sealer = &*self.keys().await?;
        self.decide_alone(|now| async move {
            let (started, item) = new(sealer, sign_in, now.plus(LIFETIME))?;
            let (account, kind) = (sign_in.account.clone(), ItemKind::ConsoleSignIn);
            let keep = Write::KeepNewest { account, kind, most: MOST };
            Ok(Judgement::change(vec![Write::AddSingleUse(item), keep], Vec::new(), started))
        })
        .await
    }

    /// The sign-in of this code, which stays; none for one that has ended or was never started.
    ///
    /// # Errors
    /// [`Error::Clock`], [`Error::Store`] or [`Error::Key`].
    pub async fn sign_in(&self, code: &LinkCode) -> Result<Option<SignIn>, Error> {
        let sealer = &*self.keys().await?;
        let now = self.now().await?;
        let item = self.core.store.single_use(&sealer.address_digest(PURPOSE, code), now).await?;
        Ok(item.and_then(|item| SignIn::read(sealer, item)))
    }

    /// Ends a sign-in, once.
    ///
    /// # Errors
    /// [`Error::Refused`] for one that has ended or was never started; [`Error::Contended`],
    /// [`Error::Clock`], [`Error::Store`] or [`Error::Key`].
    pub async fn end_sign_in(&self, code: &LinkCode) -> Result<SignIn, Error> {
        let sealer = &*self.keys().await?;
        let id = &sealer.address_digest(PURPOSE, code);
        self.decide_alone(|now| async move {
            let item = self.core.store.single_use(id, now).await?;
            let sign_in = item.and_then(|item| SignIn::read(sealer, item));
            let sign_in =
                sign_in.ok_or_else(|| self.not_judged(None, None, now, Refusal::UnknownDevice))?;
            let writes = vec![Write::Consume { id: id.clone(), now }];
            Ok(Judgement::change(writes, Vec::new(), sign_in))
        })
        .await
    }
}

impl SignIn {
    /// The sign-in of an item; none if the item is not as it was written, or was sealed under a key
    /// that is gone.
    fn read(sealer: &Sealer, item: SingleUse) -> Option<SignIn> {
        let place = SealedPlace::Item { id: item.id };
        let json = sealer.keyring().open(&place, &Sealed::from_bytes(item.body))?;
        let sign_in: SignIn = serde_json::from_slice(json.expose()).ok()?;
        let known = item.kind == ItemKind::ConsoleSignIn && item.account == sign_in.account;
        known.then_some(sign_in)
    }
}

/// Redacted: an address and a service's text can hold secrets.
impl std::fmt::Debug for SignIn {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SignIn")
            .field("account", &self.account)
            .field("service", &self.service)
            .finish_non_exhaustive()
    }
}

/// A new sign-in, and the item that keeps it.
fn new(
    sealer: &Sealer,
    sign_in: &SignIn,
    expires_at: UnixTime,
) -> Result<(StartedSignIn, SingleUse), Error> {
    let code = LinkCode::random()?;
    let id = sealer.address_digest(PURPOSE, &code);
    let json = serde_json::to_vec(sign_in).expect("names and texts are always JSON");
    let place = SealedPlace::Item { id: id.clone() };
    let body = sealer.keyring().seal(&place, &json)?.as_bytes().to_vec();
    let (account, kind) = (sign_in.account.clone(), ItemKind::ConsoleSignIn);
    let item = SingleUse { id, account, kind, body, expires_at };
    Ok((StartedSignIn { code, expires_at }, item))
}

const PURPOSE: &str = "console sign-in";

const LIFETIME: Duration = Duration::from_secs(600);

/// The most sign-ins of an account at the same time.
const MOST: u32 = 8;
