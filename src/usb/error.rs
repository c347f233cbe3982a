//! Errors of ceremonies and of listing the bus.

use std::path::PathBuf;

use super::key::Key;

/// An error of a ceremony, grouped by who must act. Each message says what helps.
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The person: no key came in time.
    #[error("no security key was plugged in in time: plug one in and try again")]
    NoKey,
    /// The person: the key waited and was not touched.
    #[error("the security key was not touched in time: try again and touch it while it blinks")]
    NotTouched,
    /// The person: the ceremony was cancelled, here or at the key.
    #[error("cancelled")]
    Cancelled,
    /// The person: the key was told no, or its fingerprint reader did not know the finger.
    #[error("the security key declined: try again and touch it while it blinks")]
    Declined,
    /// The person: the key is enrolled already.
    #[error("{0} is enrolled already: plug in another security key")]
    AlreadyEnrolled(Key),
    /// The person: no key that is plugged in belongs to the account.
    #[error(
        "no security key that is plugged in is enrolled for this account: plug in the one that is"
    )]
    NotEnrolled,
    /// The person: the key was pulled out.
    #[error("the security key was unplugged: plug it in and try again")]
    Unplugged,
    /// The person: the PIN is wrong, and was not tried again.
    #[error("the PIN is wrong{}", tries_left(*.retries))]
    PinWrong {
        /// Tries left, if the key says so.
        retries: Option<u8>,
    },
    /// The person: the PIN that the key needs was not given.
    #[error("this security key needs its PIN")]
    PinNotGiven,
    /// The person: three wrong PINs in a row; the key wants to be plugged in anew.
    #[error(
        "the security key takes no PIN until it is plugged in again: unplug it, plug it in, try \
         again"
    )]
    PinAuthBlocked,
    /// The person: all tries are used up.
    #[error(
        "the PIN of this security key is blocked: use another key; only a reset, which erases all \
         its credentials, frees this one"
    )]
    PinBlocked,
    /// The person: the service wants to know who touches the key, and the key has no PIN and no
    /// fingerprint yet.
    #[error(
        "the service asks for a PIN or fingerprint, and this security key has none yet: set one \
         with `twostep key pin set`"
    )]
    PinNotSet,
    /// The person: the key insists on another PIN first.
    #[error("this security key wants a new PIN first: change it with `twostep key pin change`")]
    PinMustChange,
    /// The person: the key has no room for another credential.
    #[error(
        "the security key is full: delete a credential with `twostep key credentials delete`, or \
         use another key"
    )]
    Full,
    /// The person: the key can do nothing the service would accept.
    #[error("this security key cannot be used here: {0}")]
    Unfit(&'static str),

    /// The caller: what was asked for cannot be meant.
    #[error("{0}")]
    BadRequest(String),

    /// The operator: there is a key that we may not open.
    #[error("no permission to open {}: install the udev rule or log in at this machine; `twostep \
        key doctor` says more", path.display())]
    NotAllowed {
        /// The device node.
        path: PathBuf,
    },
    /// The operator: another program kept the key to itself for the whole time.
    #[error(
        "another program is using the security key: close it and try again; `twostep key doctor` \
         names it"
    )]
    Busy,
    /// The operator: a key that may be the right one could not be asked before the ceremony ended,
    /// and no other key would do.
    #[error("{key} could not be asked: {why}")]
    NotAsked {
        /// The key.
        key: Key,
        /// The reason: [`Error::Busy`], [`Error::Slow`], or another fault of this key.
        why: Box<Error>,
    },
    /// The operator: this machine cannot reach its security keys.
    #[error("the USB bus cannot be searched for security keys: {0}")]
    Bus(String),
    /// The operator: the process that manages the key failed.
    #[error("managing the security key failed: {0}")]
    Child(String),

    /// The key: it says nothing.
    #[error("the security key does not answer: unplug it, plug it in, try again")]
    Silent,
    /// The key: it works, and had not answered when the ceremony ended.
    #[error(
        "the security key is too slow to answer in time: try again, or unplug it and plug it in"
    )]
    Slow,
    /// The key: what it says is not what CTAP allows.
    #[error(
        "the security key misbehaves ({0}): unplug it, plug it in, try again, or use another one"
    )]
    Misbehaved(&'static str),
    /// The key: it refused for a reason that has no better words; the CTAP2 status byte or U2F
    /// status word.
    #[error("the security key refused with status {0:#04x}")]
    Refused(u16),
}

fn tries_left(retries: Option<u8>) -> String {
    match retries {
        Some(1) => ": 1 try is left before the key blocks it".to_owned(),
        Some(retries) => format!(": {retries} tries are left before the key blocks it"),
        None => String::new(),
    }
}
