//! A token as a file describes it, before anything is judged.

use crate::otp::Algorithm;
use crate::secret::Secret;
use crate::time::UnixTime;

/// A token of a file. What the file leaves out is `None`, never a guess; nothing is judged yet: the
/// secret may be too short, the serial number no serial number.
#[derive(Clone, Debug, PartialEq)]
pub struct Token {
    /// Place in the file.
    pub place: Place,
    /// The serial number.
    pub serial: Option<String>,
    /// The owner.
    pub account: Option<String>,
    /// The name that its owner gave it.
    pub name: Option<String>,
    /// The kind; `None` if the file does not say it.
    pub kind: Option<TokenKind>,
    /// The shared secret, decoded.
    pub secret: Secret,
    /// The hash function of its HMAC.
    pub algorithm: Option<Algorithm>,
    /// Number of digits of a code.
    pub digits: Option<u64>,
    /// Seconds of a time step.
    pub period: Option<u64>,
    /// The **next** counter. `None` of a counter-based token: the file does not tell it, and a pair
    /// of codes has to.
    pub counter: Option<u64>,
    /// Seconds since 1970 at which its steps begin.
    pub t0: Option<u64>,
    /// The highest time step that was consumed, or that may have been. `None`: the file does not
    /// tell it.
    pub watermark: Option<u64>,
    /// Offset of its clock from the time; positive if the token is ahead.
    pub drift: Option<TokenDrift>,
    /// The model of its clock, as JSON: of our own exports, in the place of `drift`.
    pub clock: Option<String>,
    /// True if the token was switched off where it comes from.
    pub disabled: bool,
    /// True for a token of hardware, false for a program; `None` if the file does not say it.
    pub hardware: Option<bool>,
    /// The time at which its maker set its clock.
    pub clock_set: Option<UnixTime>,
}

/// The place of an entry in a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Place {
    /// A line, from 1.
    Line(u64),
    /// An entry of a file without lines, from 1.
    Entry(u64),
}

/// Kinds of tokens that show codes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TokenKind {
    /// Time-based, RFC 6238.
    Totp,
    /// Counter-based, RFC 4226.
    Hotp,
}

/// An offset of a clock, in the unit of its file.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum TokenDrift {
    /// Whole time steps.
    Steps(i64),
    /// Seconds.
    Seconds(f64),
}

impl Token {
    /// A token of which nothing but the secret is known.
    pub fn new(place: Place, secret: Secret) -> Token {
        Token {
            place,
            serial: None,
            account: None,
            name: None,
            kind: None,
            secret,
            algorithm: None,
            digits: None,
            period: None,
            counter: None,
            t0: None,
            watermark: None,
            drift: None,
            clock: None,
            disabled: false,
            hardware: None,
            clock_set: None,
        }
    }
}

impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Place::Line(line) => write!(f, "line {line}"),
            Place::Entry(entry) => write!(f, "entry {entry}"),
        }
    }
}
