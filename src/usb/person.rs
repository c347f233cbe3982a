//! The person in front of the key: what they are told, and what they are asked for.

use std::fmt;

use zeroize::Zeroizing;

use super::key::Key;

/// Who carries a ceremony's words to a person and brings back a PIN.
pub trait Person {
    /// Something happened that the person should know. Called from the thread that runs the
    /// ceremony.
    fn tell(&mut self, progress: Progress);

    /// Asks for the PIN of a key; `None` ends the ceremony. A PIN that was wrong is never sent
    /// twice.
    fn pin(&mut self, request: &PinRequest) -> Option<Pin>;
}

/// What happens during a ceremony.
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Progress {
    /// No key is plugged in; the ceremony waits for one.
    WaitingForKey,
    /// A key was plugged in while the ceremony waited.
    KeyInserted(Key),
    /// A key was unplugged.
    KeyRemoved(Key),
    /// Several keys blink: the one that is touched is taken.
    ChooseByTouch {
        /// Those that blink.
        keys: Vec<Key>,
    },
    /// This key was taken, by touch or because it is the only one that fits.
    Chosen(Key),
    /// The key waits for a touch.
    NeedTouch(Key),
    /// The key waits for a finger that it knows.
    NeedFingerprint(Key),
    /// The key did not know the finger.
    FingerprintWrong {
        /// The key.
        key: Key,
        /// How many tries are left before it wants its PIN, where it says so.
        retries: Option<u8>,
    },
    /// Another program uses the key; the ceremony waits.
    Busy(Key),
    /// A key that is plugged in cannot be used; the ceremony goes on with others.
    LeftOut {
        /// The key.
        key: Key,
        /// Why.
        why: super::Error,
    },
}

/// A key's question for its PIN.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PinRequest {
    /// Whose PIN.
    pub key: Key,
    /// How many tries are left before the key blocks its PIN, where it says so.
    pub retries: Option<u8>,
    /// The PIN given before was wrong.
    pub wrong_before: bool,
}

/// A PIN as it was typed: wiped when dropped, blank in `Debug`.
pub struct Pin(Zeroizing<String>);

impl Pin {
    /// Takes what was typed over; nothing is copied.
    pub fn new(typed: String) -> Pin {
        Pin(Zeroizing::new(typed))
    }

    pub(super) fn expose(&self) -> &str {
        &self.0
    }

    pub(super) fn into_typed(self) -> Zeroizing<String> {
        self.0
    }
}

impl From<Zeroizing<String>> for Pin {
    fn from(typed: Zeroizing<String>) -> Pin {
        Pin(typed)
    }
}

impl fmt::Debug for Pin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Pin(..)")
    }
}
