//! Settings that the operator gives beside a file.

use crate::secret::Secret;
use crate::time::UnixTime;

/// Settings of a reader.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The key of an encrypted file, as its text: hexadecimal digits, or a Fernet key.
    pub key: Option<Secret>,
    /// The passphrase of an encrypted file.
    pub passphrase: Option<Secret>,
    /// The columns of a `csv`.
    pub columns: Option<String>,
    /// The delimiter of a `csv`.
    pub delimiter: Option<char>,
    /// The first line of a `csv` is no token.
    pub header: bool,
    /// Entries that are expired, or not yet valid, are imported too.
    pub expired: bool,
    /// A signed file is imported although its signature is not checked.
    pub unchecked_signature: bool,
    /// Keys of PINs are left out, and their policies with them.
    pub drop_pins: bool,
    /// The time of the import.
    pub now: UnixTime,
}

impl Settings {
    /// Settings for a file that is neither encrypted nor signed.
    pub fn new(now: UnixTime) -> Settings {
        Settings {
            key: None,
            passphrase: None,
            columns: None,
            delimiter: None,
            header: false,
            expired: false,
            unchecked_signature: false,
            drop_pins: false,
            now,
        }
    }
}
