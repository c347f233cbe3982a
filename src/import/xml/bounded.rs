//! Bytes of a document, so many for each event.

use std::io::{self, BufRead, Read};

/// Bytes of the longest text, and of the longest tag with its attributes.
pub(super) const LONGEST: usize = 64 << 10;

/// An input that gives no more than [`LONGEST`] bytes for one event.
pub(super) struct Bounded<'a> {
    input: &'a mut dyn BufRead,
    left: usize,
    exceeded: bool,
}

impl<'a> Bounded<'a> {
    pub(super) fn new(input: &'a mut dyn BufRead) -> Bounded<'a> {
        Bounded { input, left: LONGEST, exceeded: false }
    }

    pub(super) fn begin_event(&mut self) {
        self.left = LONGEST;
    }

    /// True if an event was longer.
    pub(super) fn is_exceeded(&self) -> bool {
        self.exceeded
    }
}

impl Read for Bounded<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let read = self.fill_buf()?.read(into)?;
        self.consume(read);
        Ok(read)
    }
}

impl BufRead for Bounded<'_> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        let bytes = self.input.fill_buf()?;
        if self.left == 0 && !bytes.is_empty() {
            self.exceeded = true;
            return Err(io::Error::from(io::ErrorKind::FileTooLarge));
        }
        Ok(bytes.get(..self.left).unwrap_or(bytes))
    }

    fn consume(&mut self, read: usize) {
        self.left = self.left.saturating_sub(read);
        self.input.consume(read);
    }
}
