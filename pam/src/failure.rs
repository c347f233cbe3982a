//! Everything but success.

use std::ffi::c_int;

/// Why the answer is no. There is none that a stack takes for "never mind": neither `PAM_IGNORE`
/// nor `PAM_USER_UNKNOWN`, which many stacks ignore.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Failure {
    /// The person: a wrong code, a foreign key, a name that cannot be an account's.
    Refused,
    /// The operator: the agent is away, late, or not understood.
    Unavailable,
    /// The operator: the line in the stack cannot be meant.
    Misconfigured,
    /// The host: it does not talk to the person.
    Conversation,
    /// The system: there is no memory.
    Memory,
    /// The system: libpam does not do what it promises.
    System,
    /// We: a fault in this module.
    Fault,
}

impl Failure {
    /// The code of Linux-PAM (`security/_pam_types.h`).
    pub(crate) fn code(self) -> c_int {
        match self {
            Failure::Misconfigured => 3, // PAM_SERVICE_ERR
            Failure::System => 4,        // PAM_SYSTEM_ERR
            Failure::Memory => 5,        // PAM_BUF_ERR
            Failure::Refused => 7,       // PAM_AUTH_ERR
            Failure::Unavailable => 9,   // PAM_AUTHINFO_UNAVAIL
            Failure::Conversation => 19, // PAM_CONV_ERR
            Failure::Fault => 26,        // PAM_ABORT
        }
    }
}

#[cfg(test)]
mod tests {
    use twostep::pam_stack::Code;

    use super::*;

    #[test]
    fn pam_check_knows_each_code_of_a_refusal() {
        for failure in [
            Failure::Refused,
            Failure::Unavailable,
            Failure::Misconfigured,
            Failure::Conversation,
            Failure::Memory,
            Failure::System,
            Failure::Fault,
        ] {
            let number = usize::try_from(failure.code()).unwrap();
            assert!(Code::of_refusals().any(|code| code.number() == number), "{failure:?}");
        }
    }
}
