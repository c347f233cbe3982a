//! Comparison of account names: `[accounts]`.

use std::borrow::Cow;

use serde::Deserialize;
use unicase::UniCase;
use unicode_normalization::UnicodeNormalization;

/// Comparison of account names.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct AccountsConfig {
    /// The names that are one account.
    pub fold: Fold,
}

/// The names that are one account. The difference between them is folded away before a name is
/// looked up or stored.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Fold {
    /// Names with the same bytes.
    #[default]
    None,
    /// Names that differ in case alone, by the full case folding of Unicode (TUS §3.13,
    /// `toCasefold`).
    Case,
    /// Names with composed or with combining characters (UAX #15, NFC).
    Nfc,
    /// Names that differ in either way.
    Both,
}

impl Fold {
    /// The one spelling of all names that are one account. Folding it again changes nothing.
    pub fn apply(self, name: &str) -> Cow<'_, str> {
        // Normalization and folding can each undo the other's work on a few letters; two rounds
        // settle all of them.
        let once = |name: &str| -> String {
            match self {
                Fold::None => name.to_owned(),
                Fold::Case => UniCase::unicode(name).to_folded_case(),
                Fold::Nfc => name.nfc().collect(),
                Fold::Both => UniCase::unicode(name.nfd().collect::<String>())
                    .to_folded_case()
                    .nfc()
                    .collect(),
            }
        };
        let mut folded = Cow::Borrowed(name);
        for _ in 0..ROUNDS {
            let next = once(&folded);
            if next == *folded {
                break;
            }
            folded = Cow::Owned(next);
        }
        folded
    }
}

const ROUNDS: usize = 4;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn names_that_differ_in_what_is_folded_are_one() {
        for (fold, one, other) in [
            (Fold::Case, "jdoe", "JDoe"),
            (Fold::Case, "STRASSE", "straße"),
            (Fold::Case, "ΣΊΣΥΦΟΣ", "σίσυφος"),
            (Fold::Case, "ǅ", "ǆ"),
            (Fold::Nfc, "Zoe\u{308}", "Zo\u{eb}"),
            (Fold::Nfc, "\u{212b}", "\u{c5}"),
            (Fold::Nfc, "\u{1100}\u{1161}", "\u{ac00}"),
            (Fold::Both, "ZOE\u{308}", "zo\u{eb}"),
            (Fold::Both, "A\u{345}\u{301}", "a\u{301}\u{345}"),
        ] {
            assert_eq!(fold.apply(one), fold.apply(other), "{fold:?}: {one} {other}");
        }
    }

    #[test]
    fn names_that_differ_in_anything_else_stay_apart() {
        for (fold, one, other) in [
            (Fold::None, "jdoe", "Jdoe"),
            (Fold::None, "e\u{301}", "\u{e9}"),
            (Fold::Case, "e\u{301}", "\u{e9}"),
            (Fold::Nfc, "jdoe", "Jdoe"),
            (Fold::Both, "jdoe", "jdoé"),
            // Turkish: no language is folded by rules of its own.
            (Fold::Both, "ı", "i"),
            (Fold::Both, "①", "1"),
        ] {
            assert_ne!(fold.apply(one), fold.apply(other), "{fold:?}: {one} {other}");
        }
    }

    /// Each character of the planes that have letters with case, alone and between a letter and two
    /// marks.
    #[test]
    fn folding_again_changes_nothing_for_any_character() {
        for c in '\0'..='\u{1ffff}' {
            for name in [c.to_string(), format!("A{c}\u{345}\u{301}")] {
                for fold in [Fold::Case, Fold::Nfc, Fold::Both] {
                    let folded = fold.apply(&name).into_owned();
                    assert_eq!(fold.apply(&folded), folded, "{fold:?}: {name:?}");
                }
            }
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig {
            failure_persistence: None,
            ..ProptestConfig::with_cases(2_000)
        })]

        #[test]
        fn folding_again_changes_nothing_for_any_name(name in any::<String>()) {
            for fold in [Fold::None, Fold::Case, Fold::Nfc, Fold::Both] {
                let folded = fold.apply(&name).into_owned();
                prop_assert!(fold.apply(&folded) == folded, "{:?}: {:?}", fold, name);
            }
        }

        #[test]
        fn the_case_of_a_name_does_not_matter_where_it_is_folded(
            name in "[A-Za-zÀ-ÿĀ-žΑ-ωА-я]{0,20}",
        ) {
            for fold in [Fold::Case, Fold::Both] {
                let (upper, lower) = (name.to_uppercase(), name.to_uppercase().to_lowercase());
                prop_assert_eq!(fold.apply(&upper), fold.apply(&lower));
            }
        }
    }
}
