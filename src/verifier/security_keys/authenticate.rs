//! Authentication: a key of the account proves itself. All refusals look and cost the same, those
//! of codes included.

use std::sync::Arc;

use crate::device::{Budget, ClientTag, Device, Judged, Refusal, Verdict};
use crate::id::AccountId;
use crate::store::{AccountSnapshot, Action, Enrolled, Sealer, Write};
use crate::time::UnixTime;
use crate::verifier::client::note_success;
use crate::verifier::decide::Judgement;
use crate::verifier::security_keys::ceremony::{Ceremony, CeremonyState};
use crate::verifier::security_keys::{Begun, CeremonyId, SecurityKeys, unasked};
use crate::verifier::verified::{Proof, Verified};
use crate::verifier::work::Work;
use crate::verifier::{Error, KeyProof};
use crate::webauthn::{
    Attestation, AuthenticationResponse, Credential, CredentialId, Fault, RequestOptions,
};

/// An assertion to be judged.
pub(super) struct Finish<'a> {
    pub(super) account: &'a AccountId,
    /// The caller named the account; otherwise the credential did.
    pub(super) named: bool,
    pub(super) id: &'a CeremonyId,
    pub(super) response: &'a Arc<AuthenticationResponse>,
    pub(super) sealer: &'a Sealer,
}

/// One try to judge an assertion: the account as it was loaded, the time.
struct Attempt<'a> {
    finish: &'a Finish<'a>,
    seen: &'a AccountSnapshot,
    now: UnixTime,
}

/// An assertion that holds: the device afterwards, and the statements of its key.
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
    /// use, the same is done, and keys that no_account has are asked for, always the same.
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

    /// Verifies an account by the answer of its key. Ends the ceremony in any case.
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
        let (sealer, response) = (&*self.verifier.keys().await?, &Arc::new(response));
        self.finish(&Finish { account, named: true, id, response, sealer }).await
    }

    pub(super) async fn finish(&self, finish: &Finish<'_>) -> Result<Verified, Error> {
        let verifier = &self.verifier;
        let decided = verifier
            .decide(finish.account, |seen, now| async move {
                let unknown =
                    || verifier.not_judged(finish.account, None, now, Refusal::UnknownDevice);
                let seen = seen.ok_or_else(unknown)?;
                self.judge_finish(&Attempt { finish, seen: &seen, now }).await
            })
            .await;
        if let Err(Error::Refused(_)) = decided {
            self.top_up();
        }
        decided.map(|(proof, committed)| proof.committed(committed))
    }

    /// Spends on a refusal what the most expensive code would have cost.
    pub(super) fn top_up(&self) {
        let core = &self.verifier.core;
        Work::default().top_up(Work::CODE, &core.counters, &core.decoy);
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
            .filter(|enrolled| enrolled.device.admit(Budget::Shared, now).is_ok());
        let credentials: Vec<&Credential> =
            in_use.filter_map(|enrolled| enrolled.device.credential()).collect();
        let (options, state) = if credentials.is_empty() {
            (
                self.relying_party.decoy_options(&sealer.decoy_credentials(account)),
                CeremonyState::NoKey,
            )
        } else {
            let (options, state) =
                self.relying_party.start_authentication(&credentials).map_err(unasked)?;
            (options, CeremonyState::Authentication(state))
        };
        let id = self.begin(&sealer, Some(account), state, now).await?;
        Ok(Begun { id, options })
    }

    async fn judge_finish(&self, attempt: &Attempt<'_>) -> Result<Judgement<Proof>, Error> {
        let &Attempt { finish: &Finish { account, id, sealer, .. }, now, .. } = attempt;
        let none = || self.verifier.not_judged(account, None, now, Refusal::NoCeremony);
        let ceremony = self.open(id, sealer, now).await?.ok_or_else(none)?;
        if self.is_finished(&ceremony, now).await? {
            if ceremony.account.as_ref().is_some_and(|owner| owner != account) {
                return Err(none());
            }
            let replayed = Refused(Refusal::Replayed { next_code_at: None }, None);
            return Ok(self.refused(attempt, &replayed, Vec::new()));
        }
        let tag = self.verifier.client_tag(sealer, account).or(ceremony.client.clone());
        let writes = ceremony.end(now);
        Ok(match self.judge_assertion(attempt, ceremony).await {
            Ok(asserted) => self.accepted(attempt, asserted, writes, tag.as_ref()),
            Err(refused) => self.refused(attempt, &refused, writes),
        })
    }

    async fn judge_assertion<'a>(
        &self,
        attempt: &Attempt<'a>,
        ceremony: Ceremony,
    ) -> Result<Asserted<'a>, Refused<'a>> {
        let &Attempt { finish, seen, now } = attempt;
        let owner = ceremony.account.as_ref();
        if owner.is_some_and(|owner| !finish.named || owner != finish.account) {
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
        enrolled.device.admit(Budget::Shared, now).map_err(refused)?;
        let CeremonyState::Authentication(state) = ceremony.state else {
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
        let Judged { device, verdict, .. } = enrolled.device.assert(&assertion, now);
        match verdict {
            Verdict::Accepted => {
                Ok(Asserted { enrolled, device, proof: proof(assertion.user_verified), count_fell })
            }
            Verdict::Refused(refusal) => Err(refused(refusal)),
        }
    }

    fn accepted(
        &self,
        attempt: &Attempt<'_>,
        asserted: Asserted<'_>,
        mut writes: Vec<Write>,
        tag: Option<&ClientTag>,
    ) -> Judgement<Proof> {
        let &Attempt { finish, seen, now } = attempt;
        let Asserted { enrolled, device, proof, count_fell } = asserted;
        let event = |action| {
            self.verifier.event(now, action).account(finish.account).serial(&device.serial)
        };
        let signal = count_fell.then(|| event(Action::KeySignCountFell));
        let audit = std::iter::once(event(Action::KeyAccepted)).chain(signal).collect();
        writes.push(Write::UpdateDevice { seen: enrolled.revision, device });
        writes.extend(note_success((&seen.account, seen.revision), tag, now));
        let by_device = Proof::by_device(&seen.account.id, &enrolled.device, now);
        let proof = Proof { key: Some(proof), ..by_device };
        Judgement::accepted(writes, audit, proof)
    }

    /// A refusal leaves the device as it is.
    fn refused(
        &self,
        attempt: &Attempt<'_>,
        refused: &Refused<'_>,
        mut writes: Vec<Write>,
    ) -> Judgement<Proof> {
        let (&Attempt { finish, now, .. }, &Refused(refusal, enrolled)) = (attempt, refused);
        let event = self.verifier.event(now, Action::KeyRefused).account(finish.account);
        let mut event = event.reason(refusal);
        if let Some(Enrolled { device, revision, .. }) = enrolled {
            event = event.serial(&device.serial);
            writes.push(Write::ExpectDevice { serial: device.serial.clone(), seen: *revision });
        }
        Judgement::refused(writes, vec![event], refusal)
    }
}

/// Refusal of an unproved assertion.
fn refusal(fault: &Fault) -> Refusal {
    match fault {
        Fault::SignCount { .. } => Refusal::SignCount,
        fault => fault.criterion().map_or(Refusal::NoMatch, Refusal::Unproved),
    }
}

impl Sealer {
    /// The credentials that an account without keys is asked for: stable, no account's, and of the
    /// numbers and lengths that keys in use have.
    fn decoy_credentials(&self, account: &AccountId) -> Vec<CredentialId> {
        let digest =
            |which: &[u8]| self.digest("decoy credential", &[account.as_str().as_bytes(), which]);
        let [kind, ..] = digest(b"number");
        let number = NUMBERS[usize::from(kind) % NUMBERS.len()];
        let decoy = |number: u8| {
            let blocks = (0..4).map(|block| digest(&[number, block]));
            let bytes = blocks.collect::<Vec<_>>().concat();
            let [kind, ..] = digest(&[number]);
            let length = LENGTHS[usize::from(kind) % LENGTHS.len()];
            CredentialId::new(bytes[..length].to_vec())
                .expect("16 to 128 bytes are always a credential id")
        };
        (1..=number).map(decoy).collect()
    }
}

/// Numbers of keys that people have, each as often as it is met.
const NUMBERS: [u8; 8] = [1, 1, 1, 1, 1, 2, 2, 3];

/// Lengths of credential ids, each as often as it is met: 64 bytes of U2F and of most FIDO2 keys,
/// 16 to 48 of passkeys and discoverable credentials, 96 and 128 of keys that seal more into them.
const LENGTHS: [usize; 16] = [64, 64, 64, 64, 64, 64, 64, 64, 48, 48, 32, 32, 16, 20, 96, 128];

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::secret::Secret;
    use crate::store::Keyring;

    #[test]
    fn decoys_are_stable_and_vary_like_keys_in_use() {
        let secret = |byte| Secret::new(vec![byte; 32]);
        let sealer = Sealer::new(Keyring::new(&secret(1), &[]).unwrap(), secret(2));
        let decoys = |n: usize| {
            let account = format!("account-{n}").parse().unwrap();
            let decoys = sealer.decoy_credentials(&account);
            assert_eq!(decoys, sealer.decoy_credentials(&account));
            decoys.iter().map(|decoy| decoy.as_bytes().to_vec()).collect::<Vec<_>>()
        };
        let all: Vec<_> = (0..200).map(decoys).collect();
        let numbers: BTreeSet<usize> = all.iter().map(Vec::len).collect();
        let lengths: BTreeSet<usize> = all.iter().flatten().map(Vec::len).collect();
        assert_eq!(numbers, [1, 2, 3].into());
        assert_eq!(lengths, LENGTHS.into());
        let (sum, different) = (all.iter().flatten().count(), all.iter().flatten());
        assert_eq!(different.collect::<BTreeSet<_>>().len(), sum, "each is its account's alone");
    }
}
