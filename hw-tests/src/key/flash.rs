//! Persistent memory of a key, as numbered values.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::ErrorKind;
use std::path::Path;
use std::{fs, io};

use opensk::api::persist::{Persist, PersistIter};
use opensk::ctap::status_code::CtapResult;

/// The memory of one key. Saving it to a file and loading it again clones the key.
#[derive(Clone, Debug, Default)]
pub struct Flash {
    values: BTreeMap<usize, Vec<u8>>,
}

impl Flash {
    /// Writes one value a line, as `number hex`.
    pub fn save(&self, file: &Path) -> io::Result<()> {
        let mut text = String::new();
        for (number, value) in &self.values {
            let value: String = value.iter().map(|byte| format!("{byte:02x}")).collect();
            writeln!(text, "{number} {value}").map_err(io::Error::other)?;
        }
        fs::write(file, text)
    }

    /// Loads a file written by [`Flash::save`].
    pub fn load(file: &Path) -> io::Result<Flash> {
        let mut values = BTreeMap::new();
        for line in fs::read_to_string(file)?.lines() {
            let (number, value) = line.split_once(' ').ok_or(ErrorKind::InvalidData)?;
            values.insert(
                number.parse().map_err(io::Error::other)?,
                bytes(value).ok_or(ErrorKind::InvalidData)?,
            );
        }
        Ok(Flash { values })
    }
}

impl Persist for Flash {
    fn find(&self, key: usize) -> CtapResult<Option<Vec<u8>>> {
        Ok(self.values.get(&key).cloned())
    }

    fn insert(&mut self, key: usize, value: &[u8]) -> CtapResult<()> {
        self.values.insert(key, value.to_vec());
        Ok(())
    }

    fn remove(&mut self, key: usize) -> CtapResult<()> {
        self.values.remove(&key);
        Ok(())
    }

    fn iter(&self) -> CtapResult<PersistIter<'_>> {
        Ok(Box::new(self.values.keys().map(|key| Ok(*key))))
    }
}

/// Parses hexadecimal bytes; `None` for any other text.
pub(super) fn bytes(text: &str) -> Option<Vec<u8>> {
    let digits = text.as_bytes();
    let pair = |pair: &[u8]| u8::from_str_radix(str::from_utf8(pair).ok()?, 16).ok();
    digits.len().is_multiple_of(2).then(|| digits.chunks(2).map(pair).collect())?
}
