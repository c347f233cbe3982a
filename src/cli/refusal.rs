//! What the agent refuses, in words, with what helps.

use crate::cli::output::Exit;
use crate::cli::output::Failure;
use crate::cli::output::plain;
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
        "clock_went_back" => "these codes lie before others that were used: the device's clock went back",
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
        Some("no_match" | "out_of_sync" | "throttled") => &["With two consecutive codes instead of one: twostep login --resync"],
        Some("locked") => {
            &["Two consecutive codes unlock it: twostep device resync SERIAL", "So does an administrator: twostep device unlock SERIAL"]
        }
        Some("not_active") => &["Two consecutive codes activate it: twostep device activate SERIAL"],
        Some("key_not_registered") => &["Use the key that is enrolled, or see which there are: twostep device list"],
        Some("sign_count") => &["If it happens again, take the key out of use: twostep device remove SERIAL"],
        Some("clock_went_back") => &["Wait until its clock has caught up, or remove the device and add it with a new secret."],
        Some("clock") => &["Look for the fault: twostep doctor"],
        Some("store" | "key") => &["The agent's log says more. Look for the fault: twostep doctor"],
        _ if problem.code == "AccessDenied" && problem.detail.contains("role") => {
            &["Run it as root or as the user who runs the agent, or give this user a role: [[peer]] in the agent's configuration."]
        }
        _ => &[],
    }
}
