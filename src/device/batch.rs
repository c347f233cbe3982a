//! The batch of a token: its maker numbers tokens in the order of their making.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::id::SerialNumber;

/// A batch of tokens: serial numbers that differ in their last four digits alone.
///
/// `AC26000014` belongs to `AC2600`. Serial numbers that do not end in four digits are one batch up
/// to their last separator, so that all generated ones (`totp-…`) are one.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Batch(String);

impl Batch {
    /// The batch of this serial number.
    pub fn of(serial: &SerialNumber) -> Batch {
        let text = serial.as_str();
        let named = text.rfind(SEPARATORS).map_or("", |last| &text[..=last]);
        let numbered = text.trim_end_matches(|last: char| last.is_ascii_digit());
        let own = &text[named.len()..];
        if text.len() - numbered.len() < DIGITS || is_generated(own) {
            return Batch(named.to_owned());
        }
        // Digits are ASCII, so the end of the rest is the end of a character.
        Batch(text[..text.len() - DIGITS].to_owned())
    }

    /// The serial numbers of the same batch whose numbers are at most `reach` from this one, the
    /// nearest first. None for a serial number without a number.
    pub fn neighbours(
        serial: &SerialNumber,
        reach: u16,
    ) -> impl Iterator<Item = SerialNumber> + use<> {
        let batch = Batch::of(serial);
        let number = serial.as_str().strip_prefix(batch.as_str());
        let number = number
            .filter(|number| number.len() == DIGITS)
            .and_then(|number| number.parse::<u16>().ok());
        let near = move |distance: u16| {
            let number = number?;
            let after = number.checked_add(distance).filter(|after| *after <= LAST);
            Some([after, number.checked_sub(distance)])
        };
        (1..=reach.min(LAST))
            .filter_map(near)
            .flatten()
            .flatten()
            .filter_map(move |number| format!("{batch}{number:04}").parse().ok())
    }

    /// The batch of tokens of which none is known.
    pub fn unknown() -> Batch {
        Batch(String::new())
    }

    /// The part that its serial numbers have in common.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Batch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// True for 80 random bits in base32, as a generated serial number ends: four digits at their end
/// are chance.
fn is_generated(text: &str) -> bool {
    text.len() == 16
        && text.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit())
        && text.bytes().any(|byte| byte.is_ascii_uppercase())
}

/// Digits in which the serial numbers of a batch differ.
const DIGITS: usize = 4;

const LAST: u16 = 9_999;

const SEPARATORS: [char; 7] = ['-', '_', '/', ':', '.', '@', '+'];

#[cfg(test)]
mod tests {
    use super::*;

    fn serial(text: &str) -> SerialNumber {
        text.parse().unwrap()
    }

    #[test]
    fn tokens_that_differ_in_their_last_four_digits_are_a_batch() {
        for (number, batch) in [
            ("AC26000014", "AC2600"),
            ("AC26009999", "AC2600"),
            ("GAHT12345678", "GAHT1234"),
            ("123456789", "12345"),
            ("token-0000123", "token-000"),
            ("totp-0123456789ABCDEF", "totp-"),
            ("totp-ABCDEFGHJKMN1234", "totp-"),
            ("arn:aws:iam::123456789012:mfa/user", "arn:aws:iam::123456789012:mfa/"),
            ("nothing-in-common", "nothing-in-"),
            ("withoutanything", ""),
        ] {
            assert_eq!(Batch::of(&serial(number)).as_str(), batch, "{number}");
        }
    }

    #[test]
    fn neighbours_are_near_and_of_the_same_batch() {
        let near = |number: &str, reach| {
            let serial = serial(number);
            let near = Batch::neighbours(&serial, reach);
            near.map(String::from).collect::<Vec<String>>()
        };
        assert_eq!(near("AC26000014", 2), ["AC26000015", "AC26000013", "AC26000016", "AC26000012"]);
        assert_eq!(near("AC26000000", 2), ["AC26000001", "AC26000002"]);
        assert_eq!(near("AC26009999", 1), ["AC26009998"]);
        assert_eq!(near("AC26000014", 10).len(), 20);
        assert_eq!(near("totp-ABCDEFGHJKMN1234", 10), Vec::<String>::new());
        assert_eq!(near("withoutanything", 10), Vec::<String>::new());
        assert_eq!(near("AC26000014", u16::MAX).len(), 9_999);
    }
}
