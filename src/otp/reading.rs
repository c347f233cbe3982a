//! Byte strings that a token may really hold, where its secret was written down in another
//! encoding than it was read in, or in another order.

use base32::Alphabet;
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use zeroize::Zeroizing;

use crate::otp::Seed;

/// Relation of the secret in a token to the stored one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SeedReading {
    /// The same secret.
    AsStored,
    /// The text of the secret was read in one encoding, and is in another one.
    Misread {
        /// The encoding that it was read in.
        read_as: Encoding,
        /// The encoding that it is in.
        is: Encoding,
    },
    /// The last bytes, a line break, are no part of the secret.
    WithLineBreak,
    /// The bytes are in reverse order.
    Reversed,
    /// The bytes of each word of 4 are in reverse order.
    ReversedWords,
    /// The bytes of each pair are in reverse order.
    ReversedPairs,
}

/// Encoding of a secret in a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Encoding {
    /// The characters themselves are the secret, in ASCII.
    Ascii,
    /// Two digits a byte.
    Hex,
    /// RFC 4648 §6.
    Base32,
    /// RFC 4648 §4 or §5.
    Base64,
}

/// A secret that a token may hold.
pub(crate) struct Candidate {
    pub(crate) reading: SeedReading,
    pub(crate) seed: Seed,
    /// Number of unlikely coincidences that it takes.
    pub(crate) weight: u32,
}

/// The stored secret, and then those that the token may hold instead, each once.
pub(crate) fn candidates(stored: &Seed) -> Vec<Candidate> {
    let as_stored = Candidate { reading: SeedReading::AsStored, seed: stored.clone(), weight: 0 };
    let mut known = vec![as_stored];
    let mut add = |reading, weight, bytes: &[u8]| {
        let Ok(seed) = Seed::new(bytes.to_vec()) else { return };
        if known.iter().all(|known| known.seed != seed) {
            known.push(Candidate { reading, seed, weight });
        }
    };
    for text in texts(stored.expose()) {
        for is in [Encoding::Hex, Encoding::Base32, Encoding::Base64, Encoding::Ascii] {
            if is == text.read_as {
                continue;
            }
            // A text in base64 rarely is one in base32 or hex as well.
            let chance = is == Encoding::Base64 && text.read_as != Encoding::Ascii;
            let weight = 1 + u32::from(chance) + text.weight;
            if let Some(bytes) = decode(is, &text.text) {
                add(SeedReading::Misread { read_as: text.read_as, is }, weight, &bytes);
            }
        }
    }
    let bytes = stored.expose();
    if let Some(line) = bytes.strip_suffix(b"\r\n").or_else(|| bytes.strip_suffix(b"\n")) {
        add(SeedReading::WithLineBreak, 1, line);
    }
    let mut turned = Zeroizing::new(bytes.to_vec());
    for (reading, weight, word) in [
        (SeedReading::Reversed, 1, bytes.len()),
        (SeedReading::ReversedWords, 1, 4),
        (SeedReading::ReversedPairs, 2, 2),
    ] {
        turned.copy_from_slice(bytes);
        turned.chunks_mut(word).for_each(<[u8]>::reverse);
        add(reading, weight, &turned);
    }
    known
}

/// A text that gives the stored bytes.
struct Text {
    read_as: Encoding,
    text: Zeroizing<Vec<u8>>,
    weight: u32,
}

/// The texts that give `bytes`, by the encoding that they were read in.
fn texts(bytes: &[u8]) -> Vec<Text> {
    let text =
        |read_as, weight, text: Vec<u8>| Text { read_as, text: Zeroizing::new(text), weight };
    let hex = |digits: &[u8; 16]| {
        let digit = |half: u8| digits[usize::from(half & 0xf)];
        bytes
            .iter()
            .flat_map(|byte| [digit(byte >> 4), digit(*byte)])
            .collect::<Vec<u8>>()
    };
    let mut all = Vec::new();
    if bytes.is_ascii() {
        all.push(text(Encoding::Ascii, 0, bytes.trim_ascii().to_vec()));
    }
    all.push(text(Encoding::Hex, 0, hex(b"0123456789abcdef")));
    all.push(text(Encoding::Hex, 0, hex(b"0123456789ABCDEF")));
    for (weight, symbols) in base32_texts(bytes) {
        all.push(text(Encoding::Base32, weight, symbols.to_ascii_lowercase()));
        all.push(text(Encoding::Base32, weight, symbols.to_vec()));
    }
    for encoded in
        [STANDARD.encode(bytes), STANDARD_NO_PAD.encode(bytes), URL_SAFE_NO_PAD.encode(bytes)]
    {
        all.push(text(Encoding::Base64, 0, encoded.into_bytes()));
    }
    all
}

/// Base32 in upper case. The bits that fill no byte were dropped when it was read, so each value of
/// them is one text.
fn base32_texts(bytes: &[u8]) -> Vec<(u32, Zeroizing<Vec<u8>>)> {
    let symbols = Zeroizing::new(base32::encode(BASE32, bytes).into_bytes());
    let mut all = vec![(0, symbols.clone())];
    let spare = symbols.len() * 5 - bytes.len() * 8;
    let last = symbols.last().and_then(|last| SYMBOLS.iter().position(|symbol| symbol == last));
    for dropped in 1..1_usize << spare {
        let symbol = last.and_then(|last| SYMBOLS.get(last | dropped));
        let mut text = symbols.clone();
        if let (Some(symbol), Some(place)) = (symbol, text.last_mut()) {
            *place = *symbol;
            all.push((DROPPED, text));
        }
    }
    all
}

/// The bytes of a text in this encoding.
fn decode(encoding: Encoding, text: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
    let decoded = match encoding {
        Encoding::Ascii => Some(text.to_vec()),
        Encoding::Hex => {
            let text = text.strip_prefix(b"0x").unwrap_or(text);
            let half = |digit: u8| char::from(digit).to_digit(16);
            let digits: Option<Zeroizing<Vec<u32>>> = text
                .iter()
                .filter(|byte| !matches!(byte, b' ' | b':' | b'-'))
                .map(|digit| half(*digit))
                .collect::<Option<Vec<u32>>>()
                .map(Zeroizing::new);
            let digits = digits?;
            let (pairs, odd) = digits.as_chunks::<2>();
            let byte = |[high, low]: &[u32; 2]| u8::try_from(high << 4 | low).ok();
            if odd.is_empty() { pairs.iter().map(byte).collect() } else { None }
        }
        Encoding::Base32 => {
            let text = std::str::from_utf8(text).ok()?;
            Some(Seed::from_base32(text).ok()?.expose().to_vec())
        }
        Encoding::Base64 => {
            let end = text.iter().rposition(|byte| *byte != b'=').map_or(0, |last| last + 1);
            let text = &text[..end];
            STANDARD_NO_PAD.decode(text).or_else(|_| URL_SAFE_NO_PAD.decode(text)).ok()
        }
    };
    decoded.map(Zeroizing::new)
}

impl Encoding {
    /// Name in answers and sentences.
    pub fn name(self) -> &'static str {
        match self {
            Encoding::Ascii => "ascii",
            Encoding::Hex => "hex",
            Encoding::Base32 => "base32",
            Encoding::Base64 => "base64",
        }
    }
}

const BASE32: Alphabet = Alphabet::Rfc4648 { padding: false };

const SYMBOLS: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

/// Weight of a text of which bits were dropped: there are up to sixteen.
const DROPPED: u32 = 3;

#[cfg(test)]
mod tests {
    use super::*;

    fn seed(bytes: &[u8]) -> Seed {
        Seed::new(bytes.to_vec()).unwrap()
    }

    fn reading(stored: &[u8], token: &[u8]) -> Option<SeedReading> {
        let token = seed(token);
        candidates(&seed(stored))
            .iter()
            .find(|known| known.seed == token)
            .map(|known| known.reading)
    }

    /// A text of characters that both encodings have, read in the wrong one.
    #[test]
    fn each_misreading_of_a_text_is_a_candidate() {
        use Encoding::{Ascii, Base32, Base64, Hex};
        for (text, encodings) in [
            ("3132333435363738393031323334353637383930", &[Ascii, Hex, Base64][..]),
            ("A1B2C3D4E5F60718A1B2C3D4E5F60718A1B2C3D4", &[Ascii, Hex, Base64]),
            ("a1b2c3d4e5f60718a1b2c3d4e5f60718a1b2c3d4", &[Ascii, Hex, Base64]),
            ("GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ", &[Ascii, Base32, Base64]),
            ("gezdgnbvgy3tqojqgezdgnbvgy3tqojq", &[Ascii, Base32, Base64]),
            ("A2B3C4D5E6F7A2B3C4D5E6F7A2B3C4D5E6F7A2B3", &[Ascii, Hex, Base32, Base64]),
            ("MTIzNDU2Nzg5MDEyMzQ1Njc4OTA=", &[Ascii, Base64]),
            ("abcdefghijklmnopqrst", &[Ascii, Base32]),
        ] {
            for read_as in encodings {
                for is in encodings.iter().filter(|is| *is != read_as) {
                    let [stored, token] =
                        [read_as, is].map(|encoding| decode(*encoding, text.as_bytes()).unwrap());
                    let expected = SeedReading::Misread { read_as: *read_as, is: *is };
                    assert_eq!(reading(&stored, &token), Some(expected), "{text}");
                }
            }
        }
    }

    #[test]
    fn orders_and_line_breaks_are_candidates() {
        let stored = b"abcdefghijklmnopqrst";
        for (token, expected) in [
            (&b"tsrqponmlkjihgfedcba"[..], SeedReading::Reversed),
            (b"dcbahgfelkjiponmtsrq", SeedReading::ReversedWords),
            (b"badcfehgjilknmporqts", SeedReading::ReversedPairs),
        ] {
            assert_eq!(reading(stored, token), Some(expected));
        }
        let with_break = [&[7; 20][..], b"\r\n"].concat();
        assert_eq!(reading(&with_break, &[7; 20]), Some(SeedReading::WithLineBreak));
    }

    #[test]
    fn the_stored_secret_comes_first_and_each_secret_once() {
        for length in 10..=128 {
            let stored = seed(&(1..=length).collect::<Vec<u8>>());
            let known = candidates(&stored);
            assert_eq!(known[0].seed, stored);
            assert!(known.len() <= 100, "{length}: {}", known.len());
            for (place, one) in known.iter().enumerate() {
                assert!(known[..place].iter().all(|other| other.seed != one.seed));
            }
        }
    }
}
