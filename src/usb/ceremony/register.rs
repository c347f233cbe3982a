//! Registration on one key: authenticatorMakeCredential, or U2F's register (CTAP 2.1 §7.2).

use sha2::{Digest, Sha256};

use super::find::{Look, Wanted};
use super::session::KeySession;
use super::verify::Plan;
use super::{Ceremony, Fit, find, verify};
use crate::usb::authenticator::{Authenticator, Speaks};
use crate::usb::ctap1::Hash;
use crate::usb::ctap2::{CredentialRequest, Info, NewCredential, Permission, Verification};
use crate::usb::error::Error;
use crate::usb::fault::Fault;
use crate::usb::hid::Channel;
use crate::usb::link::{Link, OnWait, Wait};
use crate::usb::{ctap1, ctap2, status};
use crate::webauthn::client::ClientData;
use crate::webauthn::{
    Conveyance, CreationOptions, CredentialProperties, Origin, RegistrationResponse, ResidentKey,
    UserVerification, client,
};

/// A credential to be made.
pub(super) struct Registration {
    client_data: ClientData,
    client_data_hash: Hash,
    rp_id: String,
    rp_name: String,
    rp_id_hash: Hash,
    app_id_hash: Option<Hash>,
    user_id: Vec<u8>,
    user_name: String,
    user_display_name: String,
    algorithms: Vec<i64>,
    exclude: Vec<Vec<u8>>,
    resident: ResidentKey,
    /// The service asks what kind of credential was made.
    asks_for_properties: bool,
    verification: UserVerification,
    conveyance: Conveyance,
}

impl Registration {
    /// # Errors
    /// [`Error::BadRequest`] if the options cannot be meant for this origin.
    pub(super) fn new(creation: &CreationOptions, origin: &Origin) -> Result<Registration, Error> {
        let rp_id = creation.rp.id.clone();
        let client_data = ClientData::registration(&creation.challenge, origin, &rp_id)
            .map_err(|bad| Error::BadRequest(bad.to_string()))?;
        if !(1..=64).contains(&creation.user.id.len()) {
            return Err(Error::BadRequest("a user handle has 1 to 64 bytes".to_owned()));
        }
        let kinds = creation
            .pub_key_cred_params
            .iter()
            .filter(|parameters| parameters.kind == super::PUBLIC_KEY);
        Ok(Registration {
            client_data_hash: client_data.hash(),
            client_data,
            rp_id_hash: Sha256::digest(&rp_id).into(),
            rp_id,
            rp_name: cut(&creation.rp.name),
            app_id_hash: creation
                .extensions
                .appid_exclude
                .as_ref()
                .map(|app_id| Sha256::digest(app_id).into()),
            user_id: creation.user.id.clone(),
            user_name: cut(&creation.user.name),
            user_display_name: cut(&creation.user.display_name),
            algorithms: kinds.map(|parameters| parameters.alg).collect(),
            exclude: super::ids(&creation.exclude_credentials),
            resident: match creation.authenticator_selection.resident_key {
                _ if creation.authenticator_selection.require_resident_key => ResidentKey::Required,
                wanted => wanted,
            },
            asks_for_properties: creation.extensions.cred_props == Some(true),
            verification: creation.authenticator_selection.user_verification,
            conveyance: creation.attestation,
        })
    }

    fn by_fido2(
        &self,
        channel: &mut Channel,
        info: &Info,
        session: &mut KeySession,
    ) -> Result<RegistrationResponse, Fault> {
        let scope = (Permission::MakeCredential, &self.rp_id[..]);
        // A key that hides a credential from strangers finds it here, once it knows who asks.
        let portions = find::portions(info, &self.exclude);
        let request = CredentialRequest {
            client_data_hash: &self.client_data_hash,
            rp_id: &self.rp_id,
            rp_name: &self.rp_name,
            user_id: &self.user_id,
            user_name: &self.user_name,
            user_display_name: &self.user_display_name,
            algorithms: &self.algorithms,
            exclude: portions.first().map_or(&[], Vec::as_slice),
            protection: None,
            resident: self.resident == ResidentKey::Required
                || self.resident == ResidentKey::Preferred && info.options.rk == Some(true),
        };
        let mut plan = Plan::new(self.verification, info, Permission::MakeCredential)?;
        let made = loop {
            let proof = verify::prove(channel, info, plan, scope, session)?;
            let (made, resident) = self.make(channel, request, proof.verification(), session);
            match (made, plan.fallback(info)) {
                (
                    Err(Fault::Status(
                        status::PUAT_REQUIRED | status::UV_INVALID | status::UV_BLOCKED,
                    )),
                    Some(other),
                ) => plan = other,
                (made, _) => break made.map(|made| (made, resident)),
            }
        };
        super::claim_unless_lost(&made, session)?;
        let (made, resident) = match made {
            Err(Fault::Status(status::CREDENTIAL_EXCLUDED)) => {
                return Err(Error::AlreadyEnrolled(session.key().clone()).into());
            }
            other => other?,
        };
        let transports: Vec<&str> = info.transports.iter().map(String::as_str).collect();
        let transports = if transports.is_empty() { &["usb"][..] } else { &transports };
        let (client_data, data) = (&self.client_data, &made.authenticator_data);
        let response = match self.conveyance {
            Conveyance::None => client::unattested_from_ctap2(client_data, data, transports),
            Conveyance::Indirect | Conveyance::Direct => client::registration_from_ctap2(
                client_data,
                &made.format,
                data,
                &made.statement,
                transports,
            ),
        };
        response
            .map(|response| self.with_properties(response, resident))
            .map_err(|_| Fault::Odd("its new credential cannot be read"))
    }

    /// Has the credential made, and says whether it is discoverable. A key that stumbles over the
    /// list of algorithms is asked for ES256 alone, which all know, and a full one for a credential
    /// that it does not store, where that will do.
    fn make(
        &self,
        channel: &mut Channel,
        mut request: CredentialRequest<'_>,
        verification: Verification<'_>,
        session: &mut KeySession,
    ) -> (Result<NewCredential, Fault>, bool) {
        loop {
            let mut blinked = false;
            let made = verify::until_touched(session, |session| {
                let deadline = session.deadline();
                let on_wait = &mut |wait| {
                    blinked |= wait == Wait::Touch;
                    session.on_wait(wait);
                };
                ctap2::make_credential(
                    &mut Link { channel, deadline, on_wait },
                    &request,
                    verification,
                )
            });
            let more = request.algorithms != [ES256] && request.algorithms.contains(&ES256);
            match made {
                Err(Fault::Status(status)) if more && stumbled(status, blinked) => {
                    request.algorithms = &[ES256]
                }
                Err(Fault::Status(status::KEY_STORE_FULL))
                    if request.resident && self.resident == ResidentKey::Preferred =>
                {
                    request.resident = false;
                }
                made => return (made, request.resident),
            }
        }
    }

    fn with_properties(
        &self,
        mut response: RegistrationResponse,
        resident: bool,
    ) -> RegistrationResponse {
        if self.asks_for_properties {
            response.client_extension_results.cred_props =
                Some(CredentialProperties { rk: Some(resident) });
        }
        response
    }

    fn by_u2f(
        &self,
        channel: &mut Channel,
        session: &mut KeySession,
    ) -> Result<RegistrationResponse, Fault> {
        let made =
            ctap1::register(&mut session.link(channel), &self.client_data_hash, &self.rp_id_hash);
        super::claim_unless_lost(&made, session)?;
        let made = made?;
        let response = match self.conveyance {
            Conveyance::None => {
                client::unattested_from_u2f(&self.client_data, &made, &self.rp_id_hash)
            }
            Conveyance::Indirect | Conveyance::Direct => {
                client::registration_from_u2f(&self.client_data, &made, &self.rp_id_hash)
            }
        };
        response
            .map(|response| self.with_properties(response, false))
            .map_err(|_| Fault::Odd("its new credential cannot be read"))
    }
}

impl Ceremony for Registration {
    type Found = ();
    type Output = RegistrationResponse;

    fn look(
        &self,
        authenticator: &mut Authenticator,
        session: &mut KeySession,
    ) -> Result<Fit<()>, Fault> {
        let fit = match &authenticator.speaks {
            Speaks::Fido2(info)
                if self.resident == ResidentKey::Required && info.options.rk != Some(true) =>
            {
                Err(Error::Unfit("it stores no credentials"))
            }
            Speaks::Fido2(info) => {
                Plan::new(self.verification, info, Permission::MakeCredential).map(|_| ())
            }
            Speaks::U2f if self.resident == ResidentKey::Required => {
                Err(Error::Unfit("it stores no credentials"))
            }
            Speaks::U2f if self.verification == UserVerification::Required => {
                Err(Error::Unfit("the service asks for a PIN or fingerprint, which it cannot have"))
            }
            Speaks::U2f if !self.algorithms.contains(&ES256) => {
                Err(Error::Unfit("it knows none of the service's signatures"))
            }
            Speaks::U2f => Ok(()),
        };
        if let Err(why) = fit {
            return Ok(Fit::No(why));
        }
        let wanted = Wanted {
            rp_id: &self.rp_id,
            rp_id_hash: &self.rp_id_hash,
            app_id_hash: self.app_id_hash.as_ref(),
            ids: &self.exclude,
        };
        match find::look(authenticator, wanted, session)? {
            Look::Found(_) => Ok(Fit::No(Error::AlreadyEnrolled(session.key().clone()))),
            Look::Nothing | Look::Unknown => Ok(Fit::Yes(())),
        }
    }

    fn perform(
        &self,
        authenticator: &mut Authenticator,
        (): (),
        session: &mut KeySession,
    ) -> Result<RegistrationResponse, Fault> {
        match &authenticator.speaks {
            Speaks::Fido2(info) => self.by_fido2(&mut authenticator.channel, info, session),
            Speaks::U2f => self.by_u2f(&mut authenticator.channel, session),
        }
    }
}

/// Returns whether a key may have failed at the list of algorithms. Once the key has blinked, only
/// statuses about algorithms and encoding count.
fn stumbled(status: u8, blinked: bool) -> bool {
    matches!(status, status::UNSUPPORTED_ALGORITHM | status::INVALID_CBOR)
        || !blinked && status::is_about_the_request(status)
}

/// As much of a name as every key takes.
fn cut(name: &str) -> String {
    let end = (0..=LONGEST_NAME.min(name.len())).rev().find(|end| name.is_char_boundary(*end));
    name.get(..end.unwrap_or_default()).unwrap_or_default().to_owned()
}

/// The COSE name of the one signature that U2F knows.
const ES256: i64 = -7;

/// Keys may cut longer names, and some refuse them (CTAP 2.1 §6.1.2).
const LONGEST_NAME: usize = 64;
