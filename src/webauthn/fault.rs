//! Faults of a ceremony, by the step that failed.

use std::fmt;

use webauthn_rs_core::error::WebauthnError;

use super::criterion::Criterion;

/// The reason why a ceremony did not begin or did not finish.
#[non_exhaustive]
#[derive(Debug, thiserror::Error)]
pub enum Fault {
    /// The response of the client or its authenticator failed a step.
    #[error("{0}")]
    Step(Step),
    /// The signature counter did not grow (L3 §7.2 step 22): there may be a copy of the key.
    #[error(
        "the key's signature counter is {presented} after {stored}: there may be a copy of the \
         key, so enroll another and remove this one"
    )]
    SignCount {
        /// The counter in the credential record.
        stored: u32,
        /// The counter in the assertion.
        presented: u32,
    },
    /// The model of the authenticator has been withdrawn since the credential was registered.
    #[error("keys of this model are no longer accepted ({0}), so enroll another")]
    Withdrawn(&'static str),
    /// The caller asked for an impossible ceremony.
    #[error("{0}")]
    BadInput(&'static str),
}

/// A failed step of WebAuthn L3 §7.1 or §7.2, and the reason.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Step {
    ceremony: Ceremony,
    number: u8,
    what: &'static str,
}

/// The two ceremonies.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Ceremony {
    /// Making a credential, §7.1.
    Registration,
    /// Using a credential, §7.2.
    Authentication,
}

impl Fault {
    /// The ceremony and number of the step that failed.
    pub fn step(&self) -> Option<(Ceremony, u8)> {
        match self {
            Fault::Step(step) => Some((step.ceremony, step.number)),
            Fault::SignCount { .. } => Some((Ceremony::Authentication, 22)),
            Fault::Withdrawn(_) | Fault::BadInput(_) => None,
        }
    }

    /// The criterion that failed; `None` if the caller asked for an impossible ceremony.
    pub fn criterion(&self) -> Option<Criterion> {
        match self {
            Fault::Step(step) => Some(step.criterion()),
            Fault::SignCount { .. } => Some(Criterion::SignCount),
            Fault::Withdrawn(_) => Some(Criterion::Model),
            Fault::BadInput(_) => None,
        }
    }
}

impl Step {
    /// The ceremony of the step.
    pub fn ceremony(&self) -> Ceremony {
        self.ceremony
    }

    /// The step's number, from 1.
    pub fn number(&self) -> u8 {
        self.number
    }

    /// The subject of the step.
    pub fn criterion(&self) -> Criterion {
        match (self.ceremony, self.number) {
            (_, 3) => Criterion::CredentialType,
            (Ceremony::Authentication, 5) => Criterion::AllowedCredential,
            (Ceremony::Authentication, 6) => Criterion::UserHandle,
            (Ceremony::Registration, 5 | 6) | (Ceremony::Authentication, 8 | 9) => {
                Criterion::ClientData
            }
            (Ceremony::Registration, 7) | (Ceremony::Authentication, 10) => {
                Criterion::ClientDataType
            }
            (Ceremony::Registration, 8) | (Ceremony::Authentication, 11) => Criterion::Challenge,
            (Ceremony::Registration, 9) | (Ceremony::Authentication, 12) => Criterion::Origin,
            (Ceremony::Registration, 10 | 11) | (Ceremony::Authentication, 13 | 14) => {
                Criterion::CrossOrigin
            }
            (Ceremony::Registration, 13) | (Ceremony::Authentication, 7) => {
                Criterion::AuthenticatorData
            }
            (Ceremony::Registration, 14) | (Ceremony::Authentication, 15) => Criterion::RpId,
            (Ceremony::Registration, 15) | (Ceremony::Authentication, 16) => {
                Criterion::UserPresence
            }
            (Ceremony::Registration, 16) | (Ceremony::Authentication, 17) => {
                Criterion::UserVerification
            }
            (Ceremony::Registration, 17) | (Ceremony::Authentication, 18 | 19) => {
                Criterion::BackupFlags
            }
            (Ceremony::Registration, 20) => Criterion::PublicKey,
            (Ceremony::Registration, 21) => Criterion::AttestationFormat,
            (Ceremony::Registration, 24) => Criterion::AttestationTrust,
            (Ceremony::Registration, 25 | 27) => Criterion::CredentialId,
            (Ceremony::Registration, 26) => Criterion::NewCredential,
            (Ceremony::Registration, _) => Criterion::AttestationStatement,
            (Ceremony::Authentication, 22) => Criterion::SignCount,
            (Ceremony::Authentication, _) => Criterion::Signature,
        }
    }

    /// The reason for the failure.
    pub fn what(&self) -> &'static str {
        self.what
    }
}

impl Ceremony {
    /// The type in the client data (L3 §5.8.1).
    pub(crate) fn client_data_type(self) -> &'static str {
        match self {
            Ceremony::Registration => "webauthn.create",
            Ceremony::Authentication => "webauthn.get",
        }
    }

    /// The fault of a failed step in this ceremony.
    pub(crate) fn fault(self, number: u8, what: &'static str) -> Fault {
        Fault::Step(Step { ceremony: self, number, what })
    }
}

/// The step of §7.1 at which webauthn-rs stopped.
pub(super) fn of_registration(error: &WebauthnError) -> Fault {
    let (number, what) = match error {
        WebauthnError::ParseJSONFailure(_) => (6, NOT_JSON),
        WebauthnError::InvalidClientDataType => {
            (7, "the client data are not those of a registration")
        }
        WebauthnError::MismatchedChallenge => (8, OTHER_CHALLENGE),
        WebauthnError::InvalidRPOrigin => (9, OTHER_ORIGIN),
        WebauthnError::CredentialCrossOrigin => (10, EMBEDDED),
        WebauthnError::ParseCBORFailure(_)
        | WebauthnError::ParseNOMFailure
        | WebauthnError::MissingAttestationCredentialData => {
            (13, "the attestation object cannot be read")
        }
        WebauthnError::InvalidRPIDHash => (14, OTHER_RP_ID),
        WebauthnError::UserNotPresent => (15, NOT_TOUCHED),
        WebauthnError::UserNotVerified => (16, NOT_VERIFIED),
        WebauthnError::CredentialMayNotBeHardwareBound => (17, BACKED_UP_ANYWAY),
        // No statement is left to which another error could refer.
        _ => (20, "the public key's algorithm was not asked for"),
    };
    Ceremony::Registration.fault(number, what)
}

/// The step at which webauthn-rs stopped, given that everything except the attestation statement is
/// right.
pub(super) fn of_statement(error: &WebauthnError) -> Fault {
    let (number, what) = match error {
        WebauthnError::AttestationNotSupported => (21, "the attestation format is unknown"),
        _ => (22, "the attestation statement is invalid"),
    };
    Ceremony::Registration.fault(number, what)
}

/// The step of §7.2 at which webauthn-rs stopped, except for the counter: its fault contains
/// numbers.
pub(super) fn of_authentication(error: &WebauthnError) -> Fault {
    let (number, what) = match error {
        WebauthnError::CredentialNotFound => (5, "the credential is not one of those asked for"),
        WebauthnError::ParseNOMFailure => (7, "the authenticator data cannot be read"),
        WebauthnError::ParseJSONFailure(_) => (9, NOT_JSON),
        WebauthnError::InvalidClientDataType => (10, OTHER_TYPE),
        WebauthnError::MismatchedChallenge => (11, OTHER_CHALLENGE),
        WebauthnError::InvalidRPOrigin => (12, OTHER_ORIGIN),
        WebauthnError::InvalidRPIDHash => (15, OTHER_RP_ID),
        WebauthnError::UserNotPresent => (16, NOT_TOUCHED),
        WebauthnError::UserNotVerified => (17, NOT_VERIFIED),
        WebauthnError::CredentialMayNotBeHardwareBound => (18, BACKED_UP_ANYWAY),
        WebauthnError::CredentialBackupEligibilityInconsistent => (19, OTHER_ELIGIBILITY),
        _ => (21, WRONG_SIGNATURE),
    };
    Ceremony::Authentication.fault(number, what)
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let section = match self.ceremony {
            Ceremony::Registration => "7.1",
            Ceremony::Authentication => "7.2",
        };
        write!(f, "{} (WebAuthn §{section} step {})", self.what, self.number)
    }
}

pub(super) const NOT_JSON: &str = "the client data are not the expected JSON";
pub(super) const OTHER_CHALLENGE: &str = "the challenge is not the one that was issued";
pub(super) const OTHER_ORIGIN: &str = "the origin is not one of ours";
pub(super) const EMBEDDED: &str = "the page was embedded in another site's";
pub(super) const OTHER_RP_ID: &str = "the key answered for another RP ID";
pub(super) const OTHER_TYPE: &str = "the client data are not those of an authentication";
pub(super) const OTHER_ELIGIBILITY: &str = "the credential has changed whether it may be backed up";
pub(super) const WRONG_SIGNATURE: &str = "the signature is invalid";
pub(super) const NOT_TOUCHED: &str = "the key was not touched";
pub(super) const NOT_VERIFIED: &str = "the key did not verify its user by PIN or fingerprint";
pub(super) const BACKED_UP_ANYWAY: &str =
    "the key reports a backup of a credential that cannot be backed up";
