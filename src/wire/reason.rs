//! Reasons: why something was refused, for callers that may know.

use crate::wire::names::open_names;

open_names! {
    /// The reason of a refusal, or of the agent's inability to judge now.
    Reason {
        /// The code is right nowhere it is looked for.
        NoMatch = "no_match",
        /// The code, or a later one, was used before.
        Replayed = "replayed",
        /// Codes of the device are not judged for a while, after too many wrong ones.
        Throttled = "throttled",
        /// Pairs of codes are not judged for a while, after too many of them.
        PairsSpent = "pairs_spent",
        /// Twenty wrong codes in a row locked the device.
        Locked = "locked",
        /// Two consecutive codes are needed: the clock or counter of the device has moved away, or
        /// a restore has left it in doubt.
        OutOfSync = "out_of_sync",
        /// The account has no such device.
        UnknownDevice = "unknown_device",
        /// The account has several devices, and no serial number was given.
        SeveralDevices = "several_devices",
        /// The device is pending or disabled, or takes no codes.
        NotActive = "not_active",
        /// The device's clock went back below codes that were used.
        ClockWentBack = "clock_went_back",
        /// The change needs a fresh session of the account's owner.
        MfaRequired = "mfa_required",
        /// The security key is not enrolled for the account.
        KeyNotRegistered = "key_not_registered",
        /// The ceremony is over, or never began.
        NoCeremony = "no_ceremony",
        /// WebAuthn §7.2 step 3: the answer is no public key credential.
        CredentialType = "credential_type",
        /// WebAuthn §7.2 step 5: the credential was not asked for.
        CredentialNotAllowed = "credential_not_allowed",
        /// WebAuthn §7.2 step 6: the user handle is another account's.
        UserHandle = "user_handle",
        /// WebAuthn §7.2 step 7: the authenticator data cannot be read.
        AuthenticatorData = "authenticator_data",
        /// WebAuthn §7.2 steps 8 and 9: the client data cannot be read.
        ClientData = "client_data",
        /// WebAuthn §7.2 step 10: the answer is to an enrolment.
        ClientDataType = "client_data_type",
        /// WebAuthn §7.2 step 11: the answer is to another challenge.
        Challenge = "challenge",
        /// WebAuthn §7.2 step 12: the origin is not the agent's.
        Origin = "origin",
        /// WebAuthn §7.2 steps 13 and 14: the page was embedded in another one.
        CrossOrigin = "cross_origin",
        /// WebAuthn §7.2 step 15: the key answered for another RP ID.
        RpId = "rp_id",
        /// WebAuthn §7.2 step 16: the key was not touched.
        UserPresence = "user_presence",
        /// WebAuthn §7.2 step 17: the key did not verify its user.
        UserVerification = "user_verification",
        /// WebAuthn §7.2 steps 18 and 19: the backup flags contradict each other or the record.
        BackupFlags = "backup_flags",
        /// WebAuthn §7.2 step 21: the signature is wrong.
        Signature = "signature",
        /// WebAuthn §7.2 step 22: the sign count did not grow.
        SignCount = "sign_count",
        /// The key's model has been withdrawn since its enrolment.
        ModelWithdrawn = "model_withdrawn",
        /// The agent's clock cannot be trusted.
        Clock = "clock",
        /// The agent's store does not answer, or keeps no changes.
        Store = "store",
        /// The store has less than the agent acknowledged: an older copy is in its place.
        StoreWentBack = "store_went_back",
        /// The store was restored from a backup, and no administrator has ended that state yet.
        Restored = "restored",
        /// A sealing key that the store needs is missing.
        Key = "key",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::device::RefusalKind;
    use crate::webauthn::Criterion;

    #[test]
    fn each_refusal_is_a_known_reason() {
        // Refusals of an enrolment carry no reason.
        let enrols = |kind: &RefusalKind| {
            use Criterion::*;
            matches!(
                kind,
                RefusalKind::TooManyDevices
                    | RefusalKind::Unproved(
                        PublicKey
                            | AttestationFormat
                            | AttestationStatement
                            | AttestationTrust
                            | CredentialId
                            | NewCredential
                    )
            )
        };
        for kind in RefusalKind::all().filter(|kind| !enrols(kind)) {
            assert!(Reason::KNOWN.contains(&Reason::from(kind.name())), "{kind:?}");
        }
    }

    #[test]
    fn a_reason_of_a_newer_agent_stays_readable() {
        let read: Reason = serde_json::from_str("\"moon_phase\"").unwrap();
        assert_eq!(read, Reason::Other("moon_phase".to_owned()));
        assert_eq!(serde_json::to_string(&read).unwrap(), "\"moon_phase\"");
    }
}
