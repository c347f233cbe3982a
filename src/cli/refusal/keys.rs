//! Refusals of a security key at a sign-in: a step of WebAuthn Level 3 §7.2 each.

use crate::cli::refusal::{Words, hints, said};
use crate::wire::Reason;

pub(super) fn at_login(reason: &Reason) -> Words {
    match reason {
        Reason::NoMatch => said("this proves nothing for the account", &[AGAIN]),
        Reason::Replayed => said("this answer was used already", &[AGAIN]),
        Reason::NoCeremony => said("the ceremony is over, or never began", &[AGAIN]),
        Reason::Throttled => said("too many refused answers for this account", &[LATER]),
        Reason::NotActive => said(
            "the security key is disabled",
            &["Remove it, and enrol it again: twostep device remove SERIAL"],
        ),
        Reason::UnknownDevice => said("the account has no such security key", &[OTHERS]),
        Reason::KeyNotRegistered => {
            said("this security key is not enrolled for the account", &[OTHERS])
        }
        Reason::SignCount => said(
            "the key counts less than it did before, and another one may be its copy",
            &["If it happens again, take the key out of use: twostep device remove SERIAL"],
        ),
        Reason::ModelWithdrawn => said("keys of this model are no longer accepted", &[REPLACE]),
        Reason::BackupFlags => said(
            "the key's backup flags contradict each other or its enrolment \
             (WebAuthn §7.2 steps 18 and 19)",
            &[REPLACE],
        ),
        Reason::Origin => {
            said("the page's origin is none of the agent's (WebAuthn §7.2 step 12)", &[ORIGINS])
        }
        Reason::CrossOrigin => said(
            "the page was embedded in one that may not embed it (WebAuthn §7.2 steps 13 and 14)",
            &[ORIGINS],
        ),
        Reason::RpId => said(
            "the key answered for another RP ID (WebAuthn §7.2 step 15)",
            &["Credentials belong to one RP ID for good: rp_id in the agent's configuration."],
        ),
        Reason::UserVerification => said(
            "the key did not verify its user, by PIN or fingerprint (WebAuthn §7.2 step 17)",
            &["Set a PIN: twostep key pin set"],
        ),
        reason => malformed(reason),
    }
}

/// Answers that no person can mend: the key, or the program between, is at fault.
fn malformed(reason: &Reason) -> Words {
    let says = match reason {
        Reason::CredentialType => "the answer is no public key credential (WebAuthn §7.2 step 3)",
        Reason::CredentialNotAllowed => {
            "the key answered with a credential that was not asked for (WebAuthn §7.2 step 5)"
        }
        Reason::UserHandle => "the key's user handle is another account's (WebAuthn §7.2 step 6)",
        Reason::AuthenticatorData => "the key's answer cannot be read (WebAuthn §7.2 step 7)",
        Reason::ClientData => {
            "the browser's client data cannot be read (WebAuthn §7.2 steps 8 and 9)"
        }
        Reason::ClientDataType => {
            "the answer is to an enrolment, not to a sign-in (WebAuthn §7.2 step 10)"
        }
        Reason::Challenge => "the answer is to another challenge (WebAuthn §7.2 step 11)",
        Reason::UserPresence => "the key was not touched (WebAuthn §7.2 step 16)",
        Reason::Signature => "the key's signature is wrong (WebAuthn §7.2 step 21)",
        _ => return hints(&[]),
    };
    said(says, &[AGAIN, LOOK])
}

const AGAIN: &str = "Begin again: each answer belongs to one ceremony.";

const LATER: &str = "Wait before the next try.";

const LOOK: &str = "If it happens again, look for the fault: twostep key doctor";

const OTHERS: &str = "Use the key that is enrolled, or see which there are: twostep device list";

const REPLACE: &str = "Enrol another key, and remove this one: twostep device remove SERIAL";

const ORIGINS: &str = "Which origins there are: origins and security_keys.top_origins in the \
                       agent's configuration.";

/// The reasons that the agent gives for a sign-in with a security key.
#[cfg(test)]
pub(super) const REASONS: [Reason; 23] = [
    Reason::NoMatch,
    Reason::Replayed,
    Reason::NoCeremony,
    Reason::Throttled,
    Reason::NotActive,
    Reason::UnknownDevice,
    Reason::KeyNotRegistered,
    Reason::CredentialType,
    Reason::CredentialNotAllowed,
    Reason::UserHandle,
    Reason::AuthenticatorData,
    Reason::ClientData,
    Reason::ClientDataType,
    Reason::Challenge,
    Reason::Origin,
    Reason::CrossOrigin,
    Reason::RpId,
    Reason::UserPresence,
    Reason::UserVerification,
    Reason::BackupFlags,
    Reason::Signature,
    Reason::SignCount,
    Reason::ModelWithdrawn,
];
