//! A token file and its key, read from this machine.

use std::fs::File;
use std::io;
use std::io::{ErrorKind, Read, stdin};
use std::os::fd::AsFd;
use std::path::Path;

use zeroize::Zeroizing;

use crate::cli::output::Failure;
use crate::secret::Secret;

/// The bytes of a file, or of standard input for `-`.
pub(super) fn bytes(path: &Path) -> Result<Zeroizing<Vec<u8>>, Failure> {
    // The buffer of the standard library's input would keep a copy.
    let opened = match path == Path::new(STANDARD_INPUT) {
        true => stdin().as_fd().try_clone_to_owned().map(File::from),
        false => File::open(path),
    };
    let read = opened.and_then(|mut file| {
        let expected = usize::try_from(file.metadata()?.len()).unwrap_or(0).saturating_add(1);
        whole(&mut file, expected)
    });
    let bytes = read.map_err(|error| {
        Failure::bad_input(format!("{} cannot be read: {error}", path.display()))
    })?;
    match bytes.len() <= LARGEST {
        true => Ok(bytes),
        false => Err(Failure::bad_input("a file of tokens is at most 256 MiB long")),
    }
}

/// Reads to the end, or one byte further than a file may be long. No copy is left behind: a vector
/// that grows by itself does not wipe its old place.
fn whole(file: &mut impl Read, expected: usize) -> io::Result<Zeroizing<Vec<u8>>> {
    let mut bytes = Zeroizing::new(vec![0; expected.clamp(FIRST, LARGEST + 1)]);
    let mut length = 0;
    loop {
        if length == bytes.len() {
            if length > LARGEST {
                return Ok(bytes);
            }
            let mut longer = Zeroizing::new(vec![0; (length * 2).min(LARGEST + 1)]);
            longer[..length].copy_from_slice(&bytes);
            bytes = longer;
        }
        match file.read(&mut bytes[length..]) {
            Ok(0) => break,
            Ok(read) => length += read,
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    bytes.truncate(length);
    Ok(bytes)
}

/// A key or passphrase: the text of a file without the end of its line.
pub(super) fn secret(path: &Path) -> Result<Secret, Failure> {
    let text = bytes(path)?;
    let text = text.strip_suffix(b"\n").unwrap_or(&text);
    let text = text.strip_suffix(b"\r").unwrap_or(text);
    match text.is_empty() {
        true => Err(Failure::bad_input(format!("{} is empty", path.display()))),
        false => Ok(Secret::from(text)),
    }
}

/// The name of standard input.
pub(super) const STANDARD_INPUT: &str = "-";

const LARGEST: usize = 256 * 1_024 * 1_024;

/// The size of the first buffer for input of unknown length.
const FIRST: usize = 4_096;
