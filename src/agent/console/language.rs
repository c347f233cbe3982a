//! The languages of the console, and how each writes numbers.

use crate::agent::console::english::ENGLISH;
use crate::agent::console::german::GERMAN;
use crate::agent::console::words::Words;

/// A language of the console.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Language {
    /// English: where a browser asks for none of ours.
    #[default]
    English,
    /// German.
    German,
}

impl Language {
    /// All of them.
    pub(crate) const ALL: [Language; 2] = [Language::English, Language::German];

    /// The words.
    pub(crate) fn words(self) -> &'static Words {
        match self {
            Language::English => &ENGLISH,
            Language::German => &GERMAN,
        }
    }

    /// The tag in `lang` and in the form that switches (BCP 47).
    pub(crate) fn tag(self) -> &'static str {
        match self {
            Language::English => "en",
            Language::German => "de",
        }
    }

    /// The language with this tag.
    pub(crate) fn of_tag(tag: &str) -> Option<Language> {
        Language::ALL.into_iter().find(|language| language.tag() == tag)
    }

    /// The language to switch to.
    pub(crate) fn other(self) -> Language {
        match self {
            Language::English => Language::German,
            Language::German => Language::English,
        }
    }

    /// The best of ours for the value of `Accept-Language` (RFC 9110 §12.5.4). A region is not
    /// looked at; the first of equal ones counts.
    pub(crate) fn accepted(header: &str) -> Language {
        let mut best = (Language::default(), 0.0);
        // Longer lists than people make are not read to their end.
        for range in header.split(',').take(MOST_RANGES) {
            let (range, weight) = range.split_once(';').unwrap_or((range, "q=1"));
            let weight = weight.trim().strip_prefix("q=").and_then(|text| text.parse().ok());
            let weight = weight.filter(|weight: &f64| (0.0..=1.0).contains(weight)).unwrap_or(0.0);
            let primary = range.trim().split('-').next().unwrap_or_default().to_ascii_lowercase();
            if let Some(language) = Language::of_tag(&primary).filter(|_| weight > best.1) {
                best = (language, weight);
            }
        }
        best.0
    }

    /// A whole number, its thousands apart.
    pub(crate) fn number(self, number: u64) -> String {
        let digits = number.to_string();
        let mut text = String::new();
        for (index, digit) in digits.chars().enumerate() {
            if index > 0 && (digits.len() - index).is_multiple_of(3) {
                text.push(self.thousands());
            }
            text.push(digit);
        }
        text
    }

    /// A number to one decimal, without the sign; whole ones stay whole.
    pub(crate) fn decimal(self, number: f64) -> String {
        let text = format!("{:.1}", number.abs());
        match text.strip_suffix(".0") {
            Some(whole) => whole.to_owned(),
            None => text.replace('.', self.point()),
        }
    }

    fn thousands(self) -> char {
        match self {
            Language::English => ',',
            Language::German => '.',
        }
    }

    fn point(self) -> &'static str {
        match self {
            Language::English => ".",
            Language::German => ",",
        }
    }
}

/// Most ranges of a header that are read.
const MOST_RANGES: usize = 32;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_best_language_of_a_browser_is_chosen() {
        for (header, language) in [
            ("", Language::English),
            ("de", Language::German),
            ("de-AT", Language::German),
            ("DE", Language::German),
            ("en-GB, de;q=0.9", Language::English),
            ("fr, de;q=0.5, en;q=0.4", Language::German),
            ("fr, en;q=0.4, de;q=0.4", Language::English),
            ("de;q=0", Language::English),
            ("de;q=x, en;q=0.1", Language::English),
            ("de;q=NaN", Language::English),
            ("*", Language::English),
            ("dex", Language::English),
        ] {
            assert_eq!(Language::accepted(header), language, "{header}");
        }
    }

    #[test]
    fn numbers_are_written_as_each_language_does() {
        let (english, german) = (Language::English, Language::German);
        assert_eq!(english.number(59_482_771), "59,482,771");
        assert_eq!(german.number(59_482_771), "59.482.771");
        assert_eq!((english.number(0), english.number(999)), ("0".to_owned(), "999".to_owned()));
        assert_eq!(english.number(1_000), "1,000");
        assert_eq!((english.decimal(-1.44), german.decimal(1.46)), ("1.4".into(), "1,5".into()));
        assert_eq!(german.decimal(2.04), "2");
    }
}
