//! Refusals of a document, each with its place.

use std::fmt;

use thiserror::Error;

/// A place in a document.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Position {
    /// The line, counted from 1.
    pub line: usize,
    /// The column in characters, counted from 1.
    pub column: usize,
}

impl Position {
    /// The place of a byte of a text.
    pub(super) fn of(text: &str, at: usize) -> Position {
        Cursor::new(text).position(at)
    }
}

/// A place that moves through a text, so that many places cost one reading of it.
pub(super) struct Cursor<'t> {
    rest: &'t str,
    at: usize,
    position: Position,
}

impl<'t> Cursor<'t> {
    pub(super) fn new(text: &'t str) -> Cursor<'t> {
        Cursor { rest: text, at: 0, position: Position { line: 1, column: 1 } }
    }

    /// The place of a byte that is not before the last one asked for.
    pub(super) fn position(&mut self, at: usize) -> Position {
        let ahead = at.saturating_sub(self.at).min(self.rest.len());
        let (passed, rest) = self.rest.split_at_checked(ahead).unwrap_or((self.rest, ""));
        for character in passed.chars() {
            if character == '\n' {
                self.position.line = self.position.line.saturating_add(1);
                self.position.column = 1;
            } else {
                self.position.column = self.position.column.saturating_add(1);
            }
        }
        self.at = self.at.saturating_add(passed.len());
        self.rest = rest;
        self.position
    }
}

/// A document that is refused: a fault of its author.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum DocumentError {
    /// The text is no policy of this kind (`MalformedPolicyDocument`).
    #[error(transparent)]
    Malformed(#[from] Fault),
    /// The text is longer than its kind may be (`LimitExceeded`).
    #[error("{kind} has at most {limit} characters, this one has {found}")]
    TooLong {
        /// The kind of document, in words.
        kind: &'static str,
        /// The greatest number of characters.
        limit: usize,
        /// The number of characters that count.
        found: usize,
    },
    /// The session policy is longer than it may be (`PackedPolicyTooLarge`).
    #[error("a session policy has at most {limit} characters, this one has {found}")]
    PackedTooLarge {
        /// The greatest number of characters.
        limit: usize,
        /// The number of characters.
        found: usize,
    },
}

/// One fault of a document.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub struct Fault {
    /// The place of the value at fault.
    pub position: Position,
    /// The element at fault, as `Statement[0].Effect`; empty for the document itself.
    pub element: String,
    /// The fault, and the correction.
    pub message: String,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Position { line, column } = self.position;
        write!(f, "line {line}, column {column}")?;
        if !self.element.is_empty() {
            write!(f, ", {}", self.element)?;
        }
        write!(f, ": {}", self.message)
    }
}

/// A text as a message repeats it: in quotes, escaped, at most 64 characters.
pub(super) fn quoted(text: &str) -> String {
    let short: String = text.chars().take(64).collect();
    let more = if short.len() < text.len() { "…" } else { "" };
    format!("{short:?}{more}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_count_characters_from_one() {
        let text = "é{\n  \"ü\": 1";
        for (at, line, column) in [(0, 1, 1), (2, 1, 2), (4, 2, 1), (10, 2, 6), (99, 2, 9)] {
            assert_eq!(Position::of(text, at), Position { line, column }, "{at}");
        }
    }

    #[test]
    fn a_repeated_text_is_escaped_and_short() {
        assert_eq!(quoted("a\n\"b"), r#""a\n\"b""#);
        assert_eq!(quoted(&"x".repeat(65)), format!("\"{}\"…", "x".repeat(64)));
    }
}
