//! Authentication with one key: authenticatorGetAssertion, or U2F's authenticate (CTAP 2.1 §7.3).

use sha2::{Digest, Sha256};

use super::find::{Found, Look, Wanted};
use super::session::KeySession;
use super::verify::{Plan, Proof};
use super::{Ceremony, Fit, find, verify};
use crate::usb::authenticator::{Authenticator, Speaks};
use crate::usb::ctap1::Hash;
use crate::usb::ctap2::{Assertion, AssertionRequest, Info, Permission};
use crate::usb::error::Error;
use crate::usb::fault::Fault;
use crate::usb::hid::Channel;
use crate::usb::{ctap1, ctap2, status};
use crate::webauthn::client::ClientData;
use crate::webauthn::{AuthenticationResponse, Origin, RequestOptions, UserVerification, client};

/// A signature to be made with one of some credentials.
pub(super) struct Authentication {
    client_data: ClientData,
    client_data_hash: Hash,
    rp_id: String,
    rp_id_hash: Hash,
    app_id_hash: Option<Hash>,
    allow: Vec<Vec<u8>>,
    verification: UserVerification,
}

impl Authentication {
    /// # Errors
    /// [`Error::BadRequest`] if the options cannot be meant for this origin.
    pub(super) fn new(request: &RequestOptions, origin: &Origin) -> Result<Authentication, Error> {
        let rp_id = request.rp_id.clone();
        let client_data = ClientData::authentication(&request.challenge, origin, &rp_id)
            .map_err(|bad| Error::BadRequest(bad.to_string()))?;
        let allow = super::ids(&request.allow_credentials);
        if allow.is_empty() {
            return Err(Error::BadRequest("the service names no credential".to_owned()));
        }
        Ok(Authentication {
            client_data_hash: client_data.hash(),
            client_data,
            rp_id_hash: Sha256::digest(&rp_id).into(),
            rp_id,
            app_id_hash: request
                .extensions
                .appid
                .as_ref()
                .map(|app_id| Sha256::digest(app_id).into()),
            allow,
            verification: request.user_verification,
        })
    }

    fn wanted(&self) -> Wanted<'_> {
        Wanted {
            rp_id: &self.rp_id,
            rp_id_hash: &self.rp_id_hash,
            app_id_hash: self.app_id_hash.as_ref(),
            ids: &self.allow,
        }
    }

    /// Signs with the credential that was found; finds it first, once the key knows who asks, if it
    /// was hidden. A key that does not say which ones it holds is asked to sign with any of them.
    fn by_fido2(
        &self,
        channel: &mut Channel,
        info: &Info,
        found: Option<Vec<u8>>,
        session: &mut KeySession,
    ) -> Result<AuthenticationResponse, Fault> {
        let scope = (Permission::GetAssertion, &self.rp_id[..]);
        let mut plan = Plan::new(self.verification, info, Permission::GetAssertion)?;
        if found.is_none() {
            plan = Plan::strongest(info).unwrap_or(plan);
        }
        let signed = loop {
            let proof = verify::prove(channel, info, plan, scope, session)?;
            let look = match &found {
                Some(id) => Look::Found(Found::Fido2(id.clone())),
                None => {
                    find::by_fido2(channel, info, self.wanted(), proof.verification(), session)?
                }
            };
            let signed = match &look {
                Look::Found(Found::Fido2(id)) => self.sign(channel, &[id], &proof, session),
                Look::Unknown => self.sign_with_any(channel, info, &proof, session),
                _ => return Err(Error::NotEnrolled.into()),
            };
            match (signed, plan.fallback(info)) {
                (
                    Err(Fault::Status(
                        status::PUAT_REQUIRED | status::UV_INVALID | status::UV_BLOCKED,
                    )),
                    Some(other),
                ) => plan = other,
                (signed, _) => break signed,
            }
        };
        super::claim_unless_lost(&signed, session)?;
        let signed = signed?;
        let handle = signed.user_handle.as_deref();
        let (id, data) = (&signed.credential_id, &signed.authenticator_data);
        Ok(client::authentication_from_ctap2(
            &self.client_data,
            id,
            data,
            &signed.signature,
            handle,
        ))
    }

    /// Each portion of the credentials that the key can take at once, until it holds one of them.
    fn sign_with_any(
        &self,
        channel: &mut Channel,
        info: &Info,
        proof: &Proof,
        session: &mut KeySession,
    ) -> Result<Assertion, Fault> {
        for allow in find::portions(info, &self.allow) {
            match self.sign(channel, &allow, proof, session) {
                Err(Fault::Status(status::NO_CREDENTIALS)) => {}
                signed => return signed,
            }
        }
        Err(Fault::Status(status::NO_CREDENTIALS))
    }

    fn sign(
        &self,
        channel: &mut Channel,
        allow: &[&[u8]],
        proof: &Proof,
        session: &mut KeySession,
    ) -> Result<Assertion, Fault> {
        let request = AssertionRequest {
            client_data_hash: &self.client_data_hash,
            rp_id: &self.rp_id,
            allow,
            touch: true,
        };
        verify::until_touched(session, |session| {
            ctap2::get_assertion(&mut session.link(channel), &request, proof.verification())
        })
    }

    fn by_u2f(
        &self,
        channel: &mut Channel,
        (handle, application, app_id): (&[u8], &Hash, bool),
        session: &mut KeySession,
    ) -> Result<AuthenticationResponse, Fault> {
        let signed = ctap1::authenticate(
            &mut session.link(channel),
            &self.client_data_hash,
            application,
            handle,
        );
        super::claim_unless_lost(&signed, session)?;
        client::authentication_from_u2f(&self.client_data, handle, &signed?, application, app_id)
            .map_err(|_| Fault::Odd("its signature cannot be read"))
    }
}

impl Ceremony for Authentication {
    /// `None` if the key may hide a credential.
    type Found = Option<Found>;
    type Output = AuthenticationResponse;

    fn look(
        &self,
        authenticator: &mut Authenticator,
        session: &mut KeySession,
    ) -> Result<Fit<Option<Found>>, Fault> {
        let look = find::look(authenticator, self.wanted(), session)?;
        Ok(match (look, &authenticator.speaks) {
            (Look::Found(Found::U2f { .. }), _)
                if self.verification == UserVerification::Required =>
            {
                Fit::No(Error::Unfit(
                    "the service asks for a PIN or fingerprint, which it cannot have",
                ))
            }
            (Look::Found(found), Speaks::Fido2(info)) => {
                match Plan::new(self.verification, info, Permission::GetAssertion) {
                    Ok(_) => Fit::Yes(Some(found)),
                    Err(why) => Fit::No(why),
                }
            }
            (Look::Found(found), Speaks::U2f) => Fit::Yes(Some(found)),
            (Look::Unknown, Speaks::Fido2(_)) => Fit::Perhaps(None),
            // A credential may be protected so that only who is verified learns of it (CTAP 2.1
            // §12.1).
            (Look::Nothing, Speaks::Fido2(info)) if info.protects && info.can_verify() => {
                Fit::Perhaps(None)
            }
            (Look::Nothing | Look::Unknown, _) => Fit::No(Error::NotEnrolled),
        })
    }

    fn perform(
        &self,
        authenticator: &mut Authenticator,
        found: Option<Found>,
        session: &mut KeySession,
    ) -> Result<AuthenticationResponse, Fault> {
        let channel = &mut authenticator.channel;
        match (found, &authenticator.speaks) {
            (Some(Found::U2f { handle, application, app_id }), _) => {
                self.by_u2f(channel, (&handle, &application, app_id), session)
            }
            (Some(Found::Fido2(id)), Speaks::Fido2(info)) => {
                self.by_fido2(channel, info, Some(id), session)
            }
            (None, Speaks::Fido2(info)) => self.by_fido2(channel, info, None, session),
            (_, Speaks::U2f) => Err(Error::NotEnrolled.into()),
        }
    }
}
