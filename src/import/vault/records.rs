//! Records of a small CSV file with cells of several lines, as password managers write notes.

use zeroize::Zeroizing;

use crate::import::Place;

/// The records of a text, in commas. An empty line is none.
pub(super) struct Records<'t> {
    rest: &'t str,
    line: u64,
}

impl<'t> Records<'t> {
    pub(super) fn of(text: &'t str) -> Records<'t> {
        Records { rest: text, line: 1 }
    }

    /// Takes a cell; true if it ends the record.
    fn cell(&mut self, cell: &mut Zeroizing<String>) -> bool {
        let mut rest = match self.rest.strip_prefix('"') {
            None => {
                let end = self.rest.find([',', '\n']).unwrap_or(self.rest.len());
                let (text, rest) = self.rest.split_at_checked(end).unwrap_or((self.rest, ""));
                *cell = Zeroizing::new(text.trim_end_matches('\r').to_owned());
                rest
            }
            Some(inner) => {
                let end = closing_quote(inner);
                let (text, rest) = inner.split_at_checked(end).unwrap_or((inner, ""));
                *cell = Zeroizing::new(text.replace("\"\"", "\""));
                rest.strip_prefix('"').unwrap_or(rest).trim_start_matches('\r')
            }
        };
        let is_last = match rest.chars().next() {
            Some(',') => false,
            Some('\n') | None => true,
            // Text behind a closing quote is passed over.
            Some(_) => {
                let end = rest.find([',', '\n']).unwrap_or(rest.len());
                rest = rest.get(end..).unwrap_or_default();
                !rest.starts_with(',')
            }
        };
        let after = rest.get(1..).unwrap_or_default();
        let taken = self.rest.len().saturating_sub(after.len());
        let passed = self.rest.get(..taken).unwrap_or_default();
        self.line += u64::try_from(passed.matches('\n').count()).unwrap_or(0);
        self.rest = after;
        is_last
    }
}

impl Iterator for Records<'_> {
    type Item = (Place, Vec<Zeroizing<String>>);

    fn next(&mut self) -> Option<Self::Item> {
        while let Some(rest) = self.rest.strip_prefix('\n').or(self.rest.strip_prefix("\r\n")) {
            self.rest = rest;
            self.line += 1;
        }
        if self.rest.is_empty() {
            return None;
        }
        let place = Place::Line(self.line);
        let mut cells = Vec::new();
        loop {
            let mut cell = Zeroizing::new(String::new());
            let is_last = self.cell(&mut cell);
            cells.push(cell);
            if is_last {
                return Some((place, cells));
            }
        }
    }
}

/// The position of the quotation mark that closes a cell; a doubled one is a character of it.
fn closing_quote(text: &str) -> usize {
    let mut marks = text.match_indices('"').map(|(at, _)| at).peekable();
    while let Some(at) = marks.next() {
        if marks.next_if_eq(&(at + 1)).is_none() {
            return at;
        }
    }
    text.len()
}
