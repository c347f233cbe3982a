//! The beginning of a file, by which its format is recognised.

use zeroize::Zeroizing;

/// The beginning of a file, as text: at most 4 KiB, without a byte order mark. Bytes that are no
/// text are replaced.
pub(super) struct Head<'a>(pub(super) &'a str);

/// The text of the first bytes of a file, UTF-16 if a byte order mark says so.
pub(super) fn text(begun: &[u8]) -> Zeroizing<String> {
    // Room for every character: a text that grows leaves copies of secrets behind.
    let mut text = Zeroizing::new(String::with_capacity(begun.len().saturating_mul(3)));
    let mut push_units = |bytes: &[u8], unit: fn([u8; 2]) -> u16| {
        let units = bytes.as_chunks().0.iter().map(|bytes| unit(*bytes));
        let characters = char::decode_utf16(units);
        text.extend(characters.map(|c| c.unwrap_or(char::REPLACEMENT_CHARACTER)));
    };
    match begun {
        [0xff, 0xfe, rest @ ..] => push_units(rest, u16::from_le_bytes),
        [0xfe, 0xff, rest @ ..] => push_units(rest, u16::from_be_bytes),
        [0xef, 0xbb, 0xbf, rest @ ..] | rest => {
            for chunk in rest.utf8_chunks() {
                text.push_str(chunk.valid());
                if !chunk.invalid().is_empty() {
                    text.push(char::REPLACEMENT_CHARACTER);
                }
            }
        }
    }
    text
}

impl Head<'_> {
    /// True if the beginning has this text in any case. No copy is made: it may hold secrets.
    pub(super) fn has(&self, text: &str) -> bool {
        let mut windows = self.0.as_bytes().windows(text.len());
        windows.any(|window| window.eq_ignore_ascii_case(text.as_bytes()))
    }

    /// The first line that is neither blank nor a comment.
    pub(super) fn first_line(&self) -> &str {
        let mut lines = self.0.lines().map(str::trim);
        lines.find(|line| !line.is_empty() && !line.starts_with('#')).unwrap_or("")
    }

    /// True for a JSON object whose beginning has these members, at any depth.
    pub(super) fn is_object_with(&self, members: &[&str]) -> bool {
        self.0.trim_start().starts_with('{') && members.iter().all(|name| self.has_member(name))
    }

    /// True for a JSON list whose beginning has these members, at any depth.
    pub(super) fn is_list_with(&self, members: &[&str]) -> bool {
        self.0.trim_start().starts_with('[') && members.iter().all(|name| self.has_member(name))
    }

    /// True if a member of that name stands somewhere in the beginning.
    pub(super) fn has_member(&self, name: &str) -> bool {
        self.0.match_indices(name).any(|(at, _)| {
            let before = self.0.get(..at).unwrap_or_default();
            let behind = self.0.get(at + name.len()..).unwrap_or_default();
            let behind = behind.strip_prefix('"').map(str::trim_start);
            before.ends_with('"') && behind.is_some_and(|behind| behind.starts_with(':'))
        })
    }
}
