//! Recovery codes: single-use codes on paper, for lost devices.

use std::fmt;
use std::str::FromStr;

use base32::Alphabet;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

/// A recovery code: 16 characters of Crockford base32, or 80 random bits.
///
/// Case and hyphens are ignored, and letters that resemble digits are read as digits. `Debug` is
/// redacted.
#[derive(Clone, PartialEq, Eq)]
pub struct RecoveryCode(Zeroizing<String>);

/// Stored digest of a recovery code: keyed, and irreversible.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct RecoveryDigest(String);

/// The text is no recovery code. The message does not repeat it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BadRecoveryCode;

impl RecoveryCode {
    /// The code for these 80 bits.
    pub fn from_bits(bits: [u8; 10]) -> RecoveryCode {
        RecoveryCode(Zeroizing::new(base32::encode(Alphabet::Crockford, &bits)))
    }

    /// The 16 characters without hyphens, as digested.
    pub fn canonical(&self) -> &str {
        &self.0
    }

    /// The printed form, in groups of four.
    pub fn to_text(&self) -> Zeroizing<String> {
        Zeroizing::new(crockford_groups(&self.0, 4))
    }
}

impl RecoveryDigest {
    /// Digests with the store's pepper.
    pub fn new(digest: &[u8]) -> RecoveryDigest {
        RecoveryDigest(base32::encode(Alphabet::Crockford, digest))
    }

    /// The stored text.
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for RecoveryCode {
    type Err = BadRecoveryCode;

    fn from_str(text: &str) -> Result<RecoveryCode, BadRecoveryCode> {
        crockford(text, 16).map(RecoveryCode).ok_or(BadRecoveryCode)
    }
}

/// Canonical spelling of typed Crockford base32; `None` unless it has `length` symbols.
pub(crate) fn crockford(text: &str, length: usize) -> Option<Zeroizing<String>> {
    let mut canonical = Zeroizing::new(String::with_capacity(length));
    for c in text.chars().filter(|c| *c != '-') {
        canonical.push(match c.to_ascii_uppercase() {
            'O' => '0',
            'I' | 'L' => '1',
            c @ ('0'..='9' | 'A'..='H' | 'J' | 'K' | 'M' | 'N' | 'P'..='T' | 'V'..='Z') => c,
            _ => return None,
        });
        if canonical.len() > length {
            return None;
        }
    }
    (canonical.len() == length).then_some(canonical)
}

/// The text in hyphenated groups.
pub(crate) fn crockford_groups(canonical: &str, size: usize) -> String {
    let symbols: Vec<char> = canonical.chars().collect();
    symbols
        .chunks(size)
        .map(|group| group.iter().collect::<String>())
        .collect::<Vec<String>>()
        .join("-")
}

impl fmt::Debug for RecoveryCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RecoveryCode(..)")
    }
}

impl fmt::Display for BadRecoveryCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(
            "a recovery code is 16 letters and digits, in any case, with or without hyphens",
        )
    }
}

impl std::error::Error for BadRecoveryCode {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn case_hyphens_and_look_alikes_do_not_matter() {
        let code = RecoveryCode::from_bits([0xff, 0, 1, 2, 3, 4, 5, 6, 7, 8]);
        let printed = code.to_text();
        assert_eq!(printed.len(), 19);
        for text in [
            printed.to_string(),
            printed.to_lowercase(),
            printed.replace('-', ""),
            printed.replace('0', "O").replace('1', "l"),
        ] {
            assert_eq!(text.parse::<RecoveryCode>().as_ref(), Ok(&code), "{text}");
        }
        for bad in [
            "",
            "0123456789ABCDE",
            "0123456789ABCDEFG",
            "0123456789ABCDEU",
            "0123 456789ABCDEF",
            "０123456789ABCDEF",
        ] {
            assert_eq!(bad.parse::<RecoveryCode>(), Err(BadRecoveryCode), "{bad}");
        }
    }
}
