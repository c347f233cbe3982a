//! One-time codes.

use std::fmt;
use std::str::FromStr;

use subtle::{Choice, ConstantTimeEq};
use zeroize::Zeroize;

/// A one-time code: exactly 6 to 8 ASCII digits.
///
/// Spaces, signs and digits of other scripts are refused, so that each code has one spelling.
/// Compared in constant time; `Debug` is redacted.
#[derive(Clone)]
pub struct Code {
    /// The digits as a number and, from bit 32 up, their count: leading zeros matter, and one
    /// comparison covers both.
    packed: u64,
}

/// The text is no code. The message does not repeat it: a mistyped code is nearly a code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BadCode;

impl Code {
    /// The code for `value`, with this many digits.
    pub(crate) fn new(value: u32, digits: u8) -> Code {
        Code { packed: u64::from(digits) << 32 | u64::from(value) }
    }

    /// Number of its digits.
    pub(crate) fn digits(&self) -> u8 {
        u8::try_from(self.packed >> 32).unwrap_or(u8::MAX)
    }

    /// True if the code has this many digits and one of these values. Time does not depend on
    /// them.
    pub(crate) fn is_among(&self, values: &[u32], digits: u8) -> Choice {
        let [.., high, a, b, c, d] = self.packed.to_be_bytes();
        let value = u32::from_be_bytes([a, b, c, d]);
        let equal = values.iter().fold(0, |found, other| {
            let differing = value ^ other;
            found | !(differing | differing.wrapping_neg()) >> 31
        });
        Choice::from(equal.to_le_bytes()[0] & 1) & high.ct_eq(&digits)
    }
}

impl FromStr for Code {
    type Err = BadCode;

    fn from_str(text: &str) -> Result<Code, BadCode> {
        let digits = u8::try_from(text.len()).map_err(|_| BadCode)?;
        if !(6..=8).contains(&digits) || !text.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(BadCode);
        }
        let value = text.bytes().fold(0, |value, digit| value * 10 + u32::from(digit - b'0'));
        Ok(Code::new(value, digits))
    }
}

impl ConstantTimeEq for Code {
    fn ct_eq(&self, other: &Code) -> Choice {
        self.packed.ct_eq(&other.packed)
    }
}

impl PartialEq for Code {
    fn eq(&self, other: &Code) -> bool {
        self.ct_eq(other).into()
    }
}

impl Eq for Code {}

impl Drop for Code {
    fn drop(&mut self) {
        self.packed.zeroize();
    }
}

impl fmt::Debug for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Code(..)")
    }
}

impl fmt::Display for BadCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a code is 6 to 8 digits, as the device shows them, without spaces")
    }
}

impl std::error::Error for BadCode {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_has_one_spelling() {
        assert_eq!("012345".parse(), Ok(Code::new(12_345, 6)));
        for bad in [
            "",
            "12345",
            "123456789",
            " 123456",
            "123456 ",
            "123 456",
            "+123456",
            "-123456",
            "12345a",
            "123456\n",
            "１２３４５６",
            "٠١٢٣٤٥",
            "0x1234",
            "1e5000",
            "123456\u{0}",
        ] {
            assert_eq!(bad.parse::<Code>(), Err(BadCode), "{bad:?}");
        }
    }

    #[test]
    fn leading_zeros_count() {
        assert_ne!("0123456".parse::<Code>(), "123456".parse::<Code>());
    }

    #[test]
    fn debug_does_not_show_it() {
        assert_eq!(format!("{:?}", "123456".parse::<Code>().unwrap()), "Code(..)");
    }
}
