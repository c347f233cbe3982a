//! The audit log: chains of rows, places in them, and the report on whether they are whole.
//!
//! Every agent writes a chain of its own, so that no two agents wait for one row. Within a chain
//! rows are numbered without gaps and each carries the hash of the one before.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::id::{AccountId, SerialNumber};
use crate::store::{Action, Event};
use crate::time::UnixTime;

/// The number of a chain of audit rows, from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ChainId(pub u32);

/// An audit row as it is kept: each carries the hash of the one before in its chain.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuditRow {
    /// The chain it belongs to.
    pub chain: ChainId,
    /// The row's number in its chain; without gaps.
    pub number: u64,
    /// The event.
    pub event: Event,
    /// The hash in hex, over the previous row's and the event: see [`Links`](crate::store::Links).
    pub hash: String,
}

/// A place in the audit log: for each chain the number of the last row that was read.
///
/// Callers keep its text, which is opaque to them. A row that is committed late has a higher number
/// in its own chain and is therefore after the place.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct AuditCursor(BTreeMap<ChainId, u64>);

/// Selects audit rows to read.
#[derive(Clone, Debug)]
pub struct AuditList {
    /// The beginning of the page.
    pub from: AuditFrom,
    /// At most so many.
    pub limit: u32,
    /// The choice among the rows.
    pub only: AuditFilter,
}

/// The beginning of a page of the audit log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AuditFrom {
    /// After this place.
    After(AuditCursor),
    /// At the row from which the page ends with the last one.
    Newest,
}

/// A choice of audit rows; each member that is given narrows it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AuditFilter {
    /// Only rows that concern this account.
    pub account: Option<AccountId>,
    /// Only rows that concern this device.
    pub serial: Option<SerialNumber>,
    /// Only rows of this action.
    pub action: Option<Action>,
    /// Only rows at this time or later.
    pub since: Option<UnixTime>,
    /// Only rows at this time or earlier.
    pub until: Option<UnixTime>,
}

/// The text is no place in the audit log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a place in the audit log is the text that came with the page before it")]
pub struct BadAuditCursor;

/// Result of recomputing every chain of the audit log.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuditReport {
    /// Every row of every chain is there and unchanged.
    pub ok: bool,
    /// The store's keys were at hand: rows and ends are the store's own. Without them the hashes
    /// alone were recomputed, as an editor of the database can do too.
    pub authenticated: bool,
    /// One report for each chain, in the order of their numbers.
    pub chains: Vec<ChainReport>,
}

/// Result of recomputing one chain.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChainReport {
    /// The chain.
    pub chain: ChainId,
    /// Every row is there and unchanged.
    pub ok: bool,
    /// The number of rows read.
    pub rows: u64,
    /// The number of the last row from before rows were authenticated; 0 if there is none. The row
    /// after it authenticates these.
    pub closed: u64,
    /// The hash of the last row, to be kept somewhere else.
    pub head: Option<String>,
    /// The number of the first row that is missing or changed.
    pub broken_at: Option<u64>,
}

impl ChainId {
    /// The chain that a store begins with.
    pub const FIRST: ChainId = ChainId(1);
}

impl AuditCursor {
    /// The beginning of the log.
    pub fn start() -> AuditCursor {
        AuditCursor::default()
    }

    /// The number of the last row read of this chain; 0 before its first.
    pub fn after(&self, chain: ChainId) -> u64 {
        self.0.get(&chain).copied().unwrap_or(0)
    }

    /// The chains that were read, with the number of the last row of each.
    #[cfg(feature = "postgres")]
    pub(crate) fn places(&self) -> impl Iterator<Item = (ChainId, u64)> {
        self.0.iter().map(|(chain, number)| (*chain, *number))
    }

    /// Moves behind a row that was read.
    pub fn pass(&mut self, row: &AuditRow) {
        self.pass_to(row.chain, row.number);
    }

    /// Moves behind the row of this number in this chain.
    pub fn pass_to(&mut self, chain: ChainId, number: u64) {
        let last = self.0.entry(chain).or_default();
        *last = number.max(*last);
    }
}

impl AuditReport {
    /// The number of rows read in all.
    pub fn rows(&self) -> u64 {
        self.chains.iter().map(|chain| chain.rows).sum()
    }

    /// The hash of the last row, where there is one chain.
    pub fn head(&self) -> Option<&str> {
        match &self.chains[..] {
            [only] => only.head.as_deref(),
            _ => None,
        }
    }

    /// The first chain that is broken, and the number of its first bad row.
    pub fn broken_at(&self) -> Option<(ChainId, u64)> {
        self.chains.iter().find_map(|chain| Some((chain.chain, chain.broken_at?)))
    }
}

impl fmt::Display for ChainId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A place in the first chain alone is a plain number, as it was when there was one chain.
impl fmt::Display for AuditCursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let only_first = self.0.keys().all(|chain| *chain == ChainId::FIRST);
        if only_first {
            return self.after(ChainId::FIRST).fmt(f);
        }
        for (place, (chain, number)) in self.0.iter().enumerate() {
            let separator = if place == 0 { "" } else { "-" };
            write!(f, "{separator}{chain}.{number}")?;
        }
        Ok(())
    }
}

impl From<AuditCursor> for String {
    fn from(cursor: AuditCursor) -> String {
        cursor.to_string()
    }
}

impl TryFrom<String> for AuditCursor {
    type Error = BadAuditCursor;

    fn try_from(text: String) -> Result<AuditCursor, BadAuditCursor> {
        text.parse()
    }
}

impl FromStr for AuditCursor {
    type Err = BadAuditCursor;

    fn from_str(text: &str) -> Result<AuditCursor, BadAuditCursor> {
        if let Ok(number) = digits(text) {
            return Ok(AuditCursor(BTreeMap::from([(ChainId::FIRST, number)])));
        }
        let mut places = BTreeMap::new();
        for part in text.split('-') {
            let (chain, number) = part.split_once('.').ok_or(BadAuditCursor)?;
            let chain = u32::try_from(digits(chain)?).map_err(|_| BadAuditCursor)?;
            if chain == 0 || places.insert(ChainId(chain), digits(number)?).is_some() {
                return Err(BadAuditCursor);
            }
        }
        Ok(AuditCursor(places))
    }
}

/// A number in decimal digits, without a sign.
fn digits(text: &str) -> Result<u64, BadAuditCursor> {
    let plain = text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|_| plain).ok_or(BadAuditCursor)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_survives_its_text() {
        for text in ["0", "57", "1.57-2.13", "2.13", "1.18446744073709551615-4294967295.1"] {
            assert_eq!(text.parse::<AuditCursor>().unwrap().to_string(), text);
        }
        assert_eq!("1.57".parse::<AuditCursor>().unwrap().to_string(), "57");
    }

    #[test]
    fn other_texts_are_no_cursor() {
        for text in ["", "x", "-1", "+1", "1.", ".1", "0.1", "1.1-1.2", "1.1-", "1.1 ", "1-2"] {
            assert_eq!(text.parse::<AuditCursor>(), Err(BadAuditCursor), "{text:?}");
        }
    }
}
