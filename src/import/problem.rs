//! Problems of a file: where, what, and what to do.

use std::fmt;

use crate::import::Place;

/// A reason not to import a file. The text never holds a secret, a key or a code.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Place in the file; `None` for the file as a whole.
    pub place: Option<Place>,
    /// The serial number of the entry, where it is known and certainly one.
    pub serial: Option<String>,
    /// The kind of problem.
    pub code: ProblemCode,
    /// One sentence: what is wrong, and what to do.
    pub detail: String,
}

macro_rules! codes {
    ($($(#[doc = $doc:literal])+ $code:ident = $name:literal,)+) => {
        /// Kinds of problems of a file, with names that stay.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum ProblemCode {
            $($(#[doc = $doc])+ $code,)+
        }

        impl ProblemCode {
            /// All kinds.
            pub const ALL: &[ProblemCode] = &[$(ProblemCode::$code),+];

            /// Name in answers.
            pub fn name(self) -> &'static str {
                match self {
                    $(ProblemCode::$code => $name,)+
                }
            }
        }
    };
}

codes! {
    /// The format is not told, or could be two.
    Format = "format_unknown",
    /// Recognised, but of a kind that is never imported: proprietary, or no export of secrets.
    FormatRefused = "format_refused",
    /// The file is not what its format demands.
    Syntax = "syntax",
    /// A part of the file is larger than any honest one has.
    TooLarge = "too_large",
    /// Content that no honest file has: a document type, an entity, compressed bytes.
    Hostile = "hostile",
    /// The file is encrypted, and no key or passphrase was given.
    KeyNeeded = "key_needed",
    /// The key or passphrase is wrong, or the file was altered.
    KeyWrong = "key_wrong",
    /// Encrypted in a way that is not supported, or that does not authenticate.
    Encryption = "encryption",
    /// The file is signed, and signatures are not checked.
    Signed = "signed",
    /// The entry has no secret.
    SecretMissing = "secret_missing",
    /// The secret is not encoded as it should be.
    SecretMalformed = "secret_malformed",
    /// The secret has fewer than 10 or more than 128 bytes.
    SecretSize = "secret_size",
    /// The serial number is none.
    Serial = "serial_malformed",
    /// The account, or the name of the device, is none.
    Name = "name_malformed",
    /// A number, date or parameter is not one.
    Value = "value_malformed",
    /// The kind of token is told by no flag and not by the file.
    KindMissing = "kind_missing",
    /// Well-formed, but no token that twostep verifies.
    Unsupported = "unsupported",
    /// The entry is no longer, or not yet, to be used.
    Expired = "expired",
    /// The entry's policy is not one that twostep can keep.
    Policy = "policy",
    /// A serial number twice in the file.
    SerialRepeated = "serial_repeated",
    /// Two serial numbers that differ in nothing but capitals.
    SerialCase = "serial_case",
    /// A secret twice in the file.
    SecretRepeated = "secret_repeated",
    /// A device has the serial number.
    SerialTaken = "serial_taken",
    /// A device has the secret.
    SecretTaken = "secret_taken",
    /// A device that was in use here, and was removed, had the serial number or the secret.
    Removed = "removed",
    /// The token needs an account, and has none.
    AccountMissing = "account_missing",
    /// The account has as many devices as it may have.
    AccountFull = "account_full",
}

impl ProblemCode {
    /// True for well-formed tokens that twostep does not verify, which can be left out.
    pub fn is_unsupported(self) -> bool {
        matches!(self, ProblemCode::Unsupported | ProblemCode::SecretSize)
    }
}

impl Problem {
    /// A problem of the file as a whole.
    pub fn of_file(code: ProblemCode, detail: impl Into<String>) -> Problem {
        Problem { place: None, serial: None, code, detail: detail.into() }
    }

    /// A problem of one place.
    pub fn at(place: Place, code: ProblemCode, detail: impl Into<String>) -> Problem {
        Problem { place: Some(place), serial: None, code, detail: detail.into() }
    }

    /// Names the entry's serial number, unless the text is long enough to be a secret in the wrong
    /// column or has characters that no serial number has.
    #[must_use]
    pub fn of_serial(self, serial: Option<&str>) -> Problem {
        let is_certain = |serial: &&str| {
            serial.len() < SHORTEST_SECRET && serial.parse::<crate::id::SerialNumber>().is_ok()
        };
        Problem { serial: serial.filter(is_certain).map(str::to_owned), ..self }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(place) = self.place {
            write!(f, "{place}: ")?;
        }
        if let Some(serial) = &self.serial {
            write!(f, "{serial}: ")?;
        }
        f.write_str(&self.detail)
    }
}

/// Characters of the base32 form of the shortest secret.
const SHORTEST_SECRET: usize = 16;
