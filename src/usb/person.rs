//! The person in front of the key: what they are told, and what they are asked for.

use std::fmt;

use zeroize::Zeroizing;

use super::key::Key;

/// The interface to the person: shows progress and asks for a PIN.
pub trait Person {
    /// Reports progress. Called from the thread that runs the ceremony.
    fn tell(&mut self, progress: Progress);

    /// Asks for the PIN of a key; `None` ends the ceremony. A PIN that was wrong is never sent
    /// twice.
    fn pin(&mut self, request: &PinRequest) -> Option<Pin>;
}

/// Progress of a ceremony.
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
        /// The keys that blink.
        keys: Vec<Key>,
    },
    /// A key was chosen, by touch or because no other fits.
    Chosen(Key),
    /// The key waits for a touch.
    NeedTouch(Key),
    /// The key waits for a finger that it knows.
    NeedFingerprint(Key),
    /// The key did not know the finger.
    FingerprintWrong {
        /// The key.
        key: Key,
        /// Tries left before the key wants its PIN, if it says so.
        retries: Option<u8>,
    },
    /// Another program uses the key; the ceremony waits.
    Busy(Key),
    /// A key that is plugged in cannot be used; the ceremony goes on with others.
    LeftOut {
        /// The key.
        key: Key,
        /// The reason.
        why: super::Error,
    },
}

/// A key's question for its PIN.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PinRequest {
    /// The key that wants its PIN.
    pub key: Key,
    /// Tries left before the key blocks its PIN, if it says so.
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
