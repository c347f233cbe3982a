//! Records of a table: lines with cells, bounded, with the numbers that an editor shows.

use std::collections::VecDeque;
use std::io::BufRead;

use zeroize::Zeroizing;

use crate::import::found::Out;
use crate::import::lines::Lines;
use crate::import::tables::split::{Cells, DELIMITERS, Split, delimiter_of};
use crate::import::{Place, Problem, ProblemCode, Stop};

/// The records of a table. Blank lines and comments are passed over.
pub(super) struct Rows<'a> {
    lines: Lines<'a>,
    /// Lines that were read while the end of a quoted cell was looked for.
    ahead: VecDeque<(Place, Zeroizing<String>)>,
    delimiter: Option<char>,
    cells: Cells,
    /// The record before it is split.
    text: Zeroizing<String>,
}

/// A record.
pub(super) struct Row<'a> {
    /// The line at which it begins.
    pub(super) place: Place,
    cells: &'a Cells,
    text: &'a str,
    delimiter: char,
}

impl<'a> Rows<'a> {
    /// The records of a file; without a delimiter, the first record tells it.
    pub(super) fn of(input: &'a mut dyn BufRead, delimiter: Option<char>) -> Rows<'a> {
        Rows {
            lines: Lines::of(input),
            ahead: VecDeque::new(),
            delimiter,
            cells: Cells::new(),
            text: Zeroizing::new(String::with_capacity(ROOM)),
        }
    }

    /// The next record; `None` at the end. Lines with wrong quotation marks are told.
    pub(super) fn next(&mut self, out: &mut Out<'_>) -> Result<Option<Row<'_>>, Stop> {
        let Some(place) = self.advance(out)? else { return Ok(None) };
        let delimiter = self.delimiter.unwrap_or(',');
        Ok(Some(Row { place, cells: &self.cells, text: &self.text, delimiter }))
    }

    /// Splits the next record; the answer is its place.
    fn advance(&mut self, out: &mut Out<'_>) -> Result<Option<Place>, Stop> {
        while let Some(place) = self.line(out)? {
            let line = self.text.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            // The first line of tables for Excel names the delimiter.
            if let (Some(named), None) = (line.strip_prefix("sep="), self.delimiter) {
                self.delimiter = named.chars().next();
                continue;
            }
            let delimiter = *self.delimiter.get_or_insert_with(|| delimiter_of(line));
            let detail = match self.cells.split(&self.text, delimiter) {
                Split::Whole => return Ok(Some(place)),
                Split::Open if self.joined(delimiter, out)? => return Ok(Some(place)),
                Split::Open => {
                    "a quotation mark is opened and never closed: write the line without it"
                }
                Split::Odd => {
                    "a quotation mark is closed before the end of its column: write the line \
                     without quotation marks"
                }
            };
            out.problem(Problem::at(place, ProblemCode::Syntax, detail))?;
        }
        Ok(None)
    }

    /// Takes the next line; the answer is its place.
    fn line(&mut self, out: &mut Out<'_>) -> Result<Option<Place>, Stop> {
        if let Some((place, line)) = self.ahead.pop_front() {
            self.text = line;
            return Ok(Some(place));
        }
        let Some((place, line)) = self.lines.next(out)? else { return Ok(None) };
        if self.text.capacity() < line.len() {
            self.text = Zeroizing::new(String::with_capacity(line.len().saturating_mul(2)));
        }
        self.text.clear();
        self.text.push_str(line);
        Ok(Some(place))
    }

    /// Joins lines to a record until its quoted cell is closed. False if no line nearby closes it
    /// as a cell is closed: the lines are then records of their own.
    fn joined(&mut self, delimiter: char, out: &mut Out<'_>) -> Result<bool, Stop> {
        let mut whole = Zeroizing::new(String::with_capacity(self.text.len().saturating_mul(4)));
        whole.push_str(&self.text);
        for more in 0..MOST_MORE_LINES {
            if self.ahead.len() <= more {
                let Some((place, line)) = self.lines.next(out)? else { return Ok(false) };
                self.ahead.push_back((place, Zeroizing::new(line.to_owned())));
            }
            let Some((_, line)) = self.ahead.get(more) else { return Ok(false) };
            let mut longer = Zeroizing::new(String::with_capacity(whole.len() + line.len() + 1));
            longer.push_str(&whole);
            longer.push('\n');
            longer.push_str(line);
            whole = longer;
            match self.cells.split(&whole, delimiter) {
                Split::Open if whole.len() <= LONGEST_RECORD => {}
                Split::Whole => {
                    self.ahead.drain(..=more);
                    self.text = whole;
                    return Ok(true);
                }
                _ => return Ok(false),
            }
        }
        Ok(false)
    }
}

impl Row<'_> {
    /// A cell without blanks around it; one that the record does not have is empty.
    pub(super) fn cell(&self, at: usize) -> &str {
        self.cells.get(at)
    }

    /// A cell that is not empty.
    pub(super) fn filled(&self, at: usize) -> Option<&str> {
        Some(self.cell(at)).filter(|cell| !cell.is_empty())
    }

    /// Number of cells, without empty ones at the end.
    pub(super) fn count(&self) -> usize {
        self.cells.count()
    }

    /// A problem of this record.
    pub(super) fn problem(&self, code: ProblemCode, detail: impl Into<String>) -> Problem {
        Problem::at(self.place, code, detail)
    }

    /// The problem of a record that has fewer columns than are needed, or more than are known.
    pub(super) fn of_columns(&self, needed: &str) -> Problem {
        let (count, own) = (self.count(), delimiter_of(self.text));
        let detail = if own != self.delimiter && count < 2 && DELIMITERS.contains(&own) {
            format!(
                "the columns of this line are delimited by {}, those of the lines before by {}: \
                 write it as those",
                name(own),
                name(self.delimiter)
            )
        } else {
            format!("the line has {count} columns, and not {needed}")
        };
        self.problem(ProblemCode::Syntax, detail)
    }
}

/// The name of a delimiter in sentences.
fn name(delimiter: char) -> String {
    match delimiter {
        ',' => "commas".to_owned(),
        ';' => "semicolons".to_owned(),
        '\t' => "tabs".to_owned(),
        other => format!("`{}`", other.escape_default()),
    }
}

/// Bytes of a usual line.
const ROOM: usize = 1_024;

/// Lines that a quoted cell may have beyond its first. An open quotation mark is a mistake more
/// often than the begin of a long text.
const MOST_MORE_LINES: usize = 8;

/// Bytes of the longest record.
const LONGEST_RECORD: usize = 1 << 20;
