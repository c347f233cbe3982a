//! Assertions that webauthn-rs cannot parse, judged by the same steps (WebAuthn L3 §7.2 steps 10 to
//! 22).
//!
//! Client data may begin with a byte order mark, and extensions that were not asked for may have
//! any form. The signature covers both as they arrived, so neither can be repaired first.
//! Signatures are verified by the same code as all others.

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use webauthn_rs_core::proto::UserVerificationPolicy;

use super::authenticator_data::{
    AuthenticatorData, BACKED_UP, BACKUP_ELIGIBLE, USER_PRESENT, USER_VERIFIED,
};
use super::credential::Credential;
use super::fault::{Ceremony, Fault};
use super::json::AssertionResponse;
use super::public_key::PublicKey;
use super::{client_data, fault};

/// The signed data, with the authenticator data parsed.
pub(super) struct Signed<'a> {
    pub(super) response: &'a AssertionResponse,
    pub(super) data: &'a AuthenticatorData<'a>,
}

/// The request, as the state of webauthn-rs records it.
#[derive(Deserialize)]
struct Asked {
    /// The challenge in base64url.
    challenge: String,
    policy: UserVerificationPolicy,
}

impl Signed<'_> {
    /// Judges everything except the origin and the credential's owner, which the caller has judged.
    /// `core` is the state of webauthn-rs.
    pub(super) fn judge(
        &self,
        rp_id_hash: &[u8; 32],
        core: &impl Serialize,
        credential: &Credential,
        key: &PublicKey,
    ) -> Result<(), Fault> {
        let fault = |step, what| Err(Ceremony::Authentication.fault(step, what));
        let asked = Asked::of(core)?;
        let (kind, challenge) = client_data::named(&self.response.client_data_json)
            .ok_or(Fault::BadInput(fault::NOT_JSON))?;
        if kind != Ceremony::Authentication.client_data_type() {
            return fault(10, fault::OTHER_TYPE);
        }
        if challenge != asked.challenge {
            return fault(11, fault::OTHER_CHALLENGE);
        }
        if self.data.rp_id_hash != *rp_id_hash {
            return fault(15, fault::OTHER_RP_ID);
        }
        if !self.data.has(USER_PRESENT) {
            return fault(16, fault::NOT_TOUCHED);
        }
        if asked.policy == UserVerificationPolicy::Required && !self.data.has(USER_VERIFIED) {
            return fault(17, fault::NOT_VERIFIED);
        }
        if self.data.has(BACKED_UP) && !self.data.has(BACKUP_ELIGIBLE) {
            return fault(18, fault::BACKED_UP_ANYWAY);
        }
        if self.data.has(BACKUP_ELIGIBLE) != credential.backup_eligible {
            return fault(19, fault::OTHER_ELIGIBILITY);
        }
        let hash: [u8; 32] = Sha256::digest(&self.response.client_data_json).into();
        let message = [&self.response.authenticator_data[..], &hash].concat();
        if !key.verifies(&message, &self.response.signature) {
            return fault(21, fault::WRONG_SIGNATURE);
        }
        let (stored, presented) = (credential.sign_count, self.data.sign_count);
        if !credential.backup_eligible && presented <= stored && (presented, stored) != (0, 0) {
            return Err(Fault::SignCount { stored, presented });
        }
        Ok(())
    }
}

impl Asked {
    fn of(core: &impl Serialize) -> Result<Asked, Fault> {
        let written = serde_json::to_value(core).and_then(serde_json::from_value);
        written.map_err(|_| Fault::BadInput("the state of the ceremony cannot be read"))
    }
}
