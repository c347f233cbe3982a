//! Authentication: a key of the account proves itself. All refusals look and cost the same, those
//! of codes included.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use crate::device::{Device, Judged, Refusal, Verdict};
use crate::id::AccountId;
use crate::store::{AccountSnapshot, Action, Change, Enrolled, ItemKind, Sealer, SingleUse, Write};
use crate::time::UnixTime;
use crate::verifier::security_keys::{
    Begun, CeremonyId, Remembered, SecurityKeys, nobody, unasked,
};
use crate::verifier::verify::Decision;
use crate::verifier::work::Work;
use crate::verifier::{Error, KeyProof, TRIES, Verified};
use crate::webauthn::{
    Attestation, AuthenticationResponse, Credential, CredentialId, Fault, RequestOptions,
};

/// An assertion to be judged.
pub(super) struct Finish<'a> {
    pub(super) account: &'a AccountId,
    /// The caller named the account; else the key did.
    pub(super) named: bool,
    pub(super) id: &'a CeremonyId,
    pub(super) response: &'a Arc<AuthenticationResponse>,
    pub(super) now: UnixTime,
}

/// What was found of an assertion: the device afterwards, and what its key said.
struct Asserted<'a> {
    enrolled: &'a Enrolled,
    device: Device,
    proof: KeyProof,
    /// The sign count did not grow, which is no refusal here.
    count_fell: bool,
}

/// A refusal, and the device that it concerns.
struct Refused<'a>(Refusal, Option<&'a Enrolled>);

impl SecurityKeys {
    /// Begins to verify an account by one of its keys. For one that is unknown, or has no key in
    /// use, the same is done, and keys that nobody has are asked for, always the same.
    ///
    /// # Errors
    /// [`Error::Clock`], [`Error::Store`] or [`Error::Key`]. An unknown account is no error.
    pub async fn begin_authentication(
        &self,
        account: &AccountId,
    ) -> Result<Begun<RequestOptions>, Error> {
        let seen = self.verifier.core.store.account(account).await?;
        self.ask_for_keys(account, seen.as_ref()).await
    }

    /// Begins as for an account that does not exist, which the caller may not know of.
    ///
    /// # Errors
    /// As [`begin_authentication`](Self::begin_authentication).
    pub async fn begin_hidden_authentication(
        &self,
        account: &AccountId,
    ) -> Result<Begun<RequestOptions>, Error> {
        let _hidden = self.verifier.core.store.account(account).await?;
        self.ask_for_keys(account, None).await
    }

    /// Verifies an account by the key that answered. Whatever comes of it, the ceremony is over.
    ///
    /// # Errors
    /// [`Error::Refused`] for everything that is wrong with the account, the ceremony or the
    /// answer, at the same cost.
    pub async fn finish_authentication(
        &self,
        account: &AccountId,
        id: &CeremonyId,
        response: AuthenticationResponse,
    ) -> Result<Verified, Error> {
        let (sealer, response) = (self.verifier.keys().await?, Arc::new(response));
        let finish = Finish {
            account,
            named: true,
            id,
            response: &response,
            now: self.verifier.now().await?,
        };
        self.finish(&finish, &sealer).await
    }

    pub(super) async fn finish(
        &self,
        finish: &Finish<'_>,
        sealer: &Sealer,
    ) -> Result<Verified, Error> {
        let verifier = &self.verifier;
        let _turn = verifier.core.queue.turn(finish.account).await;
        for _ in 0..TRIES {
            match self.try_assertion(finish, sealer).await? {
                Decision::Accepted(verified) => return Ok(verified),
                Decision::Refused(refusal) => {
                    Work::default().top_up(
                        Work::CODE,
                        &verifier.core.counters,
                        &verifier.core.decoy,
                    );
                    return Err(Error::Refused(refusal));
                }
                Decision::Again => {}
            }
        }
        Err(Error::Contended)
    }

    async fn ask_for_keys(
        &self,
        account: &AccountId,
        seen: Option<&AccountSnapshot>,
    ) -> Result<Begun<RequestOptions>, Error> {
        let sealer = self.verifier.keys().await?;
        let now = self.verifier.now().await?;
        let in_use = seen
            .iter()
            .flat_map(|seen| &seen.devices)
            .filter(|enrolled| enrolled.device.admit(now).is_ok());
        let credentials: Vec<&Credential> =
            in_use.filter_map(|enrolled| enrolled.device.credential()).collect();
        let (options, remembered) = if credentials.is_empty() {
            (
                self.relying_party.decoy_options(&[sealer.decoy_credential(account)?]),
                Remembered::NoKey,
            )
        } else {
            let (options, state) =
                self.relying_party.start_authentication(&credentials).map_err(unasked)?;
            (options, Remembered::Authentication(state))
        };
        // What is kept for accounts that are not there does not grow with their number.
        let (kept_for, kind) = match seen {
            Some(_) => (account.clone(), ItemKind::Ceremony),
            None => (nobody()?, ItemKind::Decoy),
        };
        let id = self.begin(&sealer, kept_for, kind, &remembered, now).await?;
        Ok(Begun { id, options })
    }

    async fn try_assertion(
        &self,
        finish: &Finish<'_>,
        sealer: &Sealer,
    ) -> Result<Decision<Verified>, Error> {
        let (verifier, &Finish { account, id, now, .. }) = (&self.verifier, finish);
        let Some(seen) = verifier.core.store.account(account).await? else {
            return Ok(verifier.not_judged(account, None, now, Refusal::UnknownDevice));
        };
        let Some(item) = self.open(id, now).await? else {
            return match self.spent(id, account, now).await? {
                true => {
                    self.refuse(
                        finish,
                        &Refused(Refusal::Replayed { next_code_at: None }, None),
                        Vec::new(),
                    )
                    .await
                }
                false => Ok(verifier.not_judged(account, None, now, Refusal::NoCeremony)),
            };
        };
        let mut writes = Vec::from(id.consume(&item, now));
        let asserted = match self.judge_assertion(finish, &seen, item, sealer).await {
            Ok(asserted) => asserted,
            Err(refused) => return self.refuse(finish, &refused, writes).await,
        };
        let Asserted { enrolled, device, proof, count_fell } = asserted;
        let event = |action| verifier.event(now, action).account(account).serial(&device.serial);
        let signal = count_fell.then(|| event(Action::KeySignCountFell));
        let audit = std::iter::once(event(Action::KeyAccepted)).chain(signal).collect::<Vec<_>>();
        writes.push(Write::UpdateDevice { seen: enrolled.revision, device });
        let Some(marks) = verifier
            .commit(Change { account: Some(account.clone()), writes, audit })
            .await?
        else {
            return Ok(Decision::Again);
        };
        verifier.core.counters.judged.fetch_add(1, Relaxed);
        verifier.core.counters.accepted.fetch_add(1, Relaxed);
        Ok(Decision::Accepted(Verified {
            key: Some(proof),
            ..Verified::by_device(enrolled, marks, now)
        }))
    }

    async fn judge_assertion<'a>(
        &self,
        finish: &Finish<'_>,
        seen: &'a AccountSnapshot,
        item: SingleUse,
        sealer: &Sealer,
    ) -> Result<Asserted<'a>, Refused<'a>> {
        let fits =
            item.kind == ItemKind::Usernameless || finish.named && item.account == *finish.account;
        if !fits {
            return Err(Refused(Refusal::NoCeremony, None));
        }
        let answers = |enrolled: &&Enrolled| {
            enrolled
                .device
                .credential()
                .is_some_and(|credential| credential.id.as_bytes() == finish.response.raw_id)
        };
        let Some(enrolled) = seen.devices.iter().find(answers) else {
            return Err(Refused(Refusal::KeyNotRegistered, None));
        };
        let refused = |refusal| Refused(refusal, Some(enrolled));
        enrolled.device.admit(finish.now).map_err(refused)?;
        let Some(Remembered::Authentication(state)) = Remembered::of(item, finish.id, sealer)
        else {
            return Err(refused(Refusal::NoMatch));
        };
        let credential = enrolled
            .device
            .credential()
            .cloned()
            .ok_or(refused(Refusal::KeyNotRegistered))?;
        let proof = |user_verified| {
            let hardware_bound =
                credential.attestation == Attestation::Trusted && !credential.backup_eligible;
            KeyProof { user_verified, hardware_bound }
        };
        let (response, stored) = (Arc::clone(finish.response), credential.clone());
        let judged = self
            .compute(move |relying_party| {
                relying_party.finish_authentication(&state, &response, &stored)
            })
            .await;
        let assertion = match judged {
            Some(Ok(assertion)) => assertion,
            Some(Err(fault)) => return Err(refused(refusal(&fault))),
            None => return Err(refused(Refusal::NoMatch)),
        };
        let count_fell = enrolled.device.sign_count_fell(&assertion);
        let Judged { device, verdict } = enrolled.device.assert(&assertion, finish.now);
        match verdict {
            Verdict::Accepted => {
                Ok(Asserted { enrolled, device, proof: proof(assertion.user_verified), count_fell })
            }
            Verdict::Refused(refusal) => Err(refused(refusal)),
        }
    }

    /// Writes a refusal down, which leaves the device as it is, and only then tells it.
    async fn refuse(
        &self,
        finish: &Finish<'_>,
        refused: &Refused<'_>,
        mut writes: Vec<Write>,
    ) -> Result<Decision<Verified>, Error> {
        let &Refused(refusal, enrolled) = refused;
        let mut event = self
            .verifier
            .event(finish.now, Action::KeyRefused)
            .account(finish.account)
            .reason(refusal);
        if let Some(enrolled) = enrolled {
            event = event.serial(&enrolled.device.serial);
            writes.push(Write::ExpectDevice {
                serial: enrolled.device.serial.clone(),
                seen: enrolled.revision,
            });
        }
        let change = Change { account: Some(finish.account.clone()), writes, audit: vec![event] };
        if self.verifier.commit(change).await?.is_none() {
            return Ok(Decision::Again);
        }
        self.verifier.core.counters.judged.fetch_add(1, Relaxed);
        Ok(Decision::Refused(refusal))
    }
}

/// What an assertion does not prove.
fn refusal(fault: &Fault) -> Refusal {
    match fault {
        Fault::SignCount { .. } => Refusal::SignCount,
        fault => fault.criterion().map_or(Refusal::NoMatch, Refusal::Unproved),
    }
}

impl Sealer {
    /// The credential that an account without keys is asked for. It is nobody's, and as long as
    /// most are.
    fn decoy_credential(&self, account: &AccountId) -> Result<CredentialId, Error> {
        let half =
            |which: &[u8]| self.digest("decoy credential", &[account.as_str().as_bytes(), which]);
        CredentialId::new([half(b"1"), half(b"2")].concat()).map_err(|_| Error::Contended)
    }
}
