//! A token file and its key, read from this machine.

use std::fs::File;
use std::io::{Read, stdin};
use std::path::Path;

use zeroize::Zeroizing;

use crate::cli::output::Failure;
use crate::secret::Secret;

/// The bytes of a file, or of standard input for `-`.
pub(super) fn bytes(path: &Path) -> Result<Vec<u8>, Failure> {
    let mut bytes = Vec::new();
    let read = match path == Path::new(STANDARD_INPUT) {
        true => stdin().lock().take(LARGEST + 1).read_to_end(&mut bytes),
        false => File::open(path).and_then(|file| file.take(LARGEST + 1).read_to_end(&mut bytes)),
    };
    read.map_err(|error| {
        Failure::bad_input(format!("{} cannot be read: {error}", path.display()))
    })?;
    match u64::try_from(bytes.len()).is_ok_and(|length| length <= LARGEST) {
        true => Ok(bytes),
        false => Err(Failure::bad_input("a file of tokens is at most 256 MiB long")),
    }
}

/// A key or passphrase: the text of a file without the end of its line.
pub(super) fn secret(path: &Path) -> Result<Secret, Failure> {
    let text = Zeroizing::new(bytes(path)?);
    let text = text.strip_suffix(b"\n").unwrap_or(&text);
    let text = text.strip_suffix(b"\r").unwrap_or(text);
    match text.is_empty() {
        true => Err(Failure::bad_input(format!("{} is empty", path.display()))),
        false => Ok(Secret::from(text)),
    }
}

/// The name of standard input.
pub(super) const STANDARD_INPUT: &str = "-";

const LARGEST: u64 = 256 * 1_024 * 1_024;
