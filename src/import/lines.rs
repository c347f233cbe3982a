//! Lines of a text file, bounded: UTF-8, or UTF-16 with a byte order mark.

use std::io::{self, BufRead};

use zeroize::Zeroizing;

use crate::import::found::Out;
use crate::import::{Place, Problem, ProblemCode, Stop};

/// The lines of a file. Lines hold secrets: they are wiped.
pub(super) struct Lines<'a> {
    input: &'a mut dyn BufRead,
    encoding: Option<Encoding>,
    number: u64,
    line: Zeroizing<Vec<u8>>,
}

#[derive(Clone, Copy, PartialEq)]
enum Encoding {
    Utf8,
    Utf16Little,
    Utf16Big,
}

/// A fault of a line.
enum BadLine {
    TooLong,
    Nul,
    Encoding,
    InnerMark,
    InnerReturn,
}

/// Bytes of the longest line.
const LONGEST: usize = 1 << 20;

impl<'a> Lines<'a> {
    pub(super) fn of(input: &'a mut dyn BufRead) -> Lines<'a> {
        let line = Zeroizing::new(Vec::with_capacity(4_096));
        Lines { input, encoding: None, number: 0, line }
    }

    /// The next line without its end, with its place. `None` at the end of the file. A line that
    /// is no text is told and passed over.
    pub(super) fn next(&mut self, out: &mut Out<'_>) -> Result<Option<(Place, &str)>, Stop> {
        loop {
            self.number += 1;
            let place = Place::Line(self.number);
            if !self.fill()? {
                return Ok(None);
            }
            let Err(bad) = text(&self.line) else { break };
            let problem = Problem::at(place, bad.code(), bad.detail());
            if matches!(bad, BadLine::TooLong | BadLine::Nul) {
                return Err(out.end(problem));
            }
            out.problem(problem)?;
        }
        Ok(text(&self.line).ok().map(|line| (Place::Line(self.number), line)))
    }

    /// Reads a line with its end; false at the end of the file.
    fn fill(&mut self) -> io::Result<bool> {
        self.line.clear();
        match self.encoding()? {
            Encoding::Utf8 => self.fill_bytes(),
            encoding => self.fill_units(encoding),
        }
    }

    /// The encoding of the file, by its first bytes, which it takes if they are a mark.
    fn encoding(&mut self) -> io::Result<Encoding> {
        if let Some(encoding) = self.encoding {
            return Ok(encoding);
        }
        let begun = self.input.fill_buf()?;
        let (encoding, mark) = match begun {
            [0xef, 0xbb, 0xbf, ..] => (Encoding::Utf8, 3),
            [0xff, 0xfe, ..] => (Encoding::Utf16Little, 2),
            [0xfe, 0xff, ..] => (Encoding::Utf16Big, 2),
            _ => (Encoding::Utf8, 0),
        };
        self.input.consume(mark);
        self.encoding = Some(encoding);
        Ok(encoding)
    }

    fn fill_bytes(&mut self) -> io::Result<bool> {
        while self.line.len() <= LONGEST {
            let buffer = self.input.fill_buf()?;
            let end = buffer.iter().position(|byte| *byte == b'\n');
            let part = buffer.get(..end.map_or(buffer.len(), |end| end + 1)).unwrap_or(buffer);
            if part.is_empty() {
                break;
            }
            let taken = part.len();
            append(&mut self.line, part);
            self.input.consume(taken);
            if end.is_some() {
                break;
            }
        }
        Ok(!self.line.is_empty())
    }

    fn fill_units(&mut self, encoding: Encoding) -> io::Result<bool> {
        let mut high: Option<u16> = None;
        while self.line.len() <= LONGEST {
            let Some(unit) = self.unit(encoding)? else { break };
            if high.is_none() && (0xd800..0xdc00).contains(&unit) {
                high = Some(unit);
                continue;
            }
            match char::decode_utf16(high.take().into_iter().chain([unit])).next() {
                Some(Ok(character)) => {
                    append(&mut self.line, character.encode_utf8(&mut [0; 4]).as_bytes());
                    if character == '\n' {
                        break;
                    }
                }
                // A byte that no UTF-8 has: the line is refused as a whole.
                _ => append(&mut self.line, &[0xff]),
            }
        }
        if high.is_some() {
            append(&mut self.line, &[0xff]);
        }
        Ok(!self.line.is_empty())
    }

    /// The next unit of UTF-16.
    fn unit(&mut self, encoding: Encoding) -> io::Result<Option<u16>> {
        let mut bytes = [0; 2];
        for (at, byte) in bytes.iter_mut().enumerate() {
            if self.input.read(std::slice::from_mut(byte))? == 0 {
                // Half a unit at the end is a surrogate: no text.
                return Ok((at == 1).then_some(0xdfff));
            }
        }
        Ok(Some(match encoding {
            Encoding::Utf16Big => u16::from_be_bytes(bytes),
            _ => u16::from_le_bytes(bytes),
        }))
    }
}

/// Appends to a line, without leaving a copy behind when it needs more room.
fn append(line: &mut Zeroizing<Vec<u8>>, part: &[u8]) {
    if line.len() + part.len() > line.capacity() {
        let room = (line.len() + part.len()).saturating_mul(2);
        let mut longer = Zeroizing::new(Vec::with_capacity(room));
        longer.extend_from_slice(line);
        *line = longer;
    }
    line.extend_from_slice(part);
}

/// The text of a line, without its end.
fn text(line: &[u8]) -> Result<&str, BadLine> {
    if line.len() > LONGEST {
        return Err(BadLine::TooLong);
    }
    if line.contains(&0) {
        return Err(BadLine::Nul);
    }
    let line = std::str::from_utf8(line).map_err(|_| BadLine::Encoding)?;
    let line = line.strip_suffix('\n').unwrap_or(line);
    let line = line.strip_suffix('\r').unwrap_or(line);
    if line.contains('\r') {
        return Err(BadLine::InnerReturn);
    }
    match line.contains('\u{feff}') {
        true => Err(BadLine::InnerMark),
        false => Ok(line),
    }
}

impl BadLine {
    fn code(&self) -> ProblemCode {
        match self {
            BadLine::TooLong => ProblemCode::TooLarge,
            BadLine::Nul => ProblemCode::Hostile,
            BadLine::Encoding | BadLine::InnerMark | BadLine::InnerReturn => ProblemCode::Syntax,
        }
    }

    fn detail(&self) -> &'static str {
        match self {
            BadLine::TooLong => "a line has more than 1 MiB: this is no list of tokens",
            BadLine::Nul => {
                "the line has a NUL character: this is no text file, or UTF-16 without a byte \
                 order mark; save it as UTF-8"
            }
            BadLine::Encoding => "the line is no UTF-8 text: save the file as UTF-8",
            BadLine::InnerMark => {
                "a byte order mark inside the file, as joined files have: remove the character"
            }
            BadLine::InnerReturn => {
                "a carriage return inside the line: save the file with the line ends of Unix or \
                 Windows"
            }
        }
    }
}
