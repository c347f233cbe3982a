//! Failures of a verification.

use std::ffi::c_int;

/// The reason for a failure. None of them maps to a return code that stacks may ignore, such as
/// `PAM_IGNORE` or `PAM_USER_UNKNOWN`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Failure {
    /// The person: a wrong code, a foreign key, an impossible account name.
    Refused,
    /// The person: a code of a device that is out of sync; two codes find it again.
    OutOfSync,
    /// The operator: the agent is unreachable, late, or gives a malformed answer.
    Unavailable,
    /// The operator: a user other than root or the agent's listens on the socket.
    Impostor,
    /// The operator: the line in the stack is invalid.
    Misconfigured,
    /// The host: its conversation function fails.
    Conversation,
    /// The system: out of memory.
    Memory,
    /// The system: libpam violates its contract.
    System,
    /// A fault in this module.
    Fault,
}

impl Failure {
    /// The code of Linux-PAM (`security/_pam_types.h`).
    pub(crate) fn code(self) -> c_int {
        match self {
            Failure::Misconfigured => 3,                   // PAM_SERVICE_ERR
            Failure::System => 4,                          // PAM_SYSTEM_ERR
            Failure::Memory => 5,                          // PAM_BUF_ERR
            Failure::Refused | Failure::OutOfSync => 7,    // PAM_AUTH_ERR
            Failure::Unavailable | Failure::Impostor => 9, // PAM_AUTHINFO_UNAVAIL
            Failure::Conversation => 19,                   // PAM_CONV_ERR
            Failure::Fault => 26,                          // PAM_ABORT
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
            Failure::OutOfSync,
            Failure::Unavailable,
            Failure::Impostor,
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
