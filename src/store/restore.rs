//! Restores: an old state of a store is made fit to serve from.

use std::collections::BTreeMap;

use crate::device::{Device, DeviceState, Leads, MfaKind};
use crate::id::CallerId;
use crate::store::taken::TakenAway;
use crate::store::{AccountSnapshot, AuditRow, ChainId, Keyring, Links, Repeated, Write};
use crate::time::UnixTime;

/// A restore that is wanted.
pub struct Restore<'a> {
    /// The time.
    pub now: UnixTime,
    /// The caller, for the audit row.
    pub caller: &'a CallerId,
    /// The word of the caller on time-based tokens that were found far ahead since the backup, or
    /// since the end of the log.
    pub leads: Leads,
    /// The sealing keys, which a store that is authenticated needs.
    pub keyring: Option<&'a Keyring>,
    /// The audit log of the store that was lost: what was taken away after the backup is taken
    /// away again.
    pub log: Option<ExportedRows<'a>>,
}

/// The extent of a restore.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Restored {
    /// Devices whose codes up to now are spent.
    pub devices: u64,
    /// Accounts whose contexts are revoked.
    pub accounts: u64,
    /// Counter-based devices that were in use, and wait for an administrator's pair.
    pub disabled: u64,
    /// The log that was read.
    pub log: Option<ReadLog>,
    /// The losses of the log, which were repeated.
    pub repeated: Repeated,
}

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

/// Reads an exported log from where the chains of the backup end.
///
/// The rows must go on there: numbered without gaps, each with the hash that follows from the one
/// before. The end of the log proves nothing: what came after it is as unknown as without a log.
///
/// # Errors
/// The reason why a row is none, or does not follow.
pub(super) fn read_log(
    end: impl Fn(ChainId) -> Links,
    rows: ExportedRows<'_>,
) -> Result<(TakenAway, ReadLog), String> {
    let mut chains: BTreeMap<ChainId, Links> = BTreeMap::new();
    let (mut taken, mut read) = (TakenAway::default(), ReadLog::default());
    for row in rows {
        let row = row?;
        let links = chains.entry(row.chain).or_insert_with(|| end(row.chain));
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
        let body = serde_json::to_string(&row.event).map_err(|error| error.to_string())?;
        if links.follow(row.number, &body, &row.hash).is_none() {
            return Err(broken(&row, "was changed, or follows another row"));
        }
        read.rows += 1;
        read.until = read.until.max(Some(row.event.at));
        taken.add(&row.event);
    }
    Ok((taken, read))
}

/// The number of counters in use that these writes disable for want of their counter.
pub(super) fn disabled(seen: &AccountSnapshot, writes: &[Write]) -> u64 {
    let counters = writes.iter().filter(|write| {
        let Write::UpdateDevice { device, .. } = write else { return false };
        let was = seen.device(&device.serial).map(|enrolled| &enrolled.device);
        device.kind() == MfaKind::Hotp
            && device.state == DeviceState::Disabled
            && was.is_some_and(Device::is_in_use)
    });
    u64::try_from(counters.count()).unwrap_or(u64::MAX)
}

fn broken(row: &AuditRow, what: &str) -> String {
    format!("row {} of chain {} {what}", row.number, row.chain)
}
