//! The shared secret of a device, and the base32 that people and QR codes carry it in.

use std::fmt;

use base32::Alphabet;
use zeroize::Zeroizing;

use crate::secret::Secret;

/// A shared secret of 10 to 128 bytes.
///
/// RFC 4226 §4 (R6) asks for 16 bytes at least; 10 are accepted because hardware tokens with 80-bit seeds exist and
/// cannot be changed. Seeds that we make have 20.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seed(Secret);

/// The text or the bytes are no seed. The message never repeats them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BadSeed {
    /// A character that base32 does not have; 0, 1, 8 and 9 among them.
    Character,
    /// Padding in the middle, or a number of characters that no number of bytes gives (RFC 4648 §6).
    Length,
    /// The last character says more than the bytes hold (RFC 4648 §3.5): something was mistyped or cut off.
    TrailingBits,
    /// Fewer than 10 bytes or more than 128.
    Size,
}

impl Seed {
    /// A seed from raw bytes.
    ///
    /// # Errors
    /// [`BadSeed::Size`] for fewer than 10 bytes or more than 128.
    pub fn new(bytes: Vec<u8>) -> Result<Seed, BadSeed> {
        let secret = Secret::new(bytes);
        if (10..=128).contains(&secret.expose().len()) { Ok(Seed(secret)) } else { Err(BadSeed::Size) }
    }

    /// A seed as a person types it: base32 (RFC 4648 §6) in either case, with or without padding, spaces and hyphens.
    pub fn from_base32(text: &str) -> Result<Seed, BadSeed> {
        let mut symbols = Zeroizing::new(String::with_capacity(text.len()));
        for c in text.chars().filter(|c| !matches!(c, ' ' | '-')) {
            match c.to_ascii_uppercase() {
                '=' => symbols.push('='),
                _ if symbols.ends_with('=') => return Err(BadSeed::Length),
                c @ ('A'..='Z' | '2'..='7') => symbols.push(c),
                _ => return Err(BadSeed::Character),
            }
        }
        let padding = symbols.bytes().filter(|byte| *byte == b'=').count();
        if padding > 0 && (!symbols.len().is_multiple_of(8) || padding > 6) {
            return Err(BadSeed::Length);
        }
        let symbols = &symbols[..symbols.len() - padding];
        // `base32` decodes lengths that no encoder produces, and drops trailing bits without a word.
        if matches!(symbols.len() % 8, 1 | 3 | 6) {
            return Err(BadSeed::Length);
        }
        let bytes = base32::decode(BASE32, symbols).ok_or(BadSeed::Character)?;
        let seed = Seed::new(bytes)?;
        if *seed.to_base32() == *symbols { Ok(seed) } else { Err(BadSeed::TrailingBits) }
    }

    /// Base32 without padding, as otpauth URIs have it.
    pub fn to_base32(&self) -> Zeroizing<String> {
        Zeroizing::new(base32::encode(BASE32, self.expose()))
    }

    /// The bytes.
    pub fn expose(&self) -> &[u8] {
        self.0.expose()
    }
}

const BASE32: Alphabet = Alphabet::Rfc4648 { padding: false };

impl fmt::Display for BadSeed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            BadSeed::Character => "a secret is base32: letters A to Z and digits 2 to 7 (0, 1, 8 and 9 do not occur)",
            BadSeed::Length => "the secret is not whole base32: a character is missing or one too many",
            BadSeed::TrailingBits => "the secret is not whole base32: its last character is wrong, or its end was cut off",
            BadSeed::Size => "a secret has 10 to 128 bytes (16 to 205 characters of base32)",
        })
    }
}

impl std::error::Error for BadSeed {}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 4648 §10, as far as the codec goes: seeds are longer.
    #[test]
    fn the_codec_gives_the_vectors_of_rfc_4648_section_10() {
        for (plain, encoded) in
            [("", ""), ("f", "MY"), ("fo", "MZXQ"), ("foo", "MZXW6"), ("foob", "MZXW6YQ"), ("fooba", "MZXW6YTB"), ("foobar", "MZXW6YTBOI")]
        {
            assert_eq!(base32::encode(BASE32, plain.as_bytes()), encoded);
            // Twelve bytes before them make a seed of each: 96 bits and a multiple of 40 from there on.
            let seed = Seed::new([b"fifteen bytes!!", plain.as_bytes()].concat()).unwrap();
            let text = seed.to_base32();
            assert!(text.ends_with(encoded));
            assert_eq!(Seed::from_base32(&text), Ok(seed));
        }
    }

    #[test]
    fn people_may_type_spaces_hyphens_lower_case_and_padding() {
        let seed = Seed::new(b"12345678901234567890".to_vec()).unwrap();
        for text in
            ["GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ", "gezd gnbv gy3t qojq gezd gnbv gy3t qojq", "GEZD-GNBV-GY3T-QOJQ-GEZD-GNBV-GY3T-QOJQ"]
        {
            assert_eq!(Seed::from_base32(text), Ok(seed.clone()));
        }
        let padded = Seed::from_base32("GEZDGNBVGY3TQOJQGE======").unwrap();
        assert_eq!(padded.expose(), b"12345678901");
    }

    #[test]
    fn what_no_encoder_produces_is_refused() {
        for (text, error) in [
            ("", BadSeed::Size),
            ("M", BadSeed::Length),
            ("GEZDGNBVGY3TQOJ", BadSeed::Size),
            ("GEZDGNBVGY3TQOJQG", BadSeed::Length),
            ("GEZDGNBVGY3TQOJQGEZ", BadSeed::Length),
            ("GEZDGNBVGY3TQOJQGEZDGN", BadSeed::Length),
            ("GEZDGNBVGY3TQOJ0", BadSeed::Character),
            ("GEZDGNBVGY3TQOJ1", BadSeed::Character),
            ("GEZDGNBVGY3TQOJ8", BadSeed::Character),
            ("GEZDGNBVGY3TQOJ٣", BadSeed::Character),
            ("GEZD=GNBVGY3TQOJQ", BadSeed::Length),
            ("GEZDGNBVGY3TQOJQGE=", BadSeed::Length),
            ("GEZDGNBVGY3TQOJQ========", BadSeed::Length),
            ("GEZDGNBVGY3TQOJQGF", BadSeed::TrailingBits),
        ] {
            assert_eq!(Seed::from_base32(text), Err(error), "{text}");
        }
    }
}
