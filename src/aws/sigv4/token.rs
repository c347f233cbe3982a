//! Session tokens: opaque texts that come along with a temporary access key.

use std::fmt;

use zeroize::Zeroizing;

/// A session token, unread. Wiped when dropped; `Debug` is redacted.
#[derive(Clone)]
pub struct SessionToken(Zeroizing<String>);

impl SessionToken {
    /// Takes a token over; nothing is copied.
    pub fn new(token: String) -> SessionToken {
        SessionToken(Zeroizing::new(token))
    }

    /// The text. Callers keep it out of logs and errors.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for SessionToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SessionToken(..)")
    }
}
