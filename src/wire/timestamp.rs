//! Times as the wire writes them.

use std::fmt;
use std::ops::Deref;

use serde::{Deserialize, Serialize};

use crate::time::{BadTime, UnixTime};

/// A time, written in RFC 3339 in UTC: `2026-11-22T09:30:00Z`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Timestamp(pub UnixTime);

impl Deref for Timestamp {
    type Target = UnixTime;

    fn deref(&self) -> &UnixTime {
        &self.0
    }
}

impl From<UnixTime> for Timestamp {
    fn from(time: UnixTime) -> Timestamp {
        Timestamp(time)
    }
}

impl TryFrom<String> for Timestamp {
    type Error = BadTime;

    fn try_from(text: String) -> Result<Timestamp, BadTime> {
        text.parse().map(Timestamp)
    }
}

impl From<Timestamp> for String {
    fn from(time: Timestamp) -> String {
        time.to_string()
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
