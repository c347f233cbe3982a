//! Typed proofs: a device's code, a recovery code, a bypass code.

use std::fmt;
use std::str::FromStr;

use zeroize::Zeroizing;

use crate::device::{RecoveryCode, crockford, crockford_groups};
use crate::otp::Code;

/// Any code that opens a session. Its form says what it is. `Debug` is blank.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Passcode {
    /// 6 to 8 digits.
    Otp(Code),
    /// 16 characters from a sheet.
    Recovery(RecoveryCode),
    /// 20 characters from an administrator.
    Bypass(BypassCode),
}

/// A single-use code from an administrator for a locked-out person: 20 characters of Crockford
/// base32, or 100 random bits. Case and hyphens are ignored.
#[derive(Clone, PartialEq, Eq)]
pub struct BypassCode(Zeroizing<String>);

/// The text is no code of any kind. It is not repeated here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BadPasscode;

impl BypassCode {
    /// The code that stands for the first 100 of these bits.
    pub(crate) fn from_bits(bits: &[u8; 13]) -> BypassCode {
        let mut text = Zeroizing::new(base32::encode(base32::Alphabet::Crockford, bits));
        text.truncate(20);
        BypassCode(text)
    }

    pub(crate) fn canonical(&self) -> &str {
        &self.0
    }

    /// As it is given to a person, in groups of five.
    pub fn to_text(&self) -> Zeroizing<String> {
        Zeroizing::new(crockford_groups(&self.0, 5))
    }
}

impl FromStr for Passcode {
    type Err = BadPasscode;

    fn from_str(text: &str) -> Result<Passcode, BadPasscode> {
        if let Ok(code) = text.parse() {
            return Ok(Passcode::Otp(code));
        }
        if let Ok(code) = text.parse() {
            return Ok(Passcode::Recovery(code));
        }
        crockford(text, 20)
            .map(|code| Passcode::Bypass(BypassCode(code)))
            .ok_or(BadPasscode)
    }
}

impl From<Code> for Passcode {
    fn from(code: Code) -> Passcode {
        Passcode::Otp(code)
    }
}

impl fmt::Debug for BypassCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("BypassCode(..)")
    }
}

impl fmt::Display for BadPasscode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(
            "a code is the 6 to 8 digits that the device shows, or a recovery code (16 \
             characters), or a bypass code (20 characters)",
        )
    }
}

impl std::error::Error for BadPasscode {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_form_says_what_it_is() {
        assert!(matches!("123456".parse(), Ok(Passcode::Otp(_))));
        assert!(matches!("0123-4567-89AB-CDEF".parse(), Ok(Passcode::Recovery(_))));
        let bypass = BypassCode::from_bits(&[0xa5; 13]);
        assert_eq!(bypass.to_text().parse(), Ok(Passcode::Bypass(bypass)));
        for bad in ["", "12345", "123456789", " 123456", "0123-4567-89AB-CDE", "０１２３４５"]
        {
            assert_eq!(bad.parse::<Passcode>(), Err(BadPasscode), "{bad}");
        }
    }
}
