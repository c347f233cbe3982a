//! Text from people and programs: a code has one spelling, a secret may be typed in several, and no
//! text makes a reader panic.

use proptest::prelude::*;
use proptest::sample::Index;
use proptest::test_runner::Config;

use twostep::otp::{BadCode, BadSeed, Code, KeyUri, Seed, SpareBits, TypedSeed};

use super::oracle::setting;

/// Characters beside digits in pasted text.
const AROUND: &[char] = &[
    ' ', '\t', '\n', '\r', '\u{a0}', '\u{2009}', '\u{202f}', '\u{3000}', '\u{200b}', '\u{feff}',
    '\u{202e}', '\0', '+', '-', '−', '－', '＋', '.', ',', '_', '\'', '"', '%', 'e', 'x',
];

/// The zeros of other scripts; their digits follow in order.
const ZEROS: &[char] = &['０', '٠', '۰', '०', '০', '𝟎', '𝟬', '᠐', '๐'];

/// Characters that come along with a copied secret.
const UNSEEN: &[char] = &[
    ' ',
    '\t',
    '\n',
    '\r',
    '\u{a0}',
    '\u{2007}',
    '\u{2009}',
    '\u{202f}',
    '\u{3000}',
    '\u{200b}',
    '\u{200c}',
    '\u{200d}',
    '\u{2060}',
    '\u{feff}',
    '\u{ad}',
    '\u{200e}',
    '\u{202a}',
    '\u{202e}',
    '\u{2066}',
    '\u{2069}',
    '\u{fe0f}',
    '\u{e0020}',
    '-',
    '‐',
    '‑',
    '‒',
    '–',
    '—',
    '―',
    '−',
    '－',
];

fn cases() -> Config {
    Config { failure_persistence: None, ..Config::with_cases(setting("TWOSTEP_FUZZ_CASES", 5_000)) }
}

proptest! {
    #![proptest_config(cases())]

    #[test]
    fn a_code_with_anything_beside_its_digits_is_refused(
        code in "[0-9]{6,8}",
        at: Index,
        more in prop::sample::select(AROUND),
    ) {
        let mut text = code;
        text.insert(at.index(text.len() + 1), more);
        prop_assert_eq!(text.parse::<Code>(), Err(BadCode));
        // Nor does it stand for one of the digits.
        let place = text.find(more).unwrap();
        let neighbour = if place == 0 { text.len() - 1 } else { place - 1 };
        text.remove(neighbour);
        prop_assert_eq!(text.parse::<Code>(), Err(BadCode));
    }

    #[test]
    fn a_code_in_the_digits_of_another_script_is_refused(
        code in "[0-9]{6,8}",
        places in prop::collection::vec(any::<Index>(), 1..8),
        zero in prop::sample::select(ZEROS),
    ) {
        let mut text: Vec<char> = code.chars().collect();
        for place in places.iter().map(|place| place.index(code.len())) {
            let value = text[place].to_digit(10).unwrap_or(0);
            text[place] = char::from_u32(u32::from(zero) + value).unwrap();
        }
        prop_assert_eq!(text.into_iter().collect::<String>().parse::<Code>(), Err(BadCode));
    }

    #[test]
    fn only_six_to_eight_ascii_digits_are_a_code(
        text in prop_oneof![any::<String>(), "[0-9 ]{0,10}", "\\PC{0,10}"],
    ) {
        let digits = text.bytes().all(|byte| byte.is_ascii_digit());
        prop_assert_eq!(text.parse::<Code>().is_ok(), digits && (6..=8).contains(&text.len()));
    }

    #[test]
    fn a_secret_says_the_same_bytes_however_it_is_typed(
        bytes in prop::collection::vec(any::<u8>(), 10..=128),
        padded: bool,
        breaks in
            prop::collection::vec((any::<Index>(), prop::sample::select(vec![' ', '-'])), 0..10),
        lower in prop::collection::vec(any::<Index>(), 0..50),
    ) {
        let seed = Seed::new(bytes.clone()).unwrap();
        let canonical = seed.to_base32();
        prop_assert_eq!(canonical.to_string(), base32(&bytes));
        let mut typed: Vec<char> = canonical.chars().collect();
        for place in lower {
            let letter = &mut typed[place.index(canonical.len())];
            *letter = letter.to_ascii_lowercase();
        }
        if padded {
            typed.resize(typed.len().next_multiple_of(8), '=');
        }
        for (place, separator) in breaks {
            typed.insert(place.index(typed.len() + 1), separator);
        }
        prop_assert_eq!(Seed::from_base32(&typed.into_iter().collect::<String>()), Ok(seed));
    }

    #[test]
    fn a_secret_with_a_character_that_base32_lacks_is_refused(
        bytes in prop::collection::vec(any::<u8>(), 10..=128),
        at: Index,
        wrong in any::<char>().prop_map(|c| match c {
            'A'..='Z' | 'a'..='z' | '2'..='7' | ' ' | '-' | '=' => '1',
            c => c,
        }),
    ) {
        let mut text = Seed::new(bytes).unwrap().to_base32().to_string();
        text.insert(at.index(text.len() + 1), wrong);
        prop_assert_eq!(Seed::from_base32(&text), Err(BadSeed::Character));
    }

    /// An accepted secret holds every whole byte of the text, and says whether a bit that fills
    /// none was set.
    #[test]
    fn an_accepted_secret_loses_only_the_bits_that_fill_no_byte(
        text in prop_oneof![
            any::<String>(),
            "[A-Z2-7]{0,220}",
            "[A-Za-z2-7 =-]{0,220}",
            "[A-Z2-7]{16,40}={0,8}",
        ],
    ) {
        if let Ok(seed) = Seed::from_base32(&text) {
            let meant: String = text.chars().filter(char::is_ascii_alphanumeric).collect();
            let bits = bits(&meant.to_ascii_uppercase());
            let (whole, spare) = bits.split_at(bits.len() / 8 * 8);
            let byte = |bits: &[u8]| u8::from_str_radix(std::str::from_utf8(bits).unwrap(), 2);
            let bytes: Vec<u8> =
                whole.as_bytes().chunks(8).map(|bits| byte(bits).unwrap()).collect();
            prop_assert_eq!(seed.expose(), &bytes[..]);
            prop_assert!(spare.len() < 5, "no symbol stands alone");
            let spare = if spare.contains('1') { SpareBits::Dropped } else { SpareBits::Zero };
            prop_assert_eq!(Seed::typed(&text), Ok(TypedSeed { seed, spare }));
        }
    }

    /// Every length of random letters, as a secret made by hand has it.
    #[test]
    fn a_secret_of_letters_is_refused_only_for_an_impossible_length(
        text in "[A-Z2-7]{16,205}",
    ) {
        let expected = match text.len() % 8 {
            1 | 3 | 6 => Err(BadSeed::Length),
            _ => Ok(()),
        };
        prop_assert_eq!(Seed::from_base32(&text).map(drop), expected);
    }

    #[test]
    fn invisible_characters_blanks_and_dashes_in_a_secret_are_ignored(
        bytes in prop::collection::vec(any::<u8>(), 10..=128),
        unseen in prop::collection::vec((any::<Index>(), prop::sample::select(UNSEEN)), 1..20),
    ) {
        let seed = Seed::new(bytes).unwrap();
        let mut typed: Vec<char> = seed.to_base32().chars().collect();
        for (place, c) in unseen {
            typed.insert(place.index(typed.len() + 1), c);
        }
        let typed: String = typed.into_iter().collect();
        prop_assert_eq!(Seed::typed(&typed), Ok(TypedSeed { seed, spare: SpareBits::Zero }));
    }

    #[test]
    fn a_key_uri_that_is_accepted_is_written_and_read_as_the_same(
        text in prop_oneof![
            any::<String>(),
            "otpauth://(totp|hotp|steam)/[^?]{0,30}[?]?\\PC{0,100}",
            almost_a_uri(),
        ],
    ) {
        if let Ok(uri) = text.parse::<KeyUri>() {
            let written = uri.to_text();
            if written.len() <= 2_048 {
                prop_assert_eq!(written.parse(), Ok(uri));
            }
        }
    }
}

/// Parameters in any order, twice, missing, and with values that are right or nearly so.
fn almost_a_uri() -> impl Strategy<Value = String> {
    let parameter = prop_oneof![
        "secret=[A-Z2-7]{16,40}={0,6}",
        "secret=[A-Z2-7]{16}",
        "issuer=[A-Za-z:%20+]{0,10}",
        "algorithm=(SHA1|SHA256|sha512|MD5)",
        "digits=[+]?[0-9]{1,3}",
        "period=[0-9]{0,6}",
        "counter=[0-9]{0,21}",
        "\\PC{0,20}",
    ];
    let label = prop_oneof![
        "\\PC{0,20}",
        "[A-Za-z%20:]{1,20}",
        "[a-z]{1,5}(:|%3A|%3a)?(%20){0,2}[a-z]{0,5}"
    ];
    let parameters = prop::collection::vec(parameter, 0..6);
    ("(totp|hotp)", label, "[A-Z2-7]{32}", parameters).prop_map(
        |(kind, label, secret, parameters)| {
            format!("otpauth://{kind}/{label}?secret={secret}&counter=1&{}", parameters.join("&"))
        },
    )
}

/// The bits that symbols of base32 stand for, five each.
fn bits(symbols: &str) -> String {
    let value =
        |symbol: u8| if symbol.is_ascii_uppercase() { symbol - b'A' } else { symbol - b'2' + 26 };
    symbols.bytes().map(|symbol| format!("{:05b}", value(symbol))).collect()
}

/// RFC 4648 §6 by the letter: five bits at a time.
fn base32(bytes: &[u8]) -> String {
    let bits: String = bytes.iter().map(|byte| format!("{byte:08b}")).collect();
    let symbols = bits.as_bytes().chunks(5).map(|five| {
        let five = format!("{:0<5}", String::from_utf8_lossy(five));
        char::from(b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"[usize::from_str_radix(&five, 2).unwrap()])
    });
    symbols.collect()
}
