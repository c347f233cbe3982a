//! Lines of a text file, bounded.

use std::io::{BufRead, Read};

use zeroize::Zeroizing;

use crate::import::found::Out;
use crate::import::{Place, Problem, ProblemCode, Stop};

/// The lines of a file. Lines hold secrets: they are wiped.
pub(super) struct Lines<'a> {
    input: &'a mut dyn BufRead,
    number: u64,
    line: Zeroizing<Vec<u8>>,
}

/// Bytes of the longest line.
const LONGEST: u64 = 1 << 20;

impl<'a> Lines<'a> {
    pub(super) fn of(input: &'a mut dyn BufRead) -> Lines<'a> {
        Lines { input, number: 0, line: Zeroizing::new(Vec::with_capacity(4_096)) }
    }

    /// The next line without its end, with its place. `None` at the end of the file.
    pub(super) fn next(&mut self, out: &mut Out<'_>) -> Result<Option<(Place, &str)>, Stop> {
        self.number += 1;
        self.line.clear();
        let place = Place::Line(self.number);
        if self.input.take(LONGEST + 1).read_until(b'\n', &mut self.line)? == 0 {
            return Ok(None);
        }
        if self.line.len() as u64 > LONGEST {
            let detail = "a line has more than 1 MiB: this is no list of tokens";
            return Err(out.end(Problem::at(place, ProblemCode::TooLarge, detail)));
        }
        let start = if self.number == 1 && self.line.starts_with(BOM) { BOM.len() } else { 0 };
        let Ok(line) = std::str::from_utf8(&self.line[start..]) else {
            let detail = "the line is no UTF-8 text: save the file as UTF-8";
            return Err(out.end(Problem::at(place, ProblemCode::Syntax, detail)));
        };
        if line.contains('\0') {
            let detail = "the line has a NUL character: this is no text file";
            return Err(out.end(Problem::at(place, ProblemCode::Hostile, detail)));
        }
        let line = line.strip_suffix('\n').unwrap_or(line);
        Ok(Some((place, line.strip_suffix('\r').unwrap_or(line))))
    }
}

const BOM: &[u8] = b"\xef\xbb\xbf";
