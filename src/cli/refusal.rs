//! What the agent refuses, in words, with what helps.

use crate::cli::output::{Exit, Failure, plain};
use crate::cli::words;
use crate::client::Problem;

/// The failure that a problem is for the person who typed the command.
pub(super) fn failure(problem: Problem) -> Failure {
    let exit = match problem.status {
        400 | 405 | 413 | 415 | 422 => Exit::BadInput,
        500.. => Exit::Unavailable,
        _ => Exit::Refused,
    };
    let wait = problem.retry_after_seconds.map(words::seconds);
    let mut message = plain(&problem.detail);
    if let Some(why) = problem.reason.as_deref().and_then(why) {
        message = format!("{message}: {why}");
    }
    let mut failure = Failure::new(exit, message).document(problem.document.clone());
    if let Some(wait) = wait {
        failure = failure.hint(match problem.reason.as_deref() {
            Some("replayed") => format!("The next code shows in {wait}."),
            _ => format!("Try again in {wait}."),
        });
    }
    for hint in hints(&problem) {
        failure = failure.hint(*hint);
    }
    failure
}

fn why(reason: &str) -> Option<&'static str> {
    Some(match reason {
        "no_match" => "the code is wrong, or the device's clock is off",
        "replayed" => "this code was used already",
        "throttled" => "too many wrong codes",
        "pairs_spent" => "too many pairs of codes",
        "locked" => "the device is locked after twenty wrong codes",
        "out_of_sync" => "the device must be resynchronised first",
        "unknown_device" => "the account has no such device",
        "not_active" => "the device is not active, or is of another kind",
        "key_not_registered" => "this security key is not enrolled for the account",
        "sign_count" => "the key counts less than it did before: another one may be its copy",
        "credential_type" => "the answer is no public key credential (WebAuthn §7.2 step 3)",
        "credential_not_allowed" => {
            "the key answered with a credential that was not asked for (WebAuthn §7.2 step 5)"
        }
        "user_handle" => "the key's user handle is another account's (WebAuthn §7.2 step 6)",
        "authenticator_data" => "the key's answer cannot be read (WebAuthn §7.2 step 7)",
        "client_data" => "the browser's client data cannot be read (WebAuthn §7.2 steps 8 and 9)",
        "client_data_type" => {
            "the answer is to an enrolment, not to a sign-in (WebAuthn §7.2 step 10)"
        }
        "challenge" => "the answer is to another challenge (WebAuthn §7.2 step 11)",
        "origin" => "the page's origin is none of the agent's (WebAuthn §7.2 step 12)",
        "cross_origin" => {
            "the page was embedded in one that may not embed it (WebAuthn §7.2 steps 13 and 14)"
        }
        "rp_id" => "the key answered for another RP ID (WebAuthn §7.2 step 15)",
        "user_presence" => "the key was not touched (WebAuthn §7.2 step 16)",
        "user_verification" => {
            "the key did not verify its user, by PIN or fingerprint (WebAuthn §7.2 step 17)"
        }
        "backup_flags" => {
            "the key's backup flags contradict each other or its enrolment (WebAuthn §7.2 steps 18 and 19)"
        }
        "signature" => "the key's signature is wrong (WebAuthn §7.2 step 21)",
        "model_withdrawn" => "keys of this model are no longer accepted",
        "clock_went_back" => {
            "these codes lie before others that were used: the device's clock went back"
        }
        _ => return None,
    })
}

fn hints(problem: &Problem) -> &'static [&'static str] {
    match problem.reason.as_deref() {
        Some("mfa_required") => &[
            "Open a session with a device of this account, and show it with the command:",
            "  twostep login > session.jwt",
            "  twostep --mfa-context session.jwt ...",
            "Who has lost all devices uses a recovery code there, or asks an administrator.",
        ],
        Some("no_match" | "out_of_sync" | "throttled") => {
            &["With two consecutive codes instead of one: twostep login --resync"]
        }
        Some("locked") => &[
            "Two consecutive codes unlock it: twostep device resync SERIAL",
            "So does an administrator: twostep device unlock SERIAL",
        ],
        Some("not_active") => {
            &["Two consecutive codes activate it: twostep device activate SERIAL"]
        }
        Some("key_not_registered") => {
            &["Use the key that is enrolled, or see which there are: twostep device list"]
        }
        Some("sign_count") => {
            &["If it happens again, take the key out of use: twostep device remove SERIAL"]
        }
        Some("origin" | "cross_origin") => &[
            "Which origins there are: origins and security_keys.top_origins in the agent's configuration.",
        ],
        Some("rp_id") => {
            &["Credentials belong to one RP ID for good: rp_id in the agent's configuration."]
        }
        Some("user_verification") => &["Set a PIN: twostep key pin set"],
        Some("challenge" | "client_data_type") => {
            &["Begin again: each answer belongs to one ceremony."]
        }
        Some("backup_flags" | "model_withdrawn") => {
            &["Enrol another key, and remove this one: twostep device remove SERIAL"]
        }
        Some("clock_went_back") => &[
            "Wait until its clock has caught up, or remove the device and add it with a new secret.",
        ],
        Some("clock") => &["Look for the fault: twostep doctor"],
        Some("store" | "key") => &["The agent's log says more. Look for the fault: twostep doctor"],
        _ if problem.code == "AccessDenied" && problem.detail.contains("role") => &[
            "Run it as root or as the user who runs the agent, or give this user a role: [[peer]] in the agent's configuration.",
        ],
        _ => &[],
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::webauthn::Criterion;

    #[test]
    fn every_step_that_refuses_a_sign_in_has_words() {
        for criterion in [
            Criterion::CredentialType,
            Criterion::AllowedCredential,
            Criterion::UserHandle,
            Criterion::AuthenticatorData,
            Criterion::ClientData,
            Criterion::ClientDataType,
            Criterion::Challenge,
            Criterion::Origin,
            Criterion::CrossOrigin,
            Criterion::RpId,
            Criterion::UserPresence,
            Criterion::UserVerification,
            Criterion::BackupFlags,
            Criterion::Signature,
            Criterion::SignCount,
            Criterion::Model,
        ] {
            assert!(
                why(criterion.name()).is_some_and(|words| words != criterion.name()),
                "{criterion:?}"
            );
        }
    }
}
