//! The digits a person types.

use std::fmt;
use std::str::FromStr;

use zeroize::Zeroize;

/// A one-time code: exactly 6 to 8 ASCII digits, and nothing else.
///
/// Spaces, signs and the digits of other scripts are refused here, so that one code has one spelling. `Debug` is blank.
#[derive(Clone, PartialEq, Eq)]
pub struct Code {
    value: u32,
    length: u8,
}

/// The text is not a code. It is not repeated here: a mistyped code is still nearly a code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BadCode;

impl Code {
    /// The digits as a number; what a truncated MAC is compared with.
    pub(crate) fn value(&self) -> u32 {
        self.value
    }

    /// How many digits were typed; leading zeros count.
    pub(crate) fn length(&self) -> u8 {
        self.length
    }
}

impl FromStr for Code {
    type Err = BadCode;

    fn from_str(text: &str) -> Result<Code, BadCode> {
        let length = u8::try_from(text.len()).map_err(|_| BadCode)?;
        if !(6..=8).contains(&length) || !text.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(BadCode);
        }
        let value = text.bytes().fold(0, |value, digit| value * 10 + u32::from(digit - b'0'));
        Ok(Code { value, length })
    }
}

impl Drop for Code {
    fn drop(&mut self) {
        self.value.zeroize();
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
        assert_eq!("012345".parse::<Code>().unwrap().value(), 12_345);
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
