//! A line of a table as cells (RFC 4180).

use std::ops::Range;

use zeroize::Zeroizing;

/// The cells of a line: their texts in one buffer that is wiped and used again.
pub(super) struct Cells {
    text: Zeroizing<String>,
    cells: Vec<Range<usize>>,
}

/// The end of a line that was split.
#[derive(Debug, PartialEq)]
pub(super) enum Split {
    /// Every cell is whole.
    Whole,
    /// A quotation mark is open at the end.
    Open,
    /// Text follows a closing quotation mark.
    Odd,
}

impl Cells {
    pub(super) fn new() -> Cells {
        Cells { text: Zeroizing::new(String::new()), cells: Vec::with_capacity(16) }
    }

    /// Takes the cells of `line`.
    pub(super) fn split(&mut self, line: &str, delimiter: char) -> Split {
        if self.text.capacity() < line.len() {
            // Room for the whole line: a buffer that grows leaves copies behind.
            self.text = Zeroizing::new(String::with_capacity(line.len().saturating_mul(2)));
        }
        self.text.clear();
        self.cells.clear();
        let mut rest = Some(line);
        while let Some(line) = rest {
            let begin = self.text.len();
            let blank = |c: char| c.is_whitespace() && c != delimiter;
            let quoted = line.trim_start_matches(blank);
            rest = match quoted.strip_prefix('"') {
                None => {
                    let (cell, rest) = parted(line, delimiter);
                    self.text.push_str(cell.trim());
                    rest
                }
                Some(inner) => match self.quoted(inner) {
                    None => return Split::Open,
                    Some(behind) => {
                        let (between, rest) = parted(behind, delimiter);
                        if !between.trim().is_empty() {
                            return Split::Odd;
                        }
                        rest
                    }
                },
            };
            self.cells.push(begin..self.text.len());
            if self.cells.len() == MOST_CELLS {
                break;
            }
        }
        Split::Whole
    }

    /// Takes the text up to the closing quotation mark; the rest is what follows.
    fn quoted<'a>(&mut self, mut inner: &'a str) -> Option<&'a str> {
        loop {
            let (part, rest) = inner.split_once('"')?;
            self.text.push_str(part);
            inner = match rest.strip_prefix('"') {
                None => return Some(rest),
                Some(rest) => rest,
            };
            self.text.push('"');
        }
    }

    /// A cell without blanks around it; one that the line does not have is empty.
    pub(super) fn get(&self, at: usize) -> &str {
        let range = self.cells.get(at).cloned();
        let cell = range.and_then(|range| self.text.get(range)).unwrap_or("").trim();
        // A formula of a text keeps spreadsheets from changing it.
        let formula = cell.strip_prefix("=\"").and_then(|text| text.strip_suffix('"'));
        formula.unwrap_or(cell).trim()
    }

    /// Number of cells, without empty ones at the end.
    pub(super) fn count(&self) -> usize {
        let last = (0..self.cells.len()).rev().find(|at| !self.get(*at).is_empty());
        last.map_or(0, |last| last + 1)
    }
}

/// The text before the first delimiter, and what follows it, if there is one.
fn parted(line: &str, delimiter: char) -> (&str, Option<&str>) {
    match line.split_once(delimiter) {
        None => (line, None),
        Some((cell, rest)) => (cell, Some(rest)),
    }
}

/// The delimiter that a line has most often outside of quotation marks; a comma if it has none.
pub(super) fn delimiter_of(line: &str) -> char {
    let count = |delimiter: char| {
        let mut quoted = false;
        let is_counted = |c: &char| {
            quoted ^= *c == '"';
            *c == delimiter && !quoted
        };
        line.chars().filter(is_counted).count()
    };
    // The last of several maxima is taken: the comma.
    DELIMITERS
        .iter()
        .copied()
        .rev()
        .max_by_key(|delimiter| count(*delimiter))
        .unwrap_or(',')
}

/// Delimiters of tables in the wild, the usual one first.
pub(super) const DELIMITERS: &[char] = &[',', ';', '\t', '|'];

/// Cells that are read of a line. No table has as many columns.
const MOST_CELLS: usize = 256;

#[cfg(test)]
mod tests {
    use super::*;

    fn cells(line: &str, delimiter: char) -> Result<Vec<String>, Split> {
        let mut cells = Cells::new();
        match cells.split(line, delimiter) {
            Split::Whole => Ok((0..cells.count()).map(|at| cells.get(at).to_owned()).collect()),
            split => Err(split),
        }
    }

    #[test]
    fn quotes_hold_delimiters_and_doubled_quotes() {
        assert_eq!(cells("a, \"b,c\" ,\"d\"\"e\",", ',').unwrap(), ["a", "b,c", "d\"e"]);
        assert_eq!(cells("a\t\t\"b\"", '\t').unwrap(), ["a", "", "b"]);
        assert_eq!(cells("", ',').unwrap(), [""; 0]);
        assert_eq!(cells("=\"007\",\"=\"\"008\"\"\"", ',').unwrap(), ["007", "008"]);
        assert_eq!(cells("a\"b,c", ',').unwrap(), ["a\"b", "c"]);
    }

    #[test]
    fn open_and_odd_quotes_are_told() {
        assert_eq!(cells("a,\"b,c", ','), Err(Split::Open));
        assert_eq!(cells("\"a\"b,c", ','), Err(Split::Odd));
    }

    #[test]
    fn the_most_frequent_delimiter_is_found() {
        assert_eq!(delimiter_of("a;b;c,d"), ';');
        assert_eq!(delimiter_of("a\tb"), '\t');
        assert_eq!(delimiter_of("\"a;b;c\",d"), ',');
        assert_eq!(delimiter_of("a"), ',');
    }
}
