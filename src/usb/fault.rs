//! What can go wrong with one key, before anybody has put it into words.

use super::error::Error;

/// Why one key did not do what it was asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    /// It was unplugged.
    Gone,
    /// We were told to stop.
    Stopped,
    /// The deadline passed.
    Late,
    /// The deadline passed while another program had it, or another program has it now.
    Busy,
    /// The deadline passed while it worked.
    Slow,
    /// It said nothing at all for longer than any key may.
    Silent,
    /// It broke the rules of CTAPHID, CTAP1 or CTAP2.
    Odd(&'static str),
    /// It kept the rules of CTAPHID, and answered one command with what CTAP1 or CTAP2 do not
    /// allow, or with an error.
    Content(&'static str),
    /// It answered a CTAP2 command with this status (CTAP 2.1 §6.3).
    Status(u8),
    /// It answered a U2F command with this status word (ISO 7816-4).
    Word(u16),
    /// What it means is known already.
    Plain(Error),
}

impl From<Error> for Fault {
    fn from(error: Error) -> Fault {
        Fault::Plain(error)
    }
}
