//! The signature itself: 32 bytes, written in hexadecimal.

use std::fmt;
use std::str::FromStr;

use crate::aws::sigv4::BadPart;

/// HMAC-SHA256 of a string to sign. Written as 64 lower hexadecimal digits; `Debug` is redacted,
/// since the signature of a presigned request opens it.
#[derive(Clone)]
pub struct Signature(pub(super) [u8; 32]);

impl FromStr for Signature {
    type Err = BadPart;

    fn from_str(text: &str) -> Result<Signature, BadPart> {
        let bytes = from_hex(text).map(Signature);
        bytes.ok_or(BadPart("a signature has 64 lower hexadecimal digits"))
    }
}

impl fmt::Display for Signature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&to_hex(&self.0))
    }
}

impl fmt::Debug for Signature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Signature(..)")
    }
}

/// 32 bytes in 64 lower digits.
pub(super) fn to_hex(bytes: &[u8; 32]) -> String {
    let digit = |value: u8| char::from(if value < 10 { b'0' + value } else { b'a' + value - 10 });
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 0xf)]).collect()
}

/// The bytes that [`to_hex`] writes so. Capitals are refused: the text of a payload's digest is
/// signed as it stands.
pub(super) fn from_hex(text: &str) -> Option<[u8; 32]> {
    let digits: &[u8; 64] = text.as_bytes().try_into().ok()?;
    let value = |digit: u8| match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        _ => None,
    };
    let mut bytes = [0; 32];
    for (byte, pair) in bytes.iter_mut().zip(digits.as_chunks::<2>().0) {
        *byte = value(pair[0])? << 4 | value(pair[1])?;
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_64_lower_digits_are_a_signature() {
        let text = "0123456789abcdef".repeat(4);
        assert_eq!(text.parse::<Signature>().unwrap().to_string(), text);
        for wrong in [
            String::new(),
            text.to_uppercase(),
            text[1..].to_owned(),
            format!("{text}0"),
            format!("+{}", &text[1..]),
            "é".repeat(32),
        ] {
            assert!(wrong.parse::<Signature>().is_err(), "{wrong}");
        }
    }
}
