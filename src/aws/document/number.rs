//! Decimal numbers, compared exactly.

use std::cmp::Ordering;

/// A decimal number as it is written: digits, at most one point, at most one sign, no exponent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Decimal {
    negative: bool,
    /// Digits before the point without leading zeros.
    whole: String,
    /// Digits behind the point without trailing zeros.
    fraction: String,
}

impl Decimal {
    /// Reads a number; `None` for what is none.
    pub(super) fn parse(text: &str) -> Option<Decimal> {
        let (negative, digits) = match text.strip_prefix(['-', '+']) {
            Some(digits) => (text.starts_with('-'), digits),
            None => (false, text),
        };
        let (whole, fraction) = digits.split_once('.').unwrap_or((digits, "0"));
        let are_digits =
            |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        if !are_digits(whole) || !are_digits(fraction) {
            return None;
        }
        let whole = whole.trim_start_matches('0').to_owned();
        let fraction = fraction.trim_end_matches('0').to_owned();
        // Zero has no sign.
        let negative = negative && !(whole.is_empty() && fraction.is_empty());
        Some(Decimal { negative, whole, fraction })
    }

    fn magnitude(&self) -> (usize, &str, &str) {
        (self.whole.len(), &self.whole, &self.fraction)
    }
}

impl Ord for Decimal {
    fn cmp(&self, other: &Decimal) -> Ordering {
        match (self.negative, other.negative) {
            (false, false) => self.magnitude().cmp(&other.magnitude()),
            (true, true) => other.magnitude().cmp(&self.magnitude()),
            (true, false) => Ordering::Less,
            (false, true) => Ordering::Greater,
        }
    }
}

impl PartialOrd for Decimal {
    fn partial_cmp(&self, other: &Decimal) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_ordered() {
        let ascending = [
            "-9007199254740993",
            "-10.5",
            "-10",
            "-9.25",
            "0",
            "0.09",
            "0.1",
            "0.11",
            "9",
            "10",
            "9007199254740992",
            "9007199254740993",
        ];
        let numbers = ascending.map(|text| Decimal::parse(text).unwrap());
        assert!(numbers.is_sorted_by(|a, b| a < b));
    }

    #[test]
    fn a_number_has_many_spellings() {
        for (a, b) in [("007", "7"), ("+7", "7.0"), ("-0", "0"), ("0.50", "00.5")] {
            assert_eq!(Decimal::parse(a), Decimal::parse(b), "{a}");
        }
    }

    #[test]
    fn other_texts_are_no_numbers() {
        for text in ["", "-", "1.", ".5", "1e3", "0x1", " 1", "1 ", "1.2.3", "--1", "NaN", "１"] {
            assert_eq!(Decimal::parse(text), None, "{text}");
        }
    }
}
