//! Sign-in without an account: the key says whose it is (WebAuthn L3 §7.2 step 6).
//!
//! The key is both factors here: it must verify its user under every policy. The account is found
//! by the credential's id, and the user handle stored in the key must be that account's.

use std::sync::Arc;

use crate::device::Refusal;
use crate::id::AccountId;
use crate::store::{Action, Sealer};
use crate::time::UnixTime;
use crate::verifier::Error;
use crate::verifier::decide::Judgement;
use crate::verifier::security_keys::authenticate::Finish;
use crate::verifier::security_keys::ceremony::CeremonyState;
use crate::verifier::security_keys::{Begun, CeremonyId, SecurityKeys, unasked};
use crate::verifier::verified::Verified;
use crate::webauthn::{AuthenticationResponse, CredentialId, RequestOptions};

impl SecurityKeys {
    /// Begins a sign-in by a discoverable credential.
    /// [`finish_usernameless`](Self::finish_usernameless) ends it, or
    /// [`finish_authentication`](Self::finish_authentication) if the caller has learned the account
    /// meanwhile.
    ///
    /// # Errors
    /// [`Error::BadInput`] if the relying party does not allow it, [`Error::Clock`],
    /// [`Error::Store`] or [`Error::Key`].
    pub async fn begin_usernameless(&self) -> Result<Begun<RequestOptions>, Error> {
        let sealer = self.verifier.keys().await?;
        let now = self.verifier.now().await?;
        let (options, state) = self.relying_party.start_usernameless().map_err(unasked)?;
        let state = CeremonyState::Authentication(state);
        let id = self.begin(&sealer, None, state, now).await?;
        Ok(Begun { id, options })
    }

    /// Verifies the account whose key answered. Ends the ceremony in any case. If `exists` is false
    /// for an account, the caller may not know it: its key is refused as unknown.
    ///
    /// # Errors
    /// [`Error::Refused`] for everything that is wrong with the ceremony or the answer, at the same
    /// cost.
    pub async fn finish_usernameless(
        &self,
        id: &CeremonyId,
        response: AuthenticationResponse,
        exists: impl Fn(&AccountId) -> bool,
    ) -> Result<Verified, Error> {
        let (sealer, response) = (&*self.verifier.keys().await?, &Arc::new(response));
        if let Some(account) = self.account_of(response, sealer).await?.filter(exists) {
            let finish = Finish { account: &account, named: false, id, response, sealer };
            return self.finish(&finish).await;
        }
        let refused = self.verifier.decide_alone(|now| self.judge_unknown(id, sealer, now));
        let refused = refused.await;
        if let Err(Error::Refused(_)) = refused {
            self.top_up();
        }
        refused
    }

    /// The account that has the credential of this answer.
    async fn account_of(
        &self,
        response: &AuthenticationResponse,
        sealer: &Sealer,
    ) -> Result<Option<AccountId>, Error> {
        let Ok(id) = CredentialId::new(&response.raw_id[..]) else { return Ok(None) };
        Ok(self
            .verifier
            .core
            .store
            .owner_by_fingerprint(sealer.credential_fingerprint(&id))
            .await?)
    }

    /// Ends a ceremony whose answer names an unknown credential.
    async fn judge_unknown(
        &self,
        id: &CeremonyId,
        sealer: &Sealer,
        now: UnixTime,
    ) -> Result<Judgement<Verified>, Error> {
        let none = || self.verifier.not_judged(None, None, now, Refusal::NoCeremony);
        let ceremony = self.open(id, sealer, now).await?.ok_or_else(none)?;
        let finished = self.is_finished(&ceremony, now).await?;
        let (refusal, writes) = match (&ceremony.account, finished) {
            (None, false) => (Refusal::KeyNotRegistered, ceremony.end(now)),
            (Some(_), false) => (Refusal::NoCeremony, ceremony.end(now)),
            (None, true) => (Refusal::Replayed { next_code_at: None }, Vec::new()),
            (Some(_), true) => return Err(none()),
        };
        let event = self.verifier.event(now, Action::KeyRefused).reason(refusal);
        Ok(Judgement::refused(writes, vec![event], refusal))
    }
}
