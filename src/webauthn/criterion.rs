//! Names of the steps of a ceremony, for audit rows, metrics and programs.

/// The subject of a step of WebAuthn L3 §7.1 or §7.2.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Criterion {
    /// The response is a public key credential with one id (step 3).
    CredentialType,
    /// The credential was asked for (§7.2 step 5).
    AllowedCredential,
    /// The user handle and the credential belong to the account (§7.2 step 6).
    UserHandle,
    /// The client data are JSON in UTF-8 (§7.1 steps 5 and 6, §7.2 steps 8 and 9).
    ClientData,
    /// The client data belong to this ceremony (§7.1 step 7, §7.2 step 10).
    ClientDataType,
    /// The challenge is the one that was issued (§7.1 step 8, §7.2 step 11).
    Challenge,
    /// The origin is the relying party's (§7.1 step 9, §7.2 step 12).
    Origin,
    /// The page is not embedded, or its embedder is allowed (§7.1 steps 10 and 11, §7.2 steps 13
    /// and 14).
    CrossOrigin,
    /// The authenticator data or the attestation object are well-formed (§7.1 step 13, §7.2 step
    /// 7).
    AuthenticatorData,
    /// The authenticator answered for this RP ID (§7.1 step 14, §7.2 step 15).
    RpId,
    /// A person was present (§7.1 step 15, §7.2 step 16).
    UserPresence,
    /// The authenticator verified its user (§7.1 step 16, §7.2 step 17).
    UserVerification,
    /// The backup flags agree with each other and with the record (§7.1 step 17, §7.2 steps 18 and
    /// 19).
    BackupFlags,
    /// The public key has an algorithm that was asked for (§7.1 step 20).
    PublicKey,
    /// The format of the attestation statement is known (§7.1 step 21).
    AttestationFormat,
    /// The attestation statement is valid (§7.1 step 22).
    AttestationStatement,
    /// The authenticator's maker and model are accepted (§7.1 step 24).
    AttestationTrust,
    /// The credential has one id of an allowed length (§7.1 steps 25 and 27).
    CredentialId,
    /// The credential is not registered yet (§7.1 step 26).
    NewCredential,
    /// The signature is valid (§7.2 step 21).
    Signature,
    /// The signature counter has grown (§7.2 step 22).
    SignCount,
    /// The model has not been withdrawn since the registration.
    Model,
}

impl Criterion {
    /// All criteria.
    pub const ALL: &[Criterion] = &[
        Criterion::CredentialType,
        Criterion::AllowedCredential,
        Criterion::UserHandle,
        Criterion::ClientData,
        Criterion::ClientDataType,
        Criterion::Challenge,
        Criterion::Origin,
        Criterion::CrossOrigin,
        Criterion::AuthenticatorData,
        Criterion::RpId,
        Criterion::UserPresence,
        Criterion::UserVerification,
        Criterion::BackupFlags,
        Criterion::PublicKey,
        Criterion::AttestationFormat,
        Criterion::AttestationStatement,
        Criterion::AttestationTrust,
        Criterion::CredentialId,
        Criterion::NewCredential,
        Criterion::Signature,
        Criterion::SignCount,
        Criterion::Model,
    ];

    /// The name in audit rows, metrics and explanations.
    pub fn name(self) -> &'static str {
        match self {
            Criterion::CredentialType => "credential_type",
            Criterion::AllowedCredential => "credential_not_allowed",
            Criterion::UserHandle => "user_handle",
            Criterion::ClientData => "client_data",
            Criterion::ClientDataType => "client_data_type",
            Criterion::Challenge => "challenge",
            Criterion::Origin => "origin",
            Criterion::CrossOrigin => "cross_origin",
            Criterion::AuthenticatorData => "authenticator_data",
            Criterion::RpId => "rp_id",
            Criterion::UserPresence => "user_presence",
            Criterion::UserVerification => "user_verification",
            Criterion::BackupFlags => "backup_flags",
            Criterion::PublicKey => "public_key",
            Criterion::AttestationFormat => "attestation_format",
            Criterion::AttestationStatement => "attestation_statement",
            Criterion::AttestationTrust => "attestation_trust",
            Criterion::CredentialId => "credential_id",
            Criterion::NewCredential => "already_registered",
            Criterion::Signature => "signature",
            Criterion::SignCount => "sign_count",
            Criterion::Model => "model_withdrawn",
        }
    }
}
