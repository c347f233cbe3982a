//! Patterns of `*` and `?`, matched in time linear in the text.
//!
//! A pattern is cut at its `*`. The first and the last piece are anchored; each piece between them
//! is found at its leftmost place, behind which the next one is sought, so that the text is read
//! once. A piece without `?` is found by the standard library's search, which is linear (Two-Way);
//! one with `?` by the Shift-And automaton (Baeza-Yates and Gonnet, 1992), of which one step costs
//! a word for 64 characters of the piece.

use std::collections::BTreeMap;

/// One element of a pattern.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Token {
    /// Characters that stand for themselves.
    Text(String),
    /// `?`: exactly one character.
    One,
    /// `*`: any characters, or none at all.
    Many,
}

/// A pattern, ready to match.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Glob {
    first: Piece,
    /// The pieces behind each `*`.
    others: Vec<Piece>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Piece {
    Text(String),
    Holes(Holes),
}

/// A piece with `?` in it.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Holes {
    characters: Vec<Option<char>>,
    /// Bit `i`: position `i` is a `?`.
    holes: Vec<u64>,
    /// Bit of the last position in the last word.
    last: u64,
    /// For each character the words with a bit at its positions, in order: sparse, so that the
    /// memory is linear in the piece.
    places: BTreeMap<char, Vec<(usize, u64)>>,
}

impl Glob {
    pub(super) fn new(tokens: impl IntoIterator<Item = Token>) -> Glob {
        let mut pieces = vec![Vec::new()];
        for token in tokens {
            match (token, pieces.last_mut()) {
                (Token::Many, _) | (_, None) => pieces.push(Vec::new()),
                (Token::One, Some(piece)) => piece.push(None),
                (Token::Text(text), Some(piece)) => piece.extend(text.chars().map(Some)),
            }
        }
        let mut pieces = pieces.into_iter().map(Piece::new);
        let first = pieces.next().unwrap_or(Piece::Text(String::new()));
        Glob { first, others: pieces.collect() }
    }

    /// The pattern of a text in which every `*` and `?` is a wildcard.
    pub(super) fn wild(text: &str) -> Glob {
        Glob::new(text.chars().map(|character| match character {
            '*' => Token::Many,
            '?' => Token::One,
            character => Token::Text(character.to_string()),
        }))
    }

    /// True if the whole text fits the pattern.
    pub(super) fn matches(&self, text: &str) -> bool {
        let Some((last, middle)) = self.others.split_last() else {
            return self.first.behind(text) == Some("");
        };
        let ends = self.first.behind(text).and_then(|text| last.before(text));
        ends.and_then(|text| middle.iter().try_fold(text, |text, piece| piece.find(text)))
            .is_some()
    }
}

impl Piece {
    fn new(characters: Vec<Option<char>>) -> Piece {
        let text: Option<String> = characters.iter().copied().collect();
        text.map_or_else(|| Piece::Holes(Holes::new(characters)), Piece::Text)
    }

    /// The text behind this piece, if it begins with it.
    fn behind<'t>(&self, text: &'t str) -> Option<&'t str> {
        match self {
            Piece::Text(piece) => text.strip_prefix(piece.as_str()),
            Piece::Holes(piece) => {
                let mut rest = text.chars();
                let fits = |wanted: &Option<char>| {
                    rest.next().is_some_and(|c| wanted.is_none_or(|wanted| wanted == c))
                };
                piece.characters.iter().all(fits).then_some(rest.as_str())
            }
        }
    }

    /// The text before this piece, if it ends with it.
    fn before<'t>(&self, text: &'t str) -> Option<&'t str> {
        match self {
            Piece::Text(piece) => text.strip_suffix(piece.as_str()),
            Piece::Holes(piece) => {
                let mut rest = text.chars();
                let fits = |wanted: &Option<char>| {
                    rest.next_back().is_some_and(|c| wanted.is_none_or(|wanted| wanted == c))
                };
                piece.characters.iter().rev().all(fits).then_some(rest.as_str())
            }
        }
    }

    /// The text behind the leftmost place of this piece.
    fn find<'t>(&self, text: &'t str) -> Option<&'t str> {
        match self {
            Piece::Text(piece) => {
                let rest = text.split_once(piece.as_str()).map(|(_, rest)| rest);
                spend(text.len().saturating_sub(rest.map_or(0, str::len)));
                rest
            }
            Piece::Holes(piece) => piece.find(text),
        }
    }
}

impl Holes {
    fn new(characters: Vec<Option<char>>) -> Holes {
        let mut holes = vec![0; characters.len().div_ceil(WORD)];
        let mut places: BTreeMap<char, Vec<(usize, u64)>> = BTreeMap::new();
        let mut bit = 1_u64;
        for (at, character) in characters.iter().enumerate() {
            let word = at / WORD;
            match (character, holes.get_mut(word)) {
                (Some(character), _) => {
                    let words = places.entry(*character).or_default();
                    match words.last_mut().filter(|(last, _)| *last == word) {
                        Some((_, bits)) => *bits |= bit,
                        None => words.push((word, bit)),
                    }
                }
                (None, Some(bits)) => *bits |= bit,
                (None, None) => {}
            }
            bit = bit.rotate_left(1);
        }
        Holes { characters, holes, last: bit.rotate_right(1), places }
    }

    fn find<'t>(&self, text: &'t str) -> Option<&'t str> {
        if text.len() < self.characters.len() {
            return None;
        }
        // Bit `i` of the state: the text so far ends with the first `i + 1` characters.
        let mut state = vec![0_u64; self.holes.len()];
        let mut rest = text.chars();
        while let Some(character) = rest.next() {
            let mut words = self.places.get(&character).into_iter().flatten().peekable();
            let mut carry = 1;
            for (word, (bits, holes)) in state.iter_mut().zip(&self.holes).enumerate() {
                let here = words.next_if(|(at, _)| *at == word).map_or(0, |(_, bits)| *bits);
                let shifted = *bits << 1 | carry;
                carry = *bits >> 63;
                *bits = shifted & (holes | here);
            }
            spend(state.len());
            if state.last().is_some_and(|bits| bits & self.last != 0) {
                return Some(rest.as_str());
            }
        }
        None
    }
}

/// Characters of a piece in a word of the state.
const WORD: usize = 64;

#[cfg(not(test))]
fn spend(_steps: usize) {}

#[cfg(test)]
thread_local! {
    static STEPS: std::cell::Cell<usize> = const { std::cell::Cell::new(0) };
}

/// Counts bytes searched and words of the automaton.
#[cfg(test)]
fn spend(steps: usize) {
    STEPS.set(STEPS.get() + steps);
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The definition, in exponential time.
    fn plain(pattern: &[char], text: &[char]) -> bool {
        match (pattern.split_first(), text.split_first()) {
            (None, None) => true,
            (Some(('*', rest)), None) => plain(rest, text),
            (Some(('*', rest)), Some((_, later))) => plain(rest, text) || plain(pattern, later),
            (Some(('?', rest)), Some((_, later))) => plain(rest, later),
            (Some((c, rest)), Some((d, later))) => c == d && plain(rest, later),
            _ => false,
        }
    }

    fn steps(pattern: &str, text: &str) -> usize {
        STEPS.set(0);
        assert!(!Glob::wild(pattern).matches(text));
        STEPS.get()
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(4_000))]

        #[test]
        fn the_definition_is_met(pattern in "[ab?*é]{0,9}", text in "[abé]{0,12}") {
            let [p, t]: [Vec<char>; 2] = [&pattern, &text].map(|it| it.chars().collect());
            let matched = Glob::wild(&pattern).matches(&text);
            prop_assert_eq!(matched, plain(&p, &t), "{} {}", pattern, text);
        }
    }

    #[test]
    fn pieces_of_more_than_a_word_are_found() {
        for length in [63, 64, 65, 127, 128, 129, 200] {
            let piece = format!("a?{}", "c".repeat(length - 2));
            let text = format!("aab{}xx", "c".repeat(length - 2));
            assert!(Glob::wild(&format!("*{piece}*")).matches(&text), "{length}");
            assert!(!Glob::wild(&format!("*{piece}c*")).matches(&text), "{length}");
        }
    }

    #[test]
    fn stars_cost_one_reading_of_the_text() {
        let text = "a".repeat(2_048);
        for count in [8, 64, 1_024] {
            let stars = format!("{}b*", "*a".repeat(count));
            assert!(steps(&stars, &text) <= 2 * text.len(), "{count}");
        }
    }

    #[test]
    fn question_marks_cost_a_word_for_64_characters() {
        let text = "a".repeat(2_048);
        for count in [8, 64, 500] {
            let holes = format!("*{}b*", "a?".repeat(count));
            let words = (2 * count + 1).div_ceil(64);
            assert!(steps(&holes, &text) <= text.len() * words, "{count}");
            let apart = format!("{}b*", "*a?".repeat(count));
            assert!(steps(&apart, &text) <= 2 * text.len(), "{count}");
        }
    }
}
