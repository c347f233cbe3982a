//! The content of a write-ahead log, read without SQLite: to open a log that belongs to another
//! file destroys both.
//!
//! The format is that of SQLite's "WAL-mode File Format": a header of 32 bytes, then frames of 24
//! bytes and one page each. A frame counts if its salts are the header's and its running checksum
//! holds; transactions end with a frame that names the size of the database.

use std::fs::File;
use std::io::{BufReader, ErrorKind, Read};
use std::path::Path;

use super::identity::Identity;
use crate::store::OpenError;

/// The log beside a file.
#[derive(Debug, Default)]
pub(super) struct Log {
    /// The size in bytes; none if there is no log.
    pub(super) size: Option<u64>,
    /// The identity that each transaction left, in order.
    pub(super) steps: Vec<Identity>,
    /// Transactions without an identity: of a store of an earlier schema, of another program, or of
    /// a tool.
    pub(super) bare: u64,
}

impl Log {
    /// Reads the log at this path; the file is not changed.
    pub(super) fn read(path: &Path) -> Result<Log, OpenError> {
        let file = match File::open(path) {
            Ok(file) => file,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Log::default()),
            Err(error) => return Err(OpenError::io(path, &error)),
        };
        let read = || -> std::io::Result<Log> {
            let mut log = Log { size: Some(file.metadata()?.len()), ..Log::default() };
            log.transactions(&mut BufReader::with_capacity(1 << 16, &file))?;
            Ok(log)
        };
        read().map_err(|error| OpenError::io(path, &error))
    }

    /// True if SQLite would find no transaction in it.
    pub(super) fn is_empty(&self) -> bool {
        self.steps.is_empty() && self.bare == 0
    }

    fn transactions(&mut self, file: &mut impl Read) -> std::io::Result<()> {
        let mut header = [0; 32];
        if !whole(file, &mut header)? {
            return Ok(());
        }
        let order = match word(&header, 0) {
            0x377f_0682 => u32::from_le_bytes,
            0x377f_0683 => u32::from_be_bytes,
            _ => return Ok(()),
        };
        let mut sum = add((0, 0), &header[..24], order);
        let Ok(size) = usize::try_from(word(&header, 8)) else { return Ok(()) };
        if sum != (word(&header, 24), word(&header, 28))
            || !size.is_power_of_two()
            || !(512..=65_536).contains(&size)
        {
            return Ok(());
        }
        let mut page = vec![0; size];
        let mut frame = [0; 24];
        let mut identity = None;
        while whole(file, &mut frame)? && whole(file, &mut page)? {
            sum = add(add(sum, &frame[..8], order), &page, order);
            if frame[8..16] != header[16..24] || sum != (word(&frame, 16), word(&frame, 20)) {
                break;
            }
            identity = Identity::in_page(&page).or(identity);
            if word(&frame, 4) != 0 {
                match identity.take() {
                    Some(identity) => self.steps.push(identity),
                    None => self.bare += 1,
                }
            }
        }
        Ok(())
    }
}

/// Fills the buffer, unless the file ends before.
fn whole(file: &mut impl Read, buffer: &mut [u8]) -> std::io::Result<bool> {
    match file.read_exact(buffer) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == ErrorKind::UnexpectedEof => Ok(false),
        Err(error) => Err(error),
    }
}

/// A number of the header, most significant byte first.
fn word(bytes: &[u8], at: usize) -> u32 {
    bytes
        .get(at..at + 4)
        .and_then(|four| four.try_into().ok())
        .map_or(0, u32::from_be_bytes)
}

/// The running checksum.
fn add(sum: (u32, u32), bytes: &[u8], order: fn([u8; 4]) -> u32) -> (u32, u32) {
    let (pairs, _) = bytes.as_chunks::<8>();
    pairs.iter().fold(sum, |(first, second), &[a, b, c, d, e, f, g, h]| {
        let first = first.wrapping_add(order([a, b, c, d])).wrapping_add(second);
        (first, second.wrapping_add(order([e, f, g, h])).wrapping_add(first))
    })
}
