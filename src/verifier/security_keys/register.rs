//! Registration: a key becomes a device of an account, and is active at once, since registering
//! proves it.

use std::sync::Arc;

use crate::device::{Device, Factor, KeyState, RefusalKind};
use crate::id::{AccountId, DeviceName};
use crate::store::{Account, AccountSnapshot, Action, Sealer, Write};
use crate::time::UnixTime;
use crate::verifier::add::{generated_serial, present};
use crate::verifier::client::after_success;
use crate::verifier::decide::Judgement;
use crate::verifier::security_keys::ceremony::{Ceremony, CeremonyState};
use crate::verifier::security_keys::{Begun, CeremonyId, SecurityKeys, unasked};
use crate::verifier::{Authority, Error};
use crate::webauthn::{CreationOptions, Credential, Criterion, RegistrationResponse, UserEntity};

/// One try to judge a registration: the ceremony and the account as they were loaded, the time.
struct Attempt<'a> {
    account: &'a AccountId,
    ceremony: &'a Ceremony,
    seen: Option<&'a AccountSnapshot>,
    now: UnixTime,
}

/// The answer of a key, and on whose authority it is enrolled.
struct Answer<'a> {
    response: &'a Arc<RegistrationResponse>,
    authority: &'a Authority,
}

/// Reason why a key is not enrolled.
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
        let state = CeremonyState::Registration { name, state };
        let id = self.begin(&sealer, Some(account), state, now).await?;
        Ok(Begun { id, options })
    }

    /// Enrols the key that answered. Ends the ceremony in any case.
    ///
    /// # Errors
    /// [`Error::NotFound`] for a finished or unknown ceremony; [`Error::KeyRefused`] for an answer
    /// that does not prove the key; [`Error::AlreadyExists`] for an enrolled key.
    pub async fn finish_registration(
        &self,
        id: &CeremonyId,
        response: RegistrationResponse,
        authority: &Authority,
    ) -> Result<Device, Error> {
        let (sealer, response) = (&*self.verifier.keys().await?, &Arc::new(response));
        let account = &self.owner(id).await?;
        let answer = &Answer { response, authority };
        let decided = self.verifier.decide(account, |seen, now| async move {
            let ceremony = self.unfinished(id, sealer, now).await?;
            let ceremony = &ceremony.ok_or_else(SecurityKeys::no_ceremony)?;
            let attempt = Attempt { account, ceremony, seen: seen.as_ref(), now };
            match self.judge_registration(&attempt, answer).await {
                Ok(device) => Ok(self.registered(&attempt, device, sealer)),
                Err(Refused { error, reason: None }) => Err(error),
                Err(Refused { error, reason: Some(reason) }) => {
                    Ok(self.ended(&attempt, reason, error))
                }
            }
        });
        match decided.await {
            Err(Error::AlreadyExists(_)) => self.end_enrolled(account, id, sealer).await,
            decided => Ok(decided?.0),
        }
    }

    /// Ends a ceremony whose key is enrolled already, which only the commit showed.
    async fn end_enrolled(
        &self,
        account: &AccountId,
        id: &CeremonyId,
        sealer: &Sealer,
    ) -> Result<Device, Error> {
        let decided = self.verifier.decide(account, |seen, now| async move {
            let ceremony = self.unfinished(id, sealer, now).await?;
            let ceremony = &ceremony.ok_or_else(SecurityKeys::no_ceremony)?;
            let attempt = Attempt { account, ceremony, seen: seen.as_ref(), now };
            let reason = RefusalKind::Unproved(Criterion::NewCredential);
            let error = Error::AlreadyExists(
                "this security key is enrolled already: remove it there first",
            );
            Ok(self.ended(&attempt, reason, error))
        });
        Ok(decided.await?.0)
    }

    /// The account may have another device, on this word.
    async fn may_register(
        &self,
        seen: Option<&AccountSnapshot>,
        authority: &Authority,
        now: UnixTime,
    ) -> Result<(), Error> {
        self.verifier.may_give(authority).await?;
        let Some(seen) = seen else { return Ok(()) };
        self.verifier.may_change_devices(seen, authority, now).await?;
        self.verifier.room_for_one(&seen.devices, 0)
    }

    async fn judge_registration(
        &self,
        attempt: &Attempt<'_>,
        answer: &Answer<'_>,
    ) -> Result<Device, Refused> {
        let &Attempt { account, ceremony, seen, now } = attempt;
        self.may_register(seen, answer.authority, now).await?;
        let CeremonyState::Registration { name, state } = &ceremony.state else {
            return Err(
                Error::KeyRefused("this ceremony enrols no key: begin again".to_owned()).into()
            );
        };
        let (name, state) = (name.clone(), state.clone());
        let response = Arc::clone(answer.response);
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
        Ok(Device::new(generated_serial("key")?, account.clone(), name, factor, now))
    }

    /// The change that enrols a key.
    fn registered(
        &self,
        attempt: &Attempt<'_>,
        device: Device,
        sealer: &Sealer,
    ) -> Judgement<Device> {
        let &Attempt { account: owner, ceremony, seen, now } = attempt;
        let known = match seen {
            None => Account::new(owner.clone(), now),
            Some(seen) => present(&seen.account, now),
        };
        let tag = self.verifier.client_tag(sealer, owner).or(ceremony.client.clone());
        let known = after_success(&known, tag.as_ref(), now).unwrap_or(known);
        let account = Account { protected: true, ..known };
        let mut writes = ceremony.end(now);
        writes.push(match seen {
            None => Write::CreateAccount(account),
            Some(seen) => Write::UpdateAccount { seen: seen.revision, account },
        });
        let credential = device.credential();
        let fingerprint =
            credential.map(|credential| sealer.credential_fingerprint(&credential.id));
        writes.push(Write::InsertDevice { device: device.clone(), seed: None, fingerprint });
        let event = self.verifier.event(now, Action::DeviceRegistered).account(owner);
        Judgement::change(writes, vec![event.serial(&device.serial)], device)
    }

    /// The change that ends a ceremony which enrolled nothing.
    fn ended(&self, attempt: &Attempt<'_>, reason: RefusalKind, error: Error) -> Judgement<Device> {
        let &Attempt { account, ceremony, now, .. } = attempt;
        let event = self.verifier.event(now, Action::RegistrationRefused).account(account);
        Judgement {
            writes: ceremony.end(now),
            audit: vec![event.reason(reason)],
            answer: Err(error),
            counted: None,
            shown: None,
        }
    }
}

impl Sealer {
    /// User handle of an account: contains no name (WebAuthn L3 §14.6.1).
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
