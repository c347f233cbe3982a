//! Faults of one key, before they become messages.

use super::error::Error;

/// The reason why a key did not carry out a command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    /// The key was unplugged.
    Gone,
    /// The ceremony was cancelled.
    Stopped,
    /// The deadline passed.
    Late,
    /// The deadline passed while another program had it, or another program has it now.
    Busy,
    /// The deadline passed while it worked.
    Slow,
    /// The key was silent for longer than CTAPHID allows.
    Silent,
    /// The key violated CTAPHID, CTAP1 or CTAP2.
    Odd(&'static str),
    /// The key kept to CTAPHID, but answered one command with an error, or with content that CTAP1
    /// or CTAP2 do not allow.
    Content(&'static str),
    /// The status of a CTAP2 command (CTAP 2.1 §6.3).
    Status(u8),
    /// The status word of a U2F command (ISO 7816-4).
    Word(u16),
    /// An error that is known already.
    Plain(Error),
}

impl From<Error> for Fault {
    fn from(error: Error) -> Fault {
        Fault::Plain(error)
    }
}
