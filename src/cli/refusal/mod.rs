//! The agent's refusals in words, each with what helps.
//!
//! Words hang on the task and the reason, never on the text of a detail: the same reason asks for
//! another step at a login than at an activation.

mod keys;

use crate::cli::output::{Exit, Failure, plain};
use crate::cli::words;
use crate::wire::{Problem, ProblemCode, Reason};

/// The task of a command that the agent refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Task {
    /// Opening a session by a code.
    Login,
    /// Opening a session by two consecutive codes.
    LoginByPair,
    /// Opening a session by a security key.
    LoginByKey,
    /// Activating a device by two consecutive codes.
    Activate,
    /// Finding a device again by two consecutive codes.
    Resync,
    /// Adding, disabling or removing a device.
    Change,
    /// Enrolling a security key.
    Enroll,
    /// Any other task.
    Other,
}

/// The words for a person.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Words {
    /// The fault; none: the agent's detail says it.
    says: Option<&'static str>,
    /// The next steps, in sentences or commands.
    hints: &'static [&'static str],
}

/// The failure that a problem is for the person who typed the command.
pub(super) fn failure(task: Task, problem: Problem) -> Failure {
    let exit = match problem.status {
        400 | 405 | 413 | 415 | 422 => Exit::BadInput,
        500.. => Exit::Unavailable,
        _ => Exit::Refused,
    };
    let words = words(task, &problem);
    let message = words.says.map_or_else(|| plain(&problem.detail), str::to_owned);
    let mut failure = Failure::new(exit, message);
    let waited =
        problem
            .retry_after_seconds
            .map(words::seconds)
            .map(|wait| match (&problem.reason, task) {
                (Some(Reason::Replayed), _) => format!("The next code shows in {wait}."),
                _ => format!("Try again in {wait}."),
            });
    for hint in waited.into_iter().chain(words.hints.iter().map(|hint| (*hint).to_owned())) {
        failure = failure.hint(hint);
    }
    failure.document(problem)
}

fn words(task: Task, problem: &Problem) -> Words {
    match &problem.reason {
        Some(reason) => for_reason(task, reason),
        None => for_code(task, &problem.code),
    }
}

/// The words for a problem without a reason.
fn for_code(task: Task, code: &ProblemCode) -> Words {
    let logs_in = matches!(task, Task::Login | Task::LoginByPair | Task::LoginByKey);
    let hints: &[&str] = match (task, code) {
        (_, ProblemCode::AccessDenied) if !logs_in => {
            &["Run it as root or as the user who runs the agent, or give this user a role with a \
             [[peer]] table in the agent's configuration."]
        }
        (Task::Enroll, ProblemCode::InvalidAuthenticationCode) => {
            &["Try another key, or see what this one can do: twostep key info"]
        }
        (Task::Activate | Task::Resync, ProblemCode::InvalidAuthenticationCode) => &[NEXT_PAIR],
        _ => &[],
    };
    Words { says: None, hints }
}

fn for_reason(task: Task, reason: &Reason) -> Words {
    match reason {
        Reason::Clock => hints(&["Look for the fault: twostep doctor"]),
        Reason::Restored => hints(&[
            "On the agent's machine, look at devices and API keys, then run:",
            "  twostep store restore --accept",
        ]),
        Reason::Store | Reason::StoreWentBack | Reason::Key => {
            hints(&["The agent's log says more. Look for the fault: twostep doctor"])
        }
        Reason::MfaRequired => hints(&[
            "Open a session with a device of this account, and show it with the command:",
            "  twostep login > session.jwt",
            "  twostep --mfa-context session.jwt ...",
            "Without any device, use a recovery code there, or ask an administrator.",
        ]),
        reason => match task {
            Task::Login => at_login(reason),
            Task::LoginByPair => at_login_by_pair(reason),
            Task::LoginByKey => keys::at_login(reason),
            Task::Activate => at_activation(reason),
            Task::Resync => at_resync(reason),
            Task::Change | Task::Enroll | Task::Other => hints(&[]),
        },
    }
}

fn at_login(reason: &Reason) -> Words {
    match reason {
        Reason::NoMatch => said(
            "the session was refused: the code is wrong, or the device's clock is off",
            &["Two consecutive codes find the device again: twostep login --resync"],
        ),
        Reason::Replayed => said(
            "the session was refused: this code was used already",
            &["Use the next code that the device shows."],
        ),
        Reason::Throttled => said(
            "the session was refused: too many wrong codes",
            &["Two consecutive codes are judged all the same: twostep login --resync"],
        ),
        Reason::Locked => {
            said("the session was refused: the device is locked after twenty wrong codes", &UNLOCK)
        }
        Reason::OutOfSync => said(
            "the session was refused: the clock or counter of the device has moved",
            &["Two consecutive codes set it right: twostep login --resync"],
        ),
        Reason::UnknownDevice | Reason::SeveralDevices => said(
            "the session was refused: the account has no such device, or several",
            &WHICH_DEVICE,
        ),
        Reason::NotActive => not_active(),
        _ => hints(&[]),
    }
}

fn at_login_by_pair(reason: &Reason) -> Words {
    match reason {
        Reason::NoMatch => said(
            "the session was refused: these are not two consecutive codes of the device",
            &[NEXT_PAIR, FURTHER],
        ),
        Reason::Replayed => {
            said("the session was refused: these codes were used already", &[NEXT_PAIR])
        }
        Reason::OutOfSync => said(
            "the session was refused: the store was restored from a backup, and does not know \
             which codes of this device were used since",
            &[ADMINISTRATORS_PAIR],
        ),
        Reason::Throttled | Reason::PairsSpent => said(
            "the session was refused: too many pairs of codes were tried for this device",
            &[
                "An administrator's pairs are counted apart: twostep device resync SERIAL",
                PAIRS_BACK,
            ],
        ),
        Reason::ClockWentBack => said(CLOCK_WENT_BACK, &CATCH_UP),
        Reason::UnknownDevice | Reason::SeveralDevices => {
            said("the session was refused: the account has no such device", &WHICH_DEVICE)
        }
        Reason::NotActive => not_active(),
        _ => hints(&[]),
    }
}

/// The words of both logins for a device that opens no session.
fn not_active() -> Words {
    said(
        "the session was refused: the device is pending or disabled, or shows no codes",
        &["Two consecutive codes activate it: twostep device activate SERIAL"],
    )
}

fn at_activation(reason: &Reason) -> Words {
    match reason {
        Reason::NoMatch => {
            said("these are not two consecutive codes of this device", &[NEXT_PAIR, OTHER_SECRET])
        }
        Reason::Throttled | Reason::PairsSpent => {
            said("too many pairs of codes were tried for this device", &[OTHER_SECRET])
        }
        Reason::NotActive => said(
            "this device cannot be activated by codes",
            &["A set-up that was left for a day is over: add the device again, twostep device add"],
        ),
        reason => of_a_named_device(reason),
    }
}

fn at_resync(reason: &Reason) -> Words {
    match reason {
        Reason::NoMatch => {
            said("these are not two consecutive codes of this device", &[NEXT_PAIR, FURTHER])
        }
        Reason::Throttled | Reason::PairsSpent => said(
            "too many pairs of codes were tried for this device",
            &["An administrator's pairs are counted apart: run it as root", PAIRS_BACK],
        ),
        Reason::NotActive => said(
            "the device is pending or disabled, or shows no codes",
            &["Two consecutive codes activate it: twostep device activate SERIAL"],
        ),
        reason => of_a_named_device(reason),
    }
}

/// The words that activation and resync of a device share.
fn of_a_named_device(reason: &Reason) -> Words {
    match reason {
        Reason::Replayed => said("these codes were used already", &[NEXT_PAIR]),
        Reason::ClockWentBack => said(CLOCK_WENT_BACK, &CATCH_UP),
        Reason::OutOfSync => said(
            "the store was restored from a backup, and does not know which codes of this device \
             were used since",
            &[ADMINISTRATORS_PAIR],
        ),
        Reason::UnknownDevice => said("there is no such device", &[LIST]),
        _ => hints(&[]),
    }
}

const fn said(says: &'static str, hints: &'static [&'static str]) -> Words {
    Words { says: Some(says), hints }
}

const fn hints(hints: &'static [&'static str]) -> Words {
    Words { says: None, hints }
}

const NEXT_PAIR: &str = "Wait for a new code, then give that one and the next.";

const PAIRS_BACK: &str = "An administrator also gives all pairs back: twostep device unlock SERIAL";

const OTHER_SECRET: &str = "If the device may hold another secret, remove it and add it again: \
                            twostep device remove SERIAL";

const FURTHER: &str = "An administrator's pair is looked for further away: \
                       twostep device resync SERIAL";

const ADMINISTRATORS_PAIR: &str = "An administrator puts it back by its next two codes: \
                                   twostep device resync SERIAL, or activate if it is disabled";

const LIST: &str = "See which there are: twostep device list";

const WHICH_DEVICE: [&str; 2] = [LIST, "Then say which: --serial SERIAL"];

const UNLOCK: [&str; 2] = [
    "Two consecutive codes unlock it: twostep device resync SERIAL",
    "So does an administrator: twostep device unlock SERIAL",
];

const CLOCK_WENT_BACK: &str =
    "these codes lie before others that were used: the device's clock went back";

const CATCH_UP: [&str; 1] =
    ["Wait until its clock has caught up, or remove the device and add it with a new secret."];

#[cfg(test)]
mod tests {
    use super::*;

    /// The reasons that the agent gives for a task. A reason of the agent's own state can come
    /// with each.
    fn reasons(task: Task) -> Vec<Reason> {
        use Reason::*;
        let mut reasons = match task {
            Task::Login => vec![
                NoMatch,
                Replayed,
                Throttled,
                Locked,
                OutOfSync,
                UnknownDevice,
                SeveralDevices,
                NotActive,
            ],
            Task::LoginByPair => vec![
                NoMatch,
                Replayed,
                Throttled,
                PairsSpent,
                UnknownDevice,
                NotActive,
                OutOfSync,
                ClockWentBack,
            ],
            Task::LoginByKey => keys::REASONS.to_vec(),
            Task::Activate => vec![
                NoMatch,
                Replayed,
                Throttled,
                PairsSpent,
                UnknownDevice,
                NotActive,
                OutOfSync,
                ClockWentBack,
                MfaRequired,
            ],
            Task::Resync => vec![
                NoMatch,
                Replayed,
                Throttled,
                PairsSpent,
                UnknownDevice,
                NotActive,
                OutOfSync,
                ClockWentBack,
            ],
            Task::Change | Task::Enroll => vec![MfaRequired],
            Task::Other => Vec::new(),
        };
        reasons.extend([Clock, Store, StoreWentBack, Restored, Key]);
        reasons
    }

    const TASKS: [Task; 8] = [
        Task::Login,
        Task::LoginByPair,
        Task::LoginByKey,
        Task::Activate,
        Task::Resync,
        Task::Change,
        Task::Enroll,
        Task::Other,
    ];

    fn problem(code: ProblemCode, reason: Option<Reason>) -> Problem {
        Problem {
            kind: format!("urn:twostep:problem:{code}"),
            title: "refused".to_owned(),
            status: 403,
            code,
            detail: "the agent says why".to_owned(),
            reason,
            retry_after_seconds: None,
        }
    }

    #[test]
    fn each_reason_of_each_task_has_words_and_a_next_step() {
        for task in TASKS {
            for reason in reasons(task) {
                let failure =
                    failure(task, problem(ProblemCode::AccessDenied, Some(reason.clone())));
                println!("{task:?}, {reason}:\n  twostep: {failure}");
                for hint in failure.hints() {
                    println!("    {hint}");
                }
                assert!(!failure.hints().is_empty(), "{task:?}, {reason}: no next step");
                for line in failure.hints().iter().chain([&failure.to_string()]) {
                    let colons = line.matches(": ").count();
                    assert!(colons <= 1, "{task:?}, {reason}: {colons} colons: {line}");
                }
            }
        }
    }

    #[test]
    fn a_wrong_pair_at_activation_gets_no_login_hint() {
        for reason in reasons(Task::Activate)
            .into_iter()
            .filter(|reason| *reason != Reason::MfaRequired)
        {
            let failure = failure(
                Task::Activate,
                problem(ProblemCode::InvalidAuthenticationCode, Some(reason)),
            );
            assert!(!failure.hints().concat().contains("login"), "{failure}");
        }
        let without =
            failure(Task::Activate, problem(ProblemCode::InvalidAuthenticationCode, None));
        assert_eq!(without.hints(), [NEXT_PAIR]);
    }

    #[test]
    fn spent_pairs_get_no_hint_to_the_same_command() {
        for (task, command) in
            [(Task::LoginByPair, "twostep login"), (Task::Activate, "twostep device activate")]
        {
            for reason in [Reason::Throttled, Reason::PairsSpent] {
                let mut problem = problem(ProblemCode::Throttled, Some(reason));
                problem.retry_after_seconds = Some(600);
                let failure = failure(task, problem);
                assert!(failure.hints()[0].contains("10 minutes"), "{failure}");
                assert!(!failure.hints().concat().contains(command), "{failure}");
            }
        }
    }

    #[test]
    fn a_low_role_is_told_what_helps() {
        let denied = problem(ProblemCode::AccessDenied, None);
        assert!(failure(Task::Other, denied.clone()).hints().concat().contains("[[peer]]"));
        assert!(failure(Task::Login, denied).hints().is_empty());
    }

    #[test]
    fn an_unknown_reason_leaves_the_detail() {
        let new = problem(ProblemCode::AccessDenied, Some(Reason::from("moon_phase")));
        assert_eq!(failure(Task::Login, new).to_string(), "the agent says why");
    }
}
