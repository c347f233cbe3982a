//! An exported audit log that a restore reads, to repeat what was taken away after the backup.
//!
//! The rows must go on where the backup's chains end: numbered without gaps, each with the hash
//! that follows from the one before. The end of the log proves nothing: what came after it is as
//! unknown as without a log.

use std::collections::BTreeMap;

use super::fault::Fault;
use super::row::to_json;
use super::seal::Log;
use crate::store::taken::TakenAway;
use crate::store::{AuditRow, ChainId, Links};
use crate::time::UnixTime;

/// The rows of an exported audit log, each chain in its order; or the reason why one is none.
pub type ExportedRows<'a> = &'a mut dyn Iterator<Item = Result<AuditRow, String>>;

/// The part of an exported log that comes after a backup.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ReadLog {
    /// The number of rows after the backup.
    pub rows: u64,
    /// The time of the last one.
    pub until: Option<UnixTime>,
}

/// Reads a log from where the chains of the backup end.
pub(super) fn read(backup: &Log, rows: ExportedRows<'_>) -> Result<(TakenAway, ReadLog), Fault> {
    let mut chains: BTreeMap<ChainId, Links> = BTreeMap::new();
    let (mut taken, mut read) = (TakenAway::default(), ReadLog::default());
    for row in rows {
        let row = row.map_err(Fault::Log)?;
        let begin = || backup.links(&backup.head(row.chain));
        let links = chains.entry(row.chain).or_insert_with(begin);
        let end = links.last();
        if row.number < end.number {
            continue;
        }
        if row.number == end.number {
            if row.hash != end.hash {
                return Err(broken(&row, "is another one than the backup's"));
            }
            continue;
        }
        if row.number != end.number.saturating_add(1) {
            return Err(broken(&row, "does not go on where the rows before it end"));
        }
        if links.follow(row.number, &to_json(&row.event)?, &row.hash).is_none() {
            return Err(broken(&row, "was changed, or follows another row"));
        }
        read.rows += 1;
        read.until = read.until.max(Some(row.event.at));
        taken.add(&row.event);
    }
    Ok((taken, read))
}

fn broken(row: &AuditRow, what: &str) -> Fault {
    Fault::Log(format!("row {} of chain {} {what}", row.number, row.chain))
}
