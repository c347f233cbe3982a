//! Percent-encoding as the signature wants it (RFC 3986 §2): every byte but the unreserved ones,
//! with digits in capitals.

use std::borrow::Cow;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, percent_encode};

/// A `%` without two hexadecimal digits behind it.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct BadEscape;

/// The encoding of what a text means. An octet that came plain and the same octet that came
/// escaped become one text. In a query, `+` is a space, as forms have it.
pub(super) fn recoded(text: &str, plus: Plus) -> Result<Cow<'_, str>, BadEscape> {
    if is_canonical(text.as_bytes())? {
        return Ok(Cow::Borrowed(text));
    }
    let spaced = match plus {
        Plus::IsSpace if text.contains('+') => Cow::Owned(text.replace('+', " ")),
        Plus::IsSpace | Plus::IsPlus => Cow::Borrowed(text),
    };
    let decoded: Cow<'_, [u8]> = percent_decode_str(&spaced).into();
    Ok(Cow::Owned(encoded(&decoded)))
}

/// The encoding of octets that are taken as they stand: a `%` among them becomes `%25`.
pub(super) fn encoded(octets: &[u8]) -> String {
    percent_encode(octets, RESERVED).to_string()
}

/// The encoding of a path that is taken as it stands: slashes separate.
pub(super) fn encoded_path(path: &str) -> Cow<'_, str> {
    percent_encode(path.as_bytes(), RESERVED_IN_PATH).into()
}

/// The text that an encoding means; `None` if it is no UTF-8.
pub(super) fn decoded(encoding: &str) -> Option<String> {
    percent_decode_str(encoding).decode_utf8().ok().map(Cow::into_owned)
}

/// Meaning of `+`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Plus {
    IsSpace,
    IsPlus,
}

/// True if encoding what the text means gives the same text.
fn is_canonical(text: &[u8]) -> Result<bool, BadEscape> {
    let (mut canonical, mut rest) = (true, text);
    while let Some((first, behind)) = rest.split_first() {
        rest = behind;
        if *first == b'%' {
            let (digits, behind) = rest.split_first_chunk::<2>().ok_or(BadEscape)?;
            if !digits.iter().all(u8::is_ascii_hexdigit) {
                return Err(BadEscape);
            }
            // A lower digit, or an escape of an octet that needs none.
            canonical &= digits.iter().all(|digit| !digit.is_ascii_lowercase())
                && !octet(*digits).is_some_and(is_unreserved);
            rest = behind;
        } else {
            canonical &= is_unreserved(*first);
        }
    }
    Ok(canonical)
}

fn octet(digits: [u8; 2]) -> Option<u8> {
    u8::from_str_radix(std::str::from_utf8(&digits).ok()?, 16).ok()
}

fn is_unreserved(octet: u8) -> bool {
    octet.is_ascii_alphanumeric() || b"-._~".contains(&octet)
}

/// RFC 3986 §2.3, from the other side.
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

const RESERVED_IN_PATH: &AsciiSet = &RESERVED.remove(b'/');

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_meanings_have_one_encoding() {
        for (text, canonical) in [
            ("", ""),
            ("az09-._~", "az09-._~"),
            ("%7E%41", "~A"),
            ("%e1%88%b4", "%E1%88%B4"),
            ("ሴ", "%E1%88%B4"),
            ("a+b", "a%20b"),
            ("a%2bb", "a%2Bb"),
            ("a%20b", "a%20b"),
            ("a=b/c", "a%3Db%2Fc"),
            ("%ff", "%FF"),
        ] {
            assert_eq!(recoded(text, Plus::IsSpace).as_deref(), Ok(canonical), "{text}");
            assert_eq!(recoded(canonical, Plus::IsSpace).as_deref(), Ok(canonical));
        }
        assert_eq!(recoded("a+b", Plus::IsPlus).as_deref(), Ok("a%2Bb"));
    }

    #[test]
    fn escapes_without_two_digits_are_refused() {
        for text in ["%", "a%4", "%g0", "%0g", "%%41", "%+1", "é%"] {
            assert_eq!(recoded(text, Plus::IsSpace), Err(BadEscape), "{text}");
        }
    }

    #[test]
    fn octets_taken_as_they_stand_are_encoded_once_more() {
        assert_eq!(encoded("%41 +".as_bytes()), "%2541%20%2B");
        assert_eq!(encoded_path("/a%2F b/"), "/a%252F%20b/");
        assert_eq!(decoded("%41%20b"), Some("A b".to_owned()));
        assert_eq!(decoded("%FF"), None);
    }
}
