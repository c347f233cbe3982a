//! An exported audit log that a restore reads, to repeat what was taken away after the backup.

use super::fault::Fault;
use super::seal::Log;
use crate::store::restore::{self, ExportedRows, ReadLog};
use crate::store::taken::TakenAway;

/// Reads a log from where the chains of the backup end.
pub(super) fn read(backup: &Log, rows: ExportedRows<'_>) -> Result<(TakenAway, ReadLog), Fault> {
    restore::read_log(|chain| backup.links(&backup.head(chain)), rows).map_err(Fault::Log)
}
