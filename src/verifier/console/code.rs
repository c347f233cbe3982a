//! The secret part of a one-time address.

use std::fmt;
use std::str::FromStr;

use zeroize::Zeroizing;

use crate::device::crockford;
use crate::store::{KeyError, Sealer, random};

/// The secret part of a one-time address: 130 random bits as 26 characters of Crockford base32.
/// `Debug` is redacted: its holder opens the address.
#[derive(Clone)]
pub struct LinkCode(Zeroizing<String>);

/// The text is no code of a one-time address. The message does not repeat it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a link's code is 26 letters and digits, in any case, with or without hyphens")]
pub struct BadLinkCode;

impl LinkCode {
    /// A new code.
    pub(super) fn random() -> Result<LinkCode, KeyError> {
        let bits = random::<17>()?;
        let mut text = Zeroizing::new(base32::encode(base32::Alphabet::Crockford, &bits[..]));
        text.truncate(LENGTH);
        Ok(LinkCode(text))
    }

    /// The code as it stands in an address.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for LinkCode {
    type Err = BadLinkCode;

    /// Case, hyphens and blanks are ignored; `O` is read as 0, `I` and `L` as 1.
    fn from_str(text: &str) -> Result<LinkCode, BadLinkCode> {
        let filled: Zeroizing<String> =
            Zeroizing::new(text.chars().filter(|c| !c.is_whitespace()).collect());
        crockford(&filled, LENGTH).map(LinkCode).ok_or(BadLinkCode)
    }
}

impl fmt::Debug for LinkCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("LinkCode(..)")
    }
}

impl Sealer {
    /// The id of the item that is opened by this code.
    pub(super) fn address_digest(&self, purpose: &str, code: &LinkCode) -> String {
        let digest = Zeroizing::new(self.digest(purpose, &[code.as_str().as_bytes()]));
        base32::encode(base32::Alphabet::Crockford, &digest[..])
    }
}

/// In characters.
const LENGTH: usize = 26;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_is_read_in_the_spellings_of_people() {
        let plain: LinkCode = "0123456789ABCDEFGHJKMNPQRS".parse().unwrap();
        for spelt in [
            "0123456789abcdefghjkmnpqrs",
            "O1234-56789-ABCDE-FGHJK-MNPQR-S",
            " oi23 4567 89AB CDEF GHJK MNPQ RS\n",
            "0L23456789\u{a0}ABCDEFGHJKMNPQRS",
        ] {
            assert_eq!(spelt.parse::<LinkCode>().unwrap().as_str(), plain.as_str(), "{spelt}");
        }
        for bad in ["", "0123456789ABCDEFGHJKMNPQR", "0123456789ABCDEFGHJKMNPQRST"] {
            assert!(bad.parse::<LinkCode>().is_err(), "{bad}");
        }
        for bad in ["U123456789ABCDEFGHJKMNPQRS", "0123456789ABCDEFGHJKMNPQR/"] {
            assert!(bad.parse::<LinkCode>().is_err(), "{bad}");
        }
    }

    #[test]
    fn a_new_code_has_26_characters_and_is_not_shown() {
        let [one, other] = [LinkCode::random().unwrap(), LinkCode::random().unwrap()];
        assert_eq!(one.as_str().parse::<LinkCode>().unwrap().as_str(), one.as_str());
        assert_ne!(one.as_str(), other.as_str());
        assert_eq!(format!("{one:?}"), "LinkCode(..)");
    }
}
