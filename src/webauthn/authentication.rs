//! Using a credential (WebAuthn L3 §7.2).

use std::fmt;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use webauthn_rs_core::error::WebauthnError;
use webauthn_rs_core::proto as core;

use super::authenticator_data::{AuthenticatorData, BACKED_UP, USER_VERIFIED};
use super::credential::{Credential, CredentialId};
use super::ed25519::StandIn;
use super::fault::{Ceremony, Fault};
use super::json::{
    AuthenticationResponse, Descriptor, PUBLIC_KEY, RequestExtensions, RequestOptions,
    UserVerification, base64url,
};
use super::listed::Listed;
use super::public_key::PublicKey;
use super::relying_party::{RelyingParty, TIMEOUT_MILLIS};
use super::signed::Signed;
use super::{cbor, client_data, fault, public_key};

/// State of an authentication in progress: secret, and for one response. It belongs to one account,
/// unless the sign-in began without an account.
#[derive(Clone, Serialize, Deserialize)]
pub struct AuthenticationState {
    allow: Vec<Listed>,
    /// The sign-in began without an account: any credential is accepted, and its user handle names
    /// the account.
    #[serde(default)]
    usernameless: bool,
    pub(super) core: core::AuthenticationState,
}

/// Proof that the holder of a credential used it. Its values go into the credential record,
/// provided that the record has not changed meanwhile.
#[must_use]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Assertion {
    /// The credential.
    pub credential_id: CredentialId,
    /// The signature counter in the response.
    pub sign_count: u32,
    /// True if the authenticator verified its user in this ceremony.
    pub user_verified: bool,
    /// True if the credential is backed up now.
    pub backed_up: bool,
}

impl AuthenticationState {
    /// Judges whether the credential was asked for and belongs to the account.
    fn judge_credential(
        &self,
        response: &AuthenticationResponse,
        credential: &Credential,
    ) -> Result<(), Fault> {
        let fault = |step, what| Ceremony::Authentication.fault(step, what);
        if response.kind != PUBLIC_KEY || response.id != base64url::text(&response.raw_id) {
            return Err(fault(3, "this is no public key credential"));
        }
        if !self.usernameless && !self.allow.contains(&Listed::of(&response.raw_id)) {
            return Err(fault(5, "the credential is not one of those asked for"));
        }
        // Libraries send an empty user handle for a key that stores no credentials.
        let owner = response.response.user_handle.as_ref().filter(|owner| !owner.is_empty());
        if self.usernameless && owner.is_none() {
            return Err(fault(6, "the key does not say whose credential it is"));
        }
        let others = owner.is_some_and(|owner| !bool::from(owner.ct_eq(&credential.user_handle)));
        if credential.id.as_bytes() != response.raw_id || others {
            return Err(fault(6, "the credential is another account's"));
        }
        Ok(())
    }
}

impl RelyingParty {
    /// Begins an authentication with one of these credentials, all of one account.
    ///
    /// # Errors
    /// [`Fault::BadInput`] without a credential.
    pub fn start_authentication(
        &self,
        allow: &[&Credential],
    ) -> Result<(RequestOptions, AuthenticationState), Fault> {
        if allow.is_empty() {
            return Err(Fault::BadInput("there is no credential to authenticate with"));
        }
        let ids: Vec<CredentialId> = allow.iter().map(|credential| credential.id.clone()).collect();
        self.begin(ids)
            .ok_or(Fault::BadInput("webauthn-rs did not begin the authentication"))
    }

    /// Begins an authentication without an account: the authenticator offers the credentials that
    /// it stores for the RP ID, and the chosen one names the account. User verification is always
    /// required, since no other factor came before.
    ///
    /// # Errors
    /// [`Fault::BadInput`] if webauthn-rs does not begin the ceremony.
    pub fn start_usernameless(&self) -> Result<(RequestOptions, AuthenticationState), Fault> {
        let verifying = RelyingParty {
            user_verification: UserVerification::Required,
            app_id: None,
            ..self.clone()
        };
        let (options, state) = verifying
            .begin(Vec::new())
            .ok_or(Fault::BadInput("webauthn-rs did not begin the authentication"))?;
        Ok((options, AuthenticationState { usernameless: true, ..state }))
    }

    /// Decoy options for an account without credentials: they look like those of an account with
    /// these credentials.
    pub fn decoy_options(&self, ids: &[CredentialId]) -> RequestOptions {
        match self.begin(ids.to_vec()) {
            Some((options, _)) => options,
            None => self.options(Vec::new(), ids),
        }
    }

    /// Finishes an authentication with `credential`, as it is stored now. The caller ensures that
    /// `state` belongs to the account and is used only once, and stores the assertion only if the
    /// credential has not changed meanwhile.
    ///
    /// # Errors
    /// [`Fault::Step`] with the step that failed; [`Fault::SignCount`] for step 22, which only a
    /// device-bound credential can fail. For a backup-eligible credential a lower count is a signal
    /// only, and the caller compares the counts.
    pub fn finish_authentication(
        &self,
        state: &AuthenticationState,
        response: &AuthenticationResponse,
        credential: &Credential,
    ) -> Result<Assertion, Fault> {
        let fault = |step, what| Ceremony::Authentication.fault(step, what);
        state.judge_credential(response, credential)?;
        self.attestation.still_accepts(credential)?;
        let data = AuthenticatorData::parse(&response.response.authenticator_data);
        let data = data.ok().filter(|data| data.attested.is_none());
        let data = data.ok_or_else(|| fault(7, "the authenticator data cannot be read"))?;
        let origin = client_data::judge(
            Ceremony::Authentication,
            &response.response.client_data_json,
            &self.origins,
            &self.top_origins,
        )?;

        // webauthn-rs accepts either hash once the client claims that it used the AppID.
        let by_app_id = response.client_extension_results.appid == Some(true);
        if by_app_id && !(credential.by_app_id && self.app_id_hash() == Some(data.rp_id_hash)) {
            return Err(fault(15, fault::OTHER_RP_ID));
        }

        let key = cbor::parse(&credential.public_key).and_then(|key| public_key::read(key));
        let key = key.map_err(|_| Fault::BadInput("the stored public key cannot be read"))?;
        let (shown, stored) = shown(response, credential, &key)?;
        match self
            .core_in(&origin)?
            .authenticate_single_credential(&shown, &state.core, &stored)
        {
            Ok(_) => {}
            Err(WebauthnError::CredentialPossibleCompromise) => {
                return Err(Fault::SignCount {
                    stored: credential.sign_count,
                    presented: data.sign_count,
                });
            }
            // webauthn-rs fails here before judging anything, at a byte order mark or a member that
            // this module can read.
            Err(WebauthnError::ParseJSONFailure(_) | WebauthnError::ParseNOMFailure) => {
                let signed = Signed { response: &response.response, data: &data };
                signed.judge(&self.rp_id_hash(by_app_id), &state.core, credential, &key)?;
            }
            Err(error) => return Err(fault::of_authentication(&error)),
        }
        Ok(Assertion {
            credential_id: credential.id.clone(),
            sign_count: data.sign_count,
            user_verified: data.has(USER_VERIFIED),
            backed_up: data.has(BACKED_UP),
        })
    }

    fn begin(&self, ids: Vec<CredentialId>) -> Option<(RequestOptions, AuthenticationState)> {
        let core = self.core();
        let builder = core
            .new_challenge_authenticate_builder(Vec::new(), Some(self.user_verification.into()))
            .ok()?;
        let extensions = self.app_id.clone().map(|appid| core::RequestAuthenticationExtensions {
            appid: Some(appid),
            uvm: None,
            hmac_get_secret: None,
        });
        let (begun, state) =
            core.generate_challenge_authenticate(builder.extensions(extensions)).ok()?;
        let options = self.options(begun.public_key.challenge, &ids);
        let allow = ids.iter().map(|id| Listed::of(id.as_bytes())).collect();
        Some((options, AuthenticationState { allow, usernameless: false, core: state }))
    }

    /// The options must not distinguish a credential from a decoy: each descriptor has only an id,
    /// and the AppID is present whenever it is configured.
    fn options(&self, challenge: Vec<u8>, ids: &[CredentialId]) -> RequestOptions {
        RequestOptions {
            challenge,
            timeout: TIMEOUT_MILLIS,
            rp_id: self.id.clone(),
            allow_credentials: ids.iter().map(|id| Descriptor::new(id.as_bytes())).collect(),
            user_verification: self.user_verification,
            hints: self.hints.clone(),
            extensions: RequestExtensions { appid: self.app_id.clone() },
        }
    }
}

impl fmt::Debug for AuthenticationState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AuthenticationState(..)")
    }
}

/// The response and the credential in the form that webauthn-rs judges.
fn shown(
    response: &AuthenticationResponse,
    credential: &Credential,
    key: &PublicKey,
) -> Result<(core::PublicKeyCredential, core::Credential), Fault> {
    let mut shown = as_core(response);
    let key = match key {
        PublicKey::Core(_, key) => key.clone(),
        PublicKey::Ed25519(key) => {
            let stand_in = StandIn::new().ok_or(Fault::BadInput(
                "the system has no random numbers, which judging the signature needs",
            ))?;
            let said = &response.response;
            let signed =
                [&said.authenticator_data[..], &Sha256::digest(&said.client_data_json)].concat();
            shown.response.signature = stand_in.countersign(key, &signed, &said.signature);
            stand_in.public_key()
        }
    };
    Ok((shown, stored(credential, key)))
}

/// The stored credential in the types of webauthn-rs.
fn stored(credential: &Credential, key: core::COSEKey) -> core::Credential {
    core::Credential {
        cred_id: credential.id.as_bytes().to_vec(),
        cred: key,
        // Authenticators that share a credential each have a counter of their own: the caller
        // judges it.
        counter: if credential.backup_eligible { 0 } else { credential.sign_count },
        transports: None,
        user_verified: credential.user_verified,
        backup_eligible: credential.backup_eligible,
        backup_state: credential.backed_up,
        // Any other value would require user verification forever after it succeeded once; the
        // ceremony's own state decides.
        registration_policy: core::UserVerificationPolicy::Discouraged_DO_NOT_USE,
        extensions: core::RegisteredExtensions::none(),
        attestation: core::ParsedAttestation::default(),
        attestation_format: core::AttestationFormat::None,
    }
}

/// The response in the types of webauthn-rs.
fn as_core(response: &AuthenticationResponse) -> core::PublicKeyCredential {
    core::PublicKeyCredential {
        id: response.id.clone(),
        raw_id: response.raw_id.clone(),
        response: core::AuthenticatorAssertionResponseRaw {
            authenticator_data: response.response.authenticator_data.clone(),
            client_data_json: response.response.client_data_json.clone(),
            signature: response.response.signature.clone(),
            user_handle: response.response.user_handle.clone(),
        },
        extensions: core::AuthenticationExtensionsClientOutputs {
            appid: response.client_extension_results.appid,
            hmac_get_secret: None,
        },
        type_: response.kind.clone(),
    }
}
