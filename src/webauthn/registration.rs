//! Registering a credential (WebAuthn L3 §7.1).

use std::fmt;

use serde::{Deserialize, Serialize};
use webauthn_rs_core::proto as core;

use super::algorithm::SignatureAlgorithm;
use super::attestation_object::AttestationObject;
use super::authenticator_data::{
    AttestedCredential, AuthenticatorData, BACKED_UP, BACKUP_ELIGIBLE, USER_VERIFIED,
};
use super::credential::{Aaguid, Credential, CredentialId};
use super::ed25519::StandIn;
use super::fault::{Ceremony, Fault};
use super::json::{
    AuthenticatorSelection, Conveyance, CreationExtensions, CreationOptions, Descriptor,
    KeyParameters, PUBLIC_KEY, RegistrationResponse, ResidentKey, RpEntity, UserAccount, base64url,
};
use super::listed::Listed;
use super::proof::Proof;
use super::public_key::PublicKey;
use super::relying_party::{RelyingParty, TIMEOUT_MILLIS};
use super::statement::{Judged, Stated};
use super::{client_data, fault, public_key};
use crate::time::UnixTime;

/// The account for which a credential is made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UserEntity {
    /// The user handle, 1 to 64 bytes. Never a name: an authenticator shows it to any holder.
    pub handle: Vec<u8>,
    /// The account's name, as its owner knows it.
    pub name: String,
}

/// State of a registration in progress: secret, for one account, and for one response.
#[derive(Clone, Serialize, Deserialize)]
pub struct RegistrationState {
    user_handle: Vec<u8>,
    exclude: Vec<Listed>,
    core: core::RegistrationState,
}

impl RelyingParty {
    /// Begins a registration. Authenticators that hold a credential of `exclude` are asked to make
    /// no other.
    ///
    /// # Errors
    /// [`Fault::BadInput`] for a user handle or a name that no authenticator takes.
    pub fn start_registration(
        &self,
        user: &UserEntity,
        exclude: &[&Credential],
    ) -> Result<(CreationOptions, RegistrationState), Fault> {
        if !(1..=64).contains(&user.handle.len()) {
            return Err(Fault::BadInput("a user handle is 1 to 64 bytes"));
        }
        let core = self.core();
        let builder = core.new_challenge_register_builder(&user.handle, &user.name, &user.name);
        let builder = builder.map_err(|_| Fault::BadInput("a user has a name"))?;
        let builder = builder
            .user_verification_policy(self.user_verification.into())
            .credential_algorithms(public_key::OF_CORE.to_vec());
        let begun = core.generate_challenge_register(builder);
        let (begun, state) =
            begun.map_err(|_| Fault::BadInput("webauthn-rs did not begin the registration"))?;
        let options = CreationOptions {
            rp: RpEntity { id: self.id.clone(), name: self.name.clone() },
            user: UserAccount {
                id: user.handle.clone(),
                name: user.name.clone(),
                display_name: user.name.clone(),
            },
            challenge: begun.public_key.challenge,
            pub_key_cred_params: self.algorithms.iter().copied().map(offer).collect(),
            timeout: TIMEOUT_MILLIS,
            exclude_credentials: exclude
                .iter()
                .map(|credential| Descriptor::new(credential.id.as_bytes()))
                .collect(),
            authenticator_selection: AuthenticatorSelection {
                resident_key: self.resident_key,
                require_resident_key: self.resident_key == ResidentKey::Required,
                user_verification: self.user_verification,
            },
            hints: self.hints.clone(),
            attestation: self.attestation.conveyance,
            extensions: CreationExtensions {
                appid_exclude: self.app_id.clone(),
                cred_props: self.asks_for_properties().then_some(true),
            },
        };
        let exclude = exclude.iter().map(|known| Listed::of(known.id.as_bytes())).collect();
        Ok((options, RegistrationState { user_handle: user.handle.clone(), exclude, core: state }))
    }

    /// True if the client is asked for `credProps`; otherwise its answer is ignored.
    fn asks_for_properties(&self) -> bool {
        self.resident_key != ResidentKey::Discouraged
    }

    /// Returns the id and the public key of a new credential, if both were asked for.
    fn identify(
        &self,
        state: &RegistrationState,
        response: &RegistrationResponse,
        attested: &AttestedCredential<'_>,
    ) -> Result<(CredentialId, PublicKey), Fault> {
        let fault = |step, what| Ceremony::Registration.fault(step, what);
        let key = public_key::read(attested.key)
            .ok()
            .filter(|key| self.algorithms.contains(&key.algorithm()));
        let key = key.ok_or_else(|| fault(20, "the public key's algorithm was not asked for"))?;
        let id = CredentialId::new(attested.id)
            .map_err(|_| fault(25, "the credential id is not 1 to 1023 bytes"))?;
        if state.exclude.contains(&Listed::of(id.as_bytes())) {
            return Err(fault(26, "this key is enrolled already"));
        }
        if response.raw_id != attested.id {
            return Err(fault(27, "the credential has two ids"));
        }
        Ok((id, key))
    }

    /// Finishes a registration. Before storing the credential, the caller ensures that no account
    /// has a credential with this id (step 26), that `state` belongs to the account, and that it is
    /// used only once.
    ///
    /// # Errors
    /// [`Fault::Step`] with the step that failed.
    pub fn finish_registration(
        &self,
        state: &RegistrationState,
        response: &RegistrationResponse,
        now: UnixTime,
    ) -> Result<Credential, Fault> {
        let fault = |step, what| Ceremony::Registration.fault(step, what);
        if response.kind != PUBLIC_KEY || response.id != base64url::text(&response.raw_id) {
            return Err(fault(3, "this is no public key credential"));
        }
        let origin = client_data::judge(
            Ceremony::Registration,
            &response.response.client_data_json,
            &self.origins,
            &self.top_origins,
        )?;

        let unreadable = || fault(13, "the attestation object cannot be read");
        let object = AttestationObject::parse(&response.response.attestation_object)
            .map_err(|_| unreadable())?;
        let data = AuthenticatorData::parse(object.authenticator_data).map_err(|_| unreadable())?;
        let attested = data.attested.as_ref().ok_or_else(unreadable)?;

        let (id, key) = self.identify(state, response, attested)?;

        let core = self.core_in(&origin)?;
        judge_ceremony(&core, state, response, &data, (attested, &key))?;
        // U2F has no models: its signature covers no AAGUID (L3 §8.6).
        let aaguid = Aaguid::new(attested.aaguid).filter(|_| object.format != "fido-u2f");
        let (stated, format) = if self.attestation.conveyance == Conveyance::None {
            (Judged { proof: Ok(Proof::Nothing), chain: Vec::new() }, "none")
        } else {
            let sent = &response.response;
            let sent =
                as_core(response, sent.client_data_json.clone(), sent.attestation_object.clone());
            let stated = Stated {
                object,
                attested,
                key: &key,
                core: &core,
                state: &state.core,
                response: &sent,
            };
            (stated.judge(), if is_format(object.format) { object.format } else { "unknown" })
        };
        let attestation = self.attestation.assess(aaguid, stated, now)?;
        Ok(Credential {
            id,
            public_key: attested.public_key.to_vec(),
            user_handle: state.user_handle.clone(),
            sign_count: data.sign_count,
            user_verified: data.has(USER_VERIFIED),
            backup_eligible: data.has(BACKUP_ELIGIBLE),
            backed_up: data.has(BACKED_UP),
            aaguid,
            transports: transports(&response.response.transports),
            attestation,
            attestation_format: format.to_owned(),
            by_app_id: false,
            discoverable: response
                .client_extension_results
                .cred_props
                .filter(|_| self.asks_for_properties())
                .and_then(|said| said.rk),
        })
    }
}

fn judge_ceremony(
    core: &webauthn_rs_core::WebauthnCore,
    state: &RegistrationState,
    response: &RegistrationResponse,
    data: &AuthenticatorData<'_>,
    (attested, key): (&AttestedCredential<'_>, &PublicKey),
) -> Result<(), Fault> {
    let fault = |step, what| Ceremony::Registration.fault(step, what);
    // Judge the ceremony first, with the attestation statement replaced by `none`, as clients
    // do (L3 §5.1.3); no signature covers the replaced part.
    let client_data = client_data::plain(&response.response.client_data_json)
        .ok_or_else(|| fault(6, fault::NOT_JSON))?;
    let plain = data.without_extensions();
    let shown = match key {
        PublicKey::Core(..) => AttestationObject::none(&plain),
        PublicKey::Ed25519(_) => StandIn::new()
            .and_then(|stand_in| stand_in.attestation_object(&plain, attested))
            .ok_or(Fault::BadInput(
                "the system has no random numbers, which judging the key needs",
            ))?,
    };
    let unattested = as_core(response, client_data, shown);
    let judged = core
        .register_credential(&unattested, &state.core, None)
        .map_err(|error| fault::of_registration(&error))?;
    if matches!(key, PublicKey::Core(_, key) if judged.cred != *key) {
        return Err(fault(20, "the public key can be read in two ways"));
    }
    Ok(())
}

impl fmt::Debug for RegistrationState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RegistrationState(..)")
    }
}

fn offer(algorithm: SignatureAlgorithm) -> KeyParameters {
    KeyParameters { kind: PUBLIC_KEY.to_owned(), alg: algorithm.identifier() }
}

/// Returns whether a text is a well-formed identifier of a statement format (L3 §8.1).
fn is_format(text: &str) -> bool {
    (1..=32).contains(&text.len())
        && text
            .bytes()
            .all(|byte| byte.is_ascii_graphic() && !matches!(byte, b'"' | b'\\'))
}

/// The response with these parts, in the types of webauthn-rs.
fn as_core(
    response: &RegistrationResponse,
    client_data_json: Vec<u8>,
    attestation_object: Vec<u8>,
) -> core::RegisterPublicKeyCredential {
    core::RegisterPublicKeyCredential {
        id: response.id.clone(),
        raw_id: response.raw_id.clone(),
        response: core::AuthenticatorAttestationResponseRaw {
            attestation_object,
            client_data_json,
            transports: None,
        },
        type_: response.kind.clone(),
        extensions: core::RegistrationExtensionsClientOutputs::default(),
    }
}

/// The transports that WebAuthn defines (L3 §5.8.4), each once. They are unsigned hints from the
/// client.
fn transports(claimed: &[String]) -> Vec<String> {
    let known = ["ble", "hybrid", "internal", "nfc", "smart-card", "usb"];
    known
        .into_iter()
        .filter(|name| claimed.iter().any(|claim| claim == name))
        .map(str::to_owned)
        .collect()
}
