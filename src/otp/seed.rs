//! Shared secret of a device, and its base32 form.

use std::fmt;

use base32::Alphabet;
use zeroize::Zeroizing;

use crate::id::{is_dash, is_invisible, narrow};
use crate::secret::Secret;

/// A shared secret of 10 to 128 bytes.
///
/// RFC 4226 §4 (R6) requires 16 bytes; 10 are accepted because hardware tokens with 80-bit seeds
/// exist and cannot be changed. Seeds made here have 20.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seed(Secret);

/// A typed seed, with a hint at typing errors.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TypedSeed {
    /// The seed.
    pub seed: Seed,
    /// Bits of the text that are not in the seed.
    pub spare: SpareBits,
}

/// The bits of the last character of a base32 text that fill no byte (RFC 4648 §3.5).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SpareBits {
    /// No spare bits, or all zero, as encoders write them.
    Zero,
    /// At least one is set: a typing error, a truncated text, or a secret of random letters.
    Dropped,
}

/// The input is no seed. The message never repeats it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BadSeed {
    /// A character outside base32, such as 0, 1, 8 and 9.
    Character,
    /// Padding in the middle, or a length that no encoder produces (RFC 4648 §6).
    Length,
    /// Hexadecimal with another character, or with an odd number of digits.
    Hex,
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
        if (10..=128).contains(&secret.expose().len()) {
            Ok(Seed(secret))
        } else {
            Err(BadSeed::Size)
        }
    }

    /// A seed in base32 (RFC 4648 §6) in either case, with or without padding, spaces and hyphens.
    ///
    /// Spare bits of the last character are dropped, as oathtool and authenticator apps do: RFC
    /// 4648 §3.5 leaves the choice to the decoder.
    ///
    /// # Errors
    /// [`BadSeed`] for a character or a length that base32 does not have (1, 3 or 6 characters
    /// beyond a multiple of 8), and for fewer than 10 bytes or more than 128.
    pub fn from_base32(text: &str) -> Result<Seed, BadSeed> {
        Ok(Seed::decoded(text.chars().filter(|c| !matches!(c, ' ' | '-')))?.seed)
    }

    /// Reads a seed as typed or pasted: blanks, dashes of any kind and invisible characters are
    /// skipped, full-width letters and digits are narrowed.
    ///
    /// # Errors
    /// As [`from_base32`](Seed::from_base32).
    pub fn typed(text: &str) -> Result<TypedSeed, BadSeed> {
        let skipped = |c: &char| c.is_whitespace() || is_dash(*c) || is_invisible(*c);
        Seed::decoded(text.chars().filter(|c| !skipped(c)).map(narrow))
    }

    /// Reads a seed as typed or pasted, in base32 or in hexadecimal.
    ///
    /// A text of hexadecimal digits alone, with a 0, 1, 8 or 9 among them, can be no base32 and is
    /// hexadecimal; any other is if `0x` stands before it. Colons between digits are skipped then.
    ///
    /// # Errors
    /// As [`from_base32`](Seed::from_base32); [`BadSeed::Hex`] for hexadecimal that is no bytes.
    pub fn typed_in_any_base(text: &str) -> Result<TypedSeed, BadSeed> {
        let skipped = |c: &char| c.is_whitespace() || is_dash(*c) || is_invisible(*c);
        // A seed of the most bytes in hexadecimal, with colons between them.
        let mut plain = Zeroizing::new(String::with_capacity(LONGEST_TYPED));
        for c in text.chars().filter(|c| !skipped(c)).map(narrow) {
            if plain.len() + c.len_utf8() > LONGEST_TYPED {
                return Err(BadSeed::Size);
            }
            plain.push(c);
        }
        let marked = plain.strip_prefix("0x").or_else(|| plain.strip_prefix("0X"));
        let digits = |text: &str| text.bytes().all(|c| c.is_ascii_hexdigit() || c == b':');
        let is_hex = digits(&plain) && plain.contains(['0', '1', '8', '9']);
        match marked.or_else(|| is_hex.then_some(plain.as_str())) {
            Some(hex) => Ok(TypedSeed { seed: Seed::from_hex(hex)?, spare: SpareBits::Zero }),
            None => Seed::typed(&plain),
        }
    }

    fn from_hex(text: &str) -> Result<Seed, BadSeed> {
        let mut bytes = Vec::with_capacity(LONGEST_TYPED / 2);
        let mut high = None;
        for c in text.chars().filter(|c| *c != ':') {
            let digit = c.to_digit(16).and_then(|digit| u8::try_from(digit).ok());
            let digit = digit.ok_or(BadSeed::Hex)?;
            match high.take() {
                None => high = Some(digit),
                Some(high) => bytes.push(high << 4 | digit),
            }
        }
        match high {
            None => Seed::new(bytes),
            Some(_) => Err(BadSeed::Hex),
        }
    }

    fn decoded(text: impl Iterator<Item = char>) -> Result<TypedSeed, BadSeed> {
        // Capacity for the longest seed: reallocation would leave copies behind.
        let mut symbols = Zeroizing::new(String::with_capacity(LONGEST));
        for c in text {
            if symbols.len() == LONGEST {
                return Err(BadSeed::Size);
            }
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
        // The `base32` crate accepts lengths that no encoder produces.
        if matches!(symbols.len() % 8, 1 | 3 | 6) {
            return Err(BadSeed::Length);
        }
        let bytes = base32::decode(BASE32, symbols).ok_or(BadSeed::Character)?;
        let seed = Seed::new(bytes)?;
        let spare =
            if *seed.to_base32() == *symbols { SpareBits::Zero } else { SpareBits::Dropped };
        Ok(TypedSeed { seed, spare })
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

/// 128 bytes in base32 with padding.
const LONGEST: usize = 208;

/// 128 bytes in hexadecimal, with a mark before them and colons between them.
const LONGEST_TYPED: usize = 2 + 3 * 128;

impl fmt::Display for BadSeed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            BadSeed::Character => {
                "a secret is base32: letters A to Z and digits 2 to 7 (0, 1, 8 and 9 do not occur)"
            }
            BadSeed::Length => {
                "the secret is not whole base32: a character is missing or one too many"
            }
            BadSeed::Hex => {
                "the secret is not whole hexadecimal: two digits (0 to 9, A to F) make a byte"
            }
            BadSeed::Size => {
                "a secret has 10 to 128 bytes (16 to 205 characters of base32, 20 to 256 of \
                 hexadecimal)"
            }
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
        for (plain, encoded) in [
            ("", ""),
            ("f", "MY"),
            ("fo", "MZXQ"),
            ("foo", "MZXW6"),
            ("foob", "MZXW6YQ"),
            ("fooba", "MZXW6YTB"),
            ("foobar", "MZXW6YTBOI"),
        ] {
            assert_eq!(base32::encode(BASE32, plain.as_bytes()), encoded);
            // Twelve bytes before them make a seed of each: 96 bits and a multiple of 40 from there
            // on.
            let seed = Seed::new([b"fifteen bytes!!", plain.as_bytes()].concat()).unwrap();
            let text = seed.to_base32();
            assert!(text.ends_with(encoded));
            assert_eq!(Seed::from_base32(&text), Ok(seed));
        }
    }

    #[test]
    fn people_may_type_spaces_hyphens_lower_case_and_padding() {
        let seed = Seed::new(b"12345678901234567890".to_vec()).unwrap();
        for text in [
            "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ",
            "gezd gnbv gy3t qojq gezd gnbv gy3t qojq",
            "GEZD-GNBV-GY3T-QOJQ-GEZD-GNBV-GY3T-QOJQ",
        ] {
            assert_eq!(Seed::from_base32(text), Ok(seed.clone()));
        }
        let padded = Seed::from_base32("GEZDGNBVGY3TQOJQGE======").unwrap();
        assert_eq!(padded.expose(), b"12345678901");
    }

    #[test]
    fn lengths_that_no_encoder_produces_are_refused() {
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
        ] {
            assert_eq!(Seed::from_base32(text), Err(error), "{text}");
        }
    }

    #[test]
    fn bits_that_fill_no_byte_are_dropped_and_said() {
        for (text, bytes, spare) in [
            ("GEZDGNBVGY3TQOJQGE", &b"12345678901"[..], SpareBits::Zero),
            ("GEZDGNBVGY3TQOJQGF", b"12345678901", SpareBits::Dropped),
            ("GEZDGNBVGY3TQOJQGF======", b"12345678901", SpareBits::Dropped),
            ("GEZDGNBVGY3TQOJQGEZB", b"123456789012", SpareBits::Dropped),
            ("GEZDGNBVGY3TQOJQGEZDH", b"1234567890123", SpareBits::Dropped),
            ("GEZDGNBVGY3TQOJQGEZDGNH", b"12345678901234", SpareBits::Dropped),
            ("GEZDGNBVGY3TQOJQGEZDGNBV", b"123456789012345", SpareBits::Zero),
        ] {
            let typed = Seed::typed(text).unwrap();
            assert_eq!((typed.seed.expose(), typed.spare), (bytes, spare), "{text}");
            assert_eq!(Seed::from_base32(text), Ok(typed.seed), "{text}");
        }
    }

    #[test]
    fn invisible_characters_are_no_part_of_a_typed_secret() {
        let seed = Seed::new(b"12345678901".to_vec()).unwrap();
        for text in [
            "GEZD\u{a0}GNBV\u{202f}GY3T\u{2009}QOJQ GE",
            "GEZD–GNBV—GY3T−QOJQ\u{2011}GE",
            "\u{feff}GEZDGNBV\u{200b}GY3T\u{ad}QOJQ\u{2060}GE\u{200d}",
            "\u{202a}GEZDGNBVGY3TQOJQGE\u{202c}\r\n",
            "ＧＥＺＤ　ＧＮＢＶＧＹ３ＴＱＯＪＱＧｅ＝＝＝＝＝＝",
        ] {
            assert_eq!(
                Seed::typed(text),
                Ok(TypedSeed { seed: seed.clone(), spare: SpareBits::Zero }),
                "{text:?}"
            );
        }
        assert_eq!(Seed::typed("GEZDGNBVGY3TQOJQG٣"), Err(BadSeed::Character));
    }

    #[test]
    fn a_text_longer_than_any_seed_is_refused() {
        assert!(Seed::from_base32(&"A".repeat(205)).is_ok());
        for length in [208, 209, 100_000] {
            assert_eq!(Seed::from_base32(&"A".repeat(length)), Err(BadSeed::Size), "{length}");
        }
    }

    #[test]
    fn hexadecimal_is_told_from_base32() {
        let seed = Seed::new(b"12345678901234567890".to_vec()).unwrap();
        for text in [
            "3132333435363738393031323334353637383930",
            "0x3132333435363738393031323334353637383930",
            "0X31 32 33 34 35 36 37 38 39 30 31-32-33-34-35-36-37-38-39-30",
            "31:32:33:34:35:36:37:38:39:30:31:32:33:34:35:36:37:38:39:30",
            "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ",
            "gezd gnbv gy3t qojq gezd gnbv gy3t qojq",
        ] {
            assert_eq!(Seed::typed_in_any_base(text).unwrap().seed, seed, "{text}");
        }
        let ambiguous = "ABCDEF234567ABCDEF22";
        let read = |text: &str| Seed::typed_in_any_base(text).map(|typed| typed.seed);
        assert_eq!(read(ambiguous), Seed::from_base32(ambiguous), "base32 where both fit");
        let bytes = [0xab, 0xcd, 0xef, 0x23, 0x45, 0x67, 0xab, 0xcd, 0xef, 0x22];
        assert_eq!(read(&format!("0x{ambiguous}")), Seed::new(bytes.to_vec()));
        for (text, error) in [
            ("", BadSeed::Size),
            ("0x", BadSeed::Size),
            ("0x31323334353637383930313", BadSeed::Hex),
            ("0xGEZDGNBVGY3TQOJQ", BadSeed::Hex),
            ("000102030405060708", BadSeed::Size),
            (&"00".repeat(129), BadSeed::Size),
            (&"0".repeat(100_000), BadSeed::Size),
            ("GEZDGNBVGY3TQOJ0", BadSeed::Character),
        ] {
            assert_eq!(read(text), Err(error), "{text}");
        }
        assert!(read(&"00:".repeat(128)).is_ok());
    }
}
