//! Codes as people type them: with blanks and hyphens, and in the digits of their script.

use zeroize::Zeroizing;

use crate::otp::Code;
use crate::verifier::Passcode;

/// A code of a device, a recovery code or a bypass code.
pub(super) fn passcode(typed: &str) -> Option<Passcode> {
    match code(typed) {
        Some(code) => Some(Passcode::Otp(code)),
        None => {
            let bare: Zeroizing<String> =
                Zeroizing::new(typed.chars().filter(|letter| !is_between(*letter)).collect());
            bare.parse().ok()
        }
    }
}

/// A code of a device: 6 to 8 digits.
pub(super) fn code(typed: &str) -> Option<Code> {
    digits(typed)?.parse().ok()
}

/// The digits of a text that is otherwise blanks and hyphens.
fn digits(typed: &str) -> Option<Zeroizing<String>> {
    let mut digits = Zeroizing::new(String::with_capacity(16));
    for letter in typed.chars() {
        if let Some(digit) = digit(letter) {
            if digits.len() > 8 {
                return None;
            }
            digits.push(digit);
        } else if !is_between(letter) {
            return None;
        }
    }
    Some(digits)
}

/// The digit that a character stands for (Unicode's decimal digits, category Nd).
fn digit(letter: char) -> Option<char> {
    let (value, found) =
        (u32::from(letter), ZEROS.partition_point(|zero| *zero <= u32::from(letter)));
    let zero = ZEROS.get(found.checked_sub(1)?)?;
    char::from_digit(value.checked_sub(*zero).filter(|value| *value < 10)?, 10)
}

/// A character that people and programs put between digits: blanks, hyphens and dashes, and marks
/// of direction that come along when a code is copied.
fn is_between(letter: char) -> bool {
    letter.is_whitespace()
        || matches!(
            letter,
            '-' | '\u{2010}'..='\u{2015}' | '\u{2212}' | '\u{200b}'..='\u{200f}'
                | '\u{202a}'..='\u{202e}' | '\u{2060}' | '\u{2066}'..='\u{2069}' | '\u{feff}'
                | '\u{ad}' | '·' | '\u{2022}' | '.' | '_'
        )
}

/// The zeros of all scripts that have ten digits in a row (Unicode 14.0.0, category Nd).
const ZEROS: &[u32] = &[
    0x30, 0x660, 0x6f0, 0x7c0, 0x966, 0x9e6, 0xa66, 0xae6, 0xb66, 0xbe6, 0xc66, 0xce6, 0xd66,
    0xde6, 0xe50, 0xed0, 0xf20, 0x1040, 0x1090, 0x17e0, 0x1810, 0x1946, 0x19d0, 0x1a80, 0x1a90,
    0x1b50, 0x1bb0, 0x1c40, 0x1c50, 0xa620, 0xa8d0, 0xa900, 0xa9d0, 0xa9f0, 0xaa50, 0xabf0, 0xff10,
    0x104a0, 0x10d30, 0x11066, 0x110f0, 0x11136, 0x111d0, 0x112f0, 0x11450, 0x114d0, 0x11650,
    0x116c0, 0x11730, 0x118e0, 0x11950, 0x11c50, 0x11d50, 0x11da0, 0x16a60, 0x16ac0, 0x16b50,
    0x1d7ce, 0x1d7d8, 0x1d7e2, 0x1d7ec, 0x1d7f6, 0x1e140, 0x1e2f0, 0x1e950, 0x1fbf0,
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blanks_hyphens_and_digits_of_other_scripts_are_read() {
        let plain: Code = "418203".parse().unwrap();
        for typed in [
            "418203",
            " 418 203\n",
            "418-203",
            "418\u{2011}203",
            "418\u{a0}203",
            "٤١٨٢٠٣",
            "４１８２０３",
            "४१८२०३",
            "\u{202a}418203\u{202c}",
        ] {
            assert_eq!(code(typed), Some(plain.clone()), "{typed:?}");
        }
        for typed in ["", "41820", "418203418", "41820x", "418,203", "half past two"] {
            assert_eq!(code(typed), None, "{typed:?}");
        }
    }

    #[test]
    fn codes_on_paper_are_read_with_blanks_and_in_any_case() {
        for typed in ["VTCX-D5ZN-CT7S-2694", "vtcx d5zn ct7s 2694", "\u{200b}vtcxd5znct7s2694 "] {
            assert!(matches!(passcode(typed), Some(Passcode::Recovery(_))), "{typed:?}");
        }
        assert!(passcode("VTCX-D5ZN").is_none());
    }

    #[test]
    fn each_zero_begins_ten_digits() {
        assert!(ZEROS.is_sorted());
        for zero in ZEROS {
            for value in 0..10 {
                let letter = char::from_u32(zero + value).unwrap();
                assert!(letter.is_numeric(), "{letter:?}");
                assert_eq!(digit(letter), char::from_digit(value, 10));
            }
        }
        assert_eq!(digit('/').or(digit(':')).or(digit('a')), None);
    }
}
