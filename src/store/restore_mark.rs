//! The mark that a restore leaves in a store.

use serde::{Deserialize, Serialize};

use crate::store::{Error, Write};
use crate::time::UnixTime;

/// A restore, and its end. The mark stays for good: devices that are added later start above the
/// time of the restore.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RestoreMark {
    /// The time of the last restore.
    pub at: UnixTime,
    /// The time when an administrator ended the restored state; none while it lasts.
    pub accepted_at: Option<UnixTime>,
}

impl RestoreMark {
    /// The name of the value in a store.
    pub const NAME: &str = "restored";

    /// The mark of a restore at this time.
    pub fn new(at: UnixTime) -> RestoreMark {
        RestoreMark { at, accepted_at: None }
    }

    /// The time of the restore, while the restored state lasts.
    pub fn lasting(self) -> Option<UnixTime> {
        if self.accepted_at.is_none() { Some(self.at) } else { None }
    }

    /// The mark in the stored value.
    ///
    /// # Errors
    /// [`Error::Corrupt`] for a value that is no mark.
    pub fn read(value: &[u8]) -> Result<RestoreMark, Error> {
        let unreadable =
            |error| Error::Corrupt(format!("the mark of a restore cannot be read: {error}"));
        serde_json::from_slice(value).map_err(unreadable)
    }

    /// The value as it is stored.
    ///
    /// # Errors
    /// [`Error::Corrupt`] if the mark has no JSON, which no mark has.
    pub fn to_value(self) -> Result<Vec<u8>, Error> {
        serde_json::to_vec(&self).map_err(|error| Error::Corrupt(error.to_string()))
    }

    /// The write that keeps the mark.
    ///
    /// # Errors
    /// As [`to_value`](RestoreMark::to_value).
    pub fn write(self) -> Result<Write, Error> {
        Ok(Write::PutValue { name: RestoreMark::NAME.to_owned(), value: self.to_value()? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mark_survives_its_value() {
        let mark = RestoreMark::new(UnixTime(1_800_000_000));
        let ended = RestoreMark { accepted_at: Some(UnixTime(1_800_000_001)), ..mark };
        for mark in [mark, ended] {
            assert_eq!(RestoreMark::read(&mark.to_value().unwrap()).unwrap(), mark);
        }
        assert_eq!((mark.lasting(), ended.lasting()), (Some(mark.at), None));
        for value in ["", "null", "{}", r#"{"at":1,"accepted_at":2,"more":3}"#] {
            assert!(matches!(RestoreMark::read(value.as_bytes()), Err(Error::Corrupt(_))));
        }
    }
}
