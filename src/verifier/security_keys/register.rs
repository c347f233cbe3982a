//! Registration: a key becomes a device of an account, and is active at once, since registering
//! proves it.

use std::sync::Arc;

use crate::device::{Device, Factor, KeyState, RefusalKind};
use crate::id::{AccountId, DeviceName};
use crate::store::{
    Account, AccountSnapshot, Action, Change, Commit, Conflict, ItemKind, Sealer, SingleUse, Write,
};
use crate::time::UnixTime;
use crate::verifier::enroll::{generated_serial, present};
use crate::verifier::security_keys::{Begun, CeremonyId, Remembered, SecurityKeys, unasked};
use crate::verifier::{Authority, Error, TRIES};
use crate::webauthn::{CreationOptions, Credential, Criterion, RegistrationResponse, UserEntity};

/// A registration to be judged.
struct Finish<'a> {
    item: &'a SingleUse,
    id: &'a CeremonyId,
    response: &'a Arc<RegistrationResponse>,
    authority: &'a Authority,
    now: UnixTime,
}

/// Why a key is not enrolled.
struct Refused {
    error: Error,
    /// The reason in the audit row. None where nothing was decided.
    reason: Option<RefusalKind>,
}

impl SecurityKeys {
    /// Begins to enrol a key for an account, which comes into being with its first device.
    ///
    /// # Errors
    /// [`Error::MfaRequired`] where the account is protected and `authority` does not suffice.
    pub async fn begin_registration(
        &self,
        account: &AccountId,
        name: Option<DeviceName>,
        authority: &Authority,
    ) -> Result<Begun<CreationOptions>, Error> {
        let sealer = self.verifier.keys().await?;
        let now = self.verifier.now().await?;
        let seen = self.verifier.core.store.account(account).await?;
        self.may_register(seen.as_ref(), authority, now).await?;
        let enrolled: Vec<&Credential> = seen
            .iter()
            .flat_map(|seen| &seen.devices)
            .filter_map(|enrolled| enrolled.device.credential())
            .collect();
        let user =
            UserEntity { handle: sealer.user_handle(account), name: account.as_str().to_owned() };
        let (options, state) =
            self.relying_party.start_registration(&user, &enrolled).map_err(unasked)?;
        let id = self
            .begin(
                &sealer,
                account.clone(),
                ItemKind::Ceremony,
                &Remembered::Registration { name, state },
                now,
            )
            .await?;
        Ok(Begun { id, options })
    }

    /// Enrols the key that answered. Whatever comes of it, the ceremony is over.
    ///
    /// # Errors
    /// [`Error::NotFound`] for a ceremony that is over, or is none; [`Error::KeyRefused`] for an
    /// answer that does not prove the key; [`Error::AlreadyExists`] for a key that somebody has
    /// already.
    pub async fn finish_registration(
        &self,
        id: &CeremonyId,
        response: RegistrationResponse,
        authority: &Authority,
    ) -> Result<Device, Error> {
        let verifier = &self.verifier;
        let (sealer, response) = (verifier.keys().await?, Arc::new(response));
        let now = verifier.now().await?;
        let account = self.owner(id).await?;
        let _turn = verifier.core.queue.turn(&account).await;
        for _ in 0..TRIES {
            let item = self.open(id, now).await?.ok_or_else(SecurityKeys::no_ceremony)?;
            let seen = verifier.core.store.account(&account).await?;
            let finish = Finish { item: &item, id, response: &response, authority, now };
            let device = match self.judge_registration(&finish, seen.as_ref(), &sealer).await {
                Ok(device) => device,
                Err(Refused { error, reason: None }) => return Err(error),
                Err(Refused { error, reason: Some(reason) }) => {
                    match self.end(&finish, reason).await? {
                        true => return Err(error),
                        false => continue,
                    }
                }
            };
            let known = seen.as_ref().map_or_else(
                || Account::new(account.clone(), now),
                |seen| present(&seen.account, now),
            );
            let known = Account { protected: true, ..known };
            let mut writes = Vec::from(id.consume(&item, now));
            writes.push(match &seen {
                None => Write::CreateAccount(known),
                Some(seen) => Write::UpdateAccount { seen: seen.revision, account: known },
            });
            let fingerprint = device
                .credential()
                .map(|credential| sealer.credential_fingerprint(&credential.id));
            writes.push(Write::InsertDevice { device: device.clone(), seed: None, fingerprint });
            let audit = vec![
                verifier
                    .event(now, Action::DeviceRegistered)
                    .account(&account)
                    .serial(&device.serial),
            ];
            match verifier
                .core
                .store
                .commit(Change { account: Some(account.clone()), writes, audit })
                .await?
            {
                Commit::Committed(_) => return Ok(device),
                Commit::Conflict(Conflict::FingerprintTaken) => {
                    if self.end(&finish, RefusalKind::Unproved(Criterion::NewCredential)).await? {
                        return Err(Error::AlreadyExists(
                            "this security key is enrolled already: remove it there first",
                        ));
                    }
                }
                Commit::Conflict(_) => {}
            }
        }
        Err(Error::Contended)
    }

    /// The account may have another device, on this word.
    async fn may_register(
        &self,
        seen: Option<&AccountSnapshot>,
        authority: &Authority,
        now: UnixTime,
    ) -> Result<(), Error> {
        let Some(seen) = seen else { return Ok(()) };
        self.verifier.may_change_devices(seen, authority, now).await?;
        self.verifier.room_for_one(&seen.devices, 0)
    }

    async fn judge_registration(
        &self,
        finish: &Finish<'_>,
        seen: Option<&AccountSnapshot>,
        sealer: &Sealer,
    ) -> Result<Device, Refused> {
        self.may_register(seen, finish.authority, finish.now).await?;
        let Some(Remembered::Registration { name, state }) =
            Remembered::of(finish.item.clone(), finish.id, sealer)
        else {
            return Err(
                Error::KeyRefused("this ceremony enrols no key: begin again".to_owned()).into()
            );
        };
        let (response, now) = (Arc::clone(finish.response), finish.now);
        let registered = self
            .compute(move |relying_party| relying_party.finish_registration(&state, &response, now))
            .await;
        let credential = match registered {
            Some(Ok(credential)) => credential,
            Some(Err(fault)) => {
                let reason = fault.criterion().map_or(RefusalKind::NoMatch, RefusalKind::Unproved);
                return Err(Refused {
                    error: Error::KeyRefused(fault.to_string()),
                    reason: Some(reason),
                });
            }
            None => return Err(Error::KeyRefused("its answer cannot be read".to_owned()).into()),
        };
        let factor = Factor::SecurityKey(KeyState { credential });
        Ok(Device::new(
            generated_serial("key")?,
            finish.item.account.clone(),
            name,
            factor,
            finish.now,
        ))
    }

    /// Ends a ceremony that enrolled nothing. `false`: somebody else has ended it.
    async fn end(&self, finish: &Finish<'_>, reason: RefusalKind) -> Result<bool, Error> {
        let account = &finish.item.account;
        let audit = vec![
            self.verifier
                .event(finish.now, Action::RegistrationRefused)
                .account(account)
                .reason(reason),
        ];
        let writes = finish.id.consume(finish.item, finish.now).into();
        Ok(self
            .verifier
            .commit(Change { account: Some(account.clone()), writes, audit })
            .await?
            .is_some())
    }
}

impl Sealer {
    /// By what a key knows an account: it names nobody (WebAuthn L3 §14.6.1).
    fn user_handle(&self, account: &AccountId) -> Vec<u8> {
        self.digest("user handle", &[account.as_str().as_bytes()]).to_vec()
    }
}

impl From<Error> for Refused {
    fn from(error: Error) -> Refused {
        let reason = match error {
            Error::MfaRequired => Some(RefusalKind::MfaRequired),
            Error::TooManyDevices(_) => Some(RefusalKind::TooManyDevices),
            Error::KeyRefused(_) => Some(RefusalKind::NoMatch),
            _ => None,
        };
        Refused { error, reason }
    }
}
