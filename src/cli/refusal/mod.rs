//! The agent's refusals in words, each with what helps.
//!
//! Words hang on the task and the reason, never on the text of a detail: the same reason asks for
//! another step at a login than at an activation.

mod codes;
mod keys;

use crate::cli::output::{Exit, Failure, plain};
use crate::cli::words;
use crate::device::MfaKind;
use crate::id::{AccountId, SerialNumber};
use crate::wire::{Device, Problem, ProblemCode, Reason};

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

/// The account and the device of a task, as far as they are known: words and commands name them.
#[derive(Clone, Debug, Default)]
pub(super) struct Subject {
    /// The account that an argument named; none: that of the login name.
    pub(super) account: Option<AccountId>,
    pub(super) device: Option<SerialNumber>,
    pub(super) kind: Option<MfaKind>,
    /// The device has to be named at a login.
    pub(super) named: bool,
}

/// The source of a device's moving factor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Moves {
    Clock,
    Counter,
    /// The kind of the device is not known.
    Either,
}

/// The words for a person.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Words {
    /// The fault; none: the agent's detail says it.
    says: Option<&'static str>,
    /// The next steps, in sentences or commands.
    hints: &'static [&'static str],
}

impl Subject {
    /// A device that was named.
    pub(super) fn of(device: &Device) -> Subject {
        let (device, kind) = (Some(device.serial.clone()), Some(device.kind));
        Subject { account: None, device, kind, named: true }
    }

    fn moves(&self) -> Moves {
        match self.kind {
            Some(MfaKind::Hotp) => Moves::Counter,
            Some(MfaKind::Totp) => Moves::Clock,
            _ => Moves::Either,
        }
    }

    /// The hint with the names in it, so that its command can be pasted.
    pub(super) fn spelt(&self, hint: &str) -> String {
        let mut hint = hint.to_owned();
        if let Some(serial) = &self.device {
            hint = hint.replace("SERIAL", serial.as_str());
            if self.named {
                let named = format!("twostep login --serial {}", words::quoted(serial.as_str()));
                hint = hint.replace("twostep login --resync", &format!("{named} --resync"));
            }
        }
        let Some(account) = &self.account else { return hint };
        let account = words::quoted(account.as_str());
        for command in ["twostep login", "twostep device list"] {
            hint = hint.replace(command, &format!("{command} --account {account}"));
        }
        hint
    }
}

/// The failure that a problem is for the person who typed the command.
pub(super) fn failure(task: Task, subject: &Subject, problem: Problem) -> Failure {
    let exit = match problem.status {
        400 | 405 | 413 | 415 | 422 => Exit::BadInput,
        500.. => Exit::Unavailable,
        _ => Exit::Refused,
    };
    let words = words(task, subject.moves(), &problem);
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
    for hint in waited.into_iter().chain(words.hints.iter().map(|hint| subject.spelt(hint))) {
        failure = failure.hint(hint);
    }
    failure.document(problem)
}

fn words(task: Task, moves: Moves, problem: &Problem) -> Words {
    match &problem.reason {
        Some(reason) => for_reason(task, moves, reason),
        None => for_code(task, moves, &problem.code),
    }
}

/// The words for a problem without a reason.
fn for_code(task: Task, moves: Moves, code: &ProblemCode) -> Words {
    let logs_in = matches!(task, Task::Login | Task::LoginByPair | Task::LoginByKey);
    let hints: &[&str] = match (task, code) {
        (_, ProblemCode::AccessDenied) if logs_in => {
            return said("the session was refused", &AFTER_ANY_REFUSAL);
        }
        (_, ProblemCode::AccessDenied) => {
            &["Run it as root or as the user who runs the agent, or give this user a role with a \
             [[peer]] table in the agent's configuration."]
        }
        (Task::Enroll, ProblemCode::InvalidAuthenticationCode) => {
            &["Try another key, or see what this one can do: twostep key info"]
        }
        (Task::Activate | Task::Resync, ProblemCode::InvalidAuthenticationCode) => {
            codes::next_pair(moves)
        }
        _ => &[],
    };
    Words { says: None, hints }
}

fn for_reason(task: Task, moves: Moves, reason: &Reason) -> Words {
    match reason {
        Reason::Clock => hints(&["Look for the fault: twostep doctor"]),
        Reason::Restored => hints(&[
            "On the agent's machine, look at devices and API keys, then run:",
            "  twostep store restore --accept",
        ]),
        Reason::Store | Reason::StoreWentBack | Reason::Key => {
            hints(&["The agent's log says more. Look for the fault: twostep doctor"])
        }
        Reason::MfaRequired => hints(&OPEN_ONE),
        reason => match task {
            Task::Login => codes::at_login(reason, moves),
            Task::LoginByPair => codes::at_login_by_pair(reason, moves),
            Task::LoginByKey => keys::at_login(reason),
            Task::Activate => codes::at_activation(reason, moves),
            Task::Resync => codes::at_resync(reason, moves),
            Task::Change | Task::Enroll | Task::Other => hints(&[]),
        },
    }
}

const fn said(says: &'static str, hints: &'static [&'static str]) -> Words {
    Words { says: Some(says), hints }
}

const fn hints(hints: &'static [&'static str]) -> Words {
    Words { says: None, hints }
}

/// The next steps of an owner without a fresh session.
pub(super) const OPEN_ONE: [&str; 3] = [
    "Open one, then run this command again: twostep login",
    "Or show one in a file: --mfa-context FILE",
    "Without any device, use a recovery code there, or ask an administrator.",
];

/// The next steps after a refused session whose reason the caller may not know: the same for all
/// reasons, and one of them helps.
const AFTER_ANY_REFUSAL: [&str; 4] = [
    "Wait for the next code of a device in use, and give it once.",
    "Two consecutive codes find a device again, and unlock it: twostep login --resync",
    "Several devices, or one that is not in use yet? See: twostep device list",
    "An administrator sees the reason: twostep audit list",
];

#[cfg(test)]
mod tests {
    use super::codes::NEXT_PAIR;
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
            problems: Vec::new(),
        }
    }

    fn of_any(task: Task, problem: Problem) -> Failure {
        failure(task, &Subject::default(), problem)
    }

    /// Devices of which more or less is known.
    fn subjects() -> [Subject; 3] {
        [None, Some(MfaKind::Totp), Some(MfaKind::Hotp)]
            .map(|kind| Subject { kind, ..Subject::default() })
    }

    #[test]
    fn a_token_is_told_of_its_own_moving_factor_alone() {
        for (kind, other) in [(MfaKind::Hotp, "clock"), (MfaKind::Totp, "counter")] {
            let subject = Subject { kind: Some(kind), ..Subject::default() };
            for task in [Task::Login, Task::LoginByPair, Task::Activate, Task::Resync] {
                let about = |reason: &Reason| !matches!(reason, Clock | Store | Key);
                use Reason::{Clock, Key, Store};
                for reason in reasons(task).into_iter().filter(about) {
                    let problem = problem(ProblemCode::AccessDenied, Some(reason));
                    let failure = failure(task, &subject, problem);
                    let told = format!("{failure} {}", failure.hints().concat());
                    assert!(!told.contains(other), "{task:?}, {kind:?}: {told}");
                }
            }
        }
    }

    #[test]
    fn commands_name_the_device_and_the_account() {
        let subject = Subject {
            account: Some("Zo\u{eb} O'Neill".parse().unwrap()),
            device: Some("GAHT12345678".parse().unwrap()),
            kind: None,
            named: true,
        };
        for task in TASKS {
            for reason in reasons(task) {
                let failure =
                    failure(task, &subject, problem(ProblemCode::AccessDenied, Some(reason)));
                let told = failure.hints().join("\n");
                assert!(!told.contains("SERIAL"), "{task:?}: {told}");
                for login in told.lines().filter(|line| line.contains("twostep login")) {
                    assert!(login.contains("--account 'Zo\u{eb} O'\\''Neill'"), "{login}");
                }
            }
        }
    }

    #[test]
    fn each_reason_of_each_task_has_words_and_a_next_step() {
        for (task, subject) in TASKS.into_iter().flat_map(|task| subjects().map(|of| (task, of))) {
            for reason in reasons(task) {
                let problem = problem(ProblemCode::AccessDenied, Some(reason.clone()));
                let failure = failure(task, &subject, problem);
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
            let failure = of_any(
                Task::Activate,
                problem(ProblemCode::InvalidAuthenticationCode, Some(reason)),
            );
            assert!(!failure.hints().concat().contains("login"), "{failure}");
        }
        let without = of_any(Task::Activate, problem(ProblemCode::InvalidAuthenticationCode, None));
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
                let failure = of_any(task, problem);
                assert!(failure.hints()[0].contains("10 minutes"), "{failure}");
                assert!(!failure.hints().concat().contains(command), "{failure}");
            }
        }
    }

    #[test]
    fn a_low_role_is_told_what_helps() {
        let denied = problem(ProblemCode::AccessDenied, None);
        assert!(of_any(Task::Other, denied.clone()).hints().concat().contains("[[peer]]"));
        let refused = of_any(Task::Login, denied);
        assert_eq!(refused.to_string(), "the session was refused");
        assert_eq!(refused.hints(), AFTER_ANY_REFUSAL);
    }

    #[test]
    fn an_unknown_reason_leaves_the_detail() {
        let new = problem(ProblemCode::AccessDenied, Some(Reason::from("moon_phase")));
        assert_eq!(of_any(Task::Login, new).to_string(), "the agent says why");
    }
}
