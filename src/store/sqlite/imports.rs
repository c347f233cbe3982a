//! Imports: staged rows, which no query reads, and how a published import becomes rows of devices.
//!
//! Publishing is one small write. From then on an account is read together with its staged devices,
//! a change moves those of the accounts it names before it is judged, and the writer moves the rest
//! in small transactions between changes.

use rusqlite::{Connection, OptionalExtension, Params};

use super::fault::Fault;
use super::row::{from_json, imported_account, see_intact, to_json};
use super::{read, sql};
use crate::device::Device;
use crate::id::AccountId;
use crate::store::columns::{AccountColumns, stored};
use crate::store::{
    ChainId, Change, Conflict, Fingerprint, ImportId, Sealed, SealedPlace, StagedDevice, Write,
    rules,
};
use crate::time::UnixTime;

/// Adds devices to an import, which begins with its first ones.
pub(super) fn stage(
    conn: &Connection,
    chain: ChainId,
    import: ImportId,
    at: UnixTime,
    devices: &[StagedDevice],
) -> Result<(), Fault> {
    let count = i64::try_from(devices.len()).unwrap_or(i64::MAX);
    if devices.len() > rules::STAGED_AT_ONCE {
        return Err(Fault::Conflict(Conflict::Revision));
    }
    run(conn, sql::IMPORT_BEGIN, (import.0, chain.0, stored(at.0)))?;
    let staged = (import.0, chain.0, stored(at.0), count);
    let number: Option<i64> = read::one(conn, sql::IMPORT_STAGE, staged)?;
    let number = number.ok_or(Fault::Conflict(Conflict::Revision))?;
    devices.iter().try_for_each(|device| stage_one(conn, number, device))
}

fn stage_one(conn: &Connection, import: i64, staged: &StagedDevice) -> Result<(), Fault> {
    let (serial, fingerprint) = (staged.device.serial.as_str(), staged.fingerprint);
    let alike = read::fingerprints_alike(conn, fingerprint)?;
    if read::one::<i64>(conn, sql::SERIAL_SPELT_ALIKE, [serial])?.is_some() {
        return Err(Fault::Conflict(Conflict::SerialTaken));
    }
    is_free(conn, serial, &alike)?;
    // No tombstone of this serial number or fingerprint is added while the device is staged: no
    // other device can have them.
    let tombstones = read::tombstones(conn, serial, &alike)?;
    let device = rules::staged(&staged.device, &alike, tombstones).map_err(Fault::Conflict)?;
    let seed = staged.seed.as_ref();
    run(
        conn,
        sql::STAGED_INSERT,
        (
            import,
            serial,
            device.owner(),
            to_json(&device)?,
            seed.map(Sealed::as_bytes),
            seed.and_then(Sealed::key_id),
            fingerprint.map(|fingerprint| fingerprint.0),
        ),
    )
}

/// Fails if a device, or a staged one, has the serial number or one of the fingerprints.
pub(super) fn is_free(
    conn: &Connection,
    serial: &str,
    fingerprints: &[Fingerprint],
) -> Result<(), Fault> {
    let taken = |sql, taken| match read::one::<i64>(conn, sql, [serial])? {
        Some(_) => Err(Fault::Conflict(taken)),
        None => Ok(()),
    };
    taken(sql::DEVICE_WITH_SERIAL, Conflict::SerialTaken)?;
    // Rows of a dropped import are in the way until they are deleted.
    if let Some(1) = read::one::<i64>(conn, sql::STAGED_WITH_SERIAL, [serial])? {
        return Err(Fault::Conflict(Conflict::SerialTaken));
    }
    run(conn, sql::STAGED_DELETE_SERIAL, [serial])?;
    for Fingerprint(fingerprint) in fingerprints {
        if read::one::<i64>(conn, sql::DEVICE_WITH_FINGERPRINT, [fingerprint])?.is_some()
            || read::one::<i64>(conn, sql::STAGED_WITH_FINGERPRINT, [fingerprint])? == Some(1)
        {
            return Err(Fault::Conflict(Conflict::FingerprintTaken));
        }
        run(conn, sql::STAGED_DELETE_FINGERPRINT, [fingerprint])?;
    }
    Ok(())
}

/// Makes all devices of an import visible, if there are as many as its caller staged.
pub(super) fn publish(conn: &Connection, import: ImportId, devices: u64) -> Result<(), Fault> {
    one(conn, sql::IMPORT_PUBLISH, (import.0, stored(devices)))
}

/// Ends an import that is not published.
pub(super) fn cancel(conn: &Connection, import: ImportId) -> Result<(), Fault> {
    one(conn, sql::IMPORT_DROP, [import.0])
}

/// Ends imports that were left by an earlier holder of this chain. Returns how many there were.
pub(super) fn abandon_of(conn: &Connection, chain: ChainId) -> Result<usize, Fault> {
    Ok(conn.prepare_cached(sql::IMPORTS_DROP_OF_CHAIN)?.execute([chain.0])?)
}

/// Ends imports to which nothing was added for long. Returns how many there were.
pub(super) fn abandon(conn: &Connection, now: UnixTime) -> Result<usize, Fault> {
    let Some(since) = rules::abandoned_since(now) else { return Ok(0) };
    Ok(conn.prepare_cached(sql::IMPORTS_DROP_SINCE)?.execute([stored(since.0)])?)
}

/// True while rows of a published or dropped import are staged.
pub(super) fn unsettled(conn: &Connection) -> Result<bool, Fault> {
    Ok(read::one::<i64>(conn, sql::IMPORT_UNSETTLED, [])?.is_some())
}

/// True while rows of accounts are staged in a published import.
pub(super) fn accounts_unsettled(conn: &Connection) -> Result<bool, Fault> {
    Ok(read::one::<i64>(conn, sql::STAGED_WITH_ACCOUNTS, [])?.is_some())
}

/// True if an earlier holder of this chain left an import.
pub(super) fn is_left(conn: &Connection, chain: ChainId) -> Result<bool, Fault> {
    Ok(read::one::<i64>(conn, sql::IMPORT_OF_CHAIN, [chain.0])?.is_some())
}

/// Moves at most `limit` rows of published imports, or deletes those of dropped ones. Returns how
/// many rows changed.
pub(super) fn settle(conn: &Connection, limit: u32) -> Result<u64, Fault> {
    let next: Option<(i64, String)> = conn
        .prepare_cached(sql::IMPORT_TO_SETTLE)?
        .query_row([], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    let Some((import, state)) = next else { return Ok(0) };
    let changed = if state == "published" {
        let mut statement = conn.prepare_cached(sql::STAGED_OF_IMPORT)?;
        let rows = statement.query_map((import, limit), |row| row.get(0))?;
        let rows: Vec<i64> = rows.collect::<Result<_, _>>()?;
        rows.iter().try_for_each(|number| move_row(conn, *number))?;
        rows.len()
    } else {
        conn.prepare_cached(sql::STAGED_DELETE_OF_IMPORT)?.execute((import, limit))?
    };
    if changed > 0 {
        return Ok(u64::try_from(changed).unwrap_or(u64::MAX));
    }
    run(conn, sql::IMPORT_DELETE, [import])?;
    Ok(1)
}

/// Moves the published devices of every account that a change names, so that its revisions are
/// those of a store without imports.
pub(super) fn settle_accounts_of(conn: &Connection, change: &Change) -> Result<(), Fault> {
    if read::one::<i64>(conn, sql::IMPORT_PUBLISHED, [])?.is_none() {
        return Ok(());
    }
    if let Some(account) = &change.account {
        settle_account(conn, account.as_str())?;
    }
    for write in &change.writes {
        match write {
            Write::CreateAccount(account) | Write::UpdateAccount { account, .. } => {
                settle_account(conn, account.id.as_str())?;
            }
            Write::ExpectAccount { account, .. } => settle_account(conn, account.as_str())?,
            Write::InsertDevice { device, .. } | Write::UpdateDevice { device, .. } => {
                settle_account(conn, device.owner())?;
            }
            Write::AssignDevice { device, .. } => {
                settle_serial(conn, device.serial.as_str())?;
                settle_account(conn, device.owner())?;
            }
            Write::UnassignDevice { account, .. } => settle_account(conn, account.as_str())?,
            Write::ExpectDevice { serial, .. } | Write::DropPending { serial, .. } => {
                settle_serial(conn, serial.as_str())?;
            }
            Write::RemoveDevice { tombstone, .. } => {
                settle_serial(conn, tombstone.serial.as_str())?;
            }
            Write::Reseal { seen, .. } => {
                if let SealedPlace::Seed { serial, .. } = &seen.place {
                    settle_serial(conn, serial.as_str())?;
                }
            }
            _ => {}
        }
    }
    Ok(())
}

fn settle_serial(conn: &Connection, serial: &str) -> Result<(), Fault> {
    let found: Option<(i64, String)> = conn
        .prepare_cached(sql::STAGED_PUBLISHED)?
        .query_row([serial], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    match found {
        Some((number, account)) if account.is_empty() => move_row(conn, number),
        Some((_, account)) => settle_account(conn, &account),
        None => Ok(()),
    }
}

fn settle_account(conn: &Connection, account: &str) -> Result<(), Fault> {
    // Devices of no account may be many, and are moved one by one.
    if account.is_empty() {
        return Ok(());
    }
    let mut statement = conn.prepare_cached(sql::STAGED_OF_ACCOUNT)?;
    let rows = statement.query_map([account], |row| row.get(0))?;
    let rows: Vec<i64> = rows.collect::<Result<_, _>>()?;
    rows.iter().try_for_each(|number| move_row(conn, *number))
}

/// Makes a staged row a row of devices. The account's revision rises by one for each, as readers
/// count it before.
fn move_row(conn: &Connection, number: i64) -> Result<(), Fault> {
    let (body, at) = staged(conn, number)?;
    let device: Device = from_json("a staged device", &body)?;
    if let Some(owner) = &device.account {
        let account = imported_account(owner, at);
        let columns = AccountColumns::of(&account, to_json(&account)?);
        let id = account.id.as_str();
        run(
            conn,
            sql::ACCOUNT_INSERT,
            (id, columns.generation, columns.revoked_before, columns.removed, &columns.body),
        )?;
        let _ = read::intact::<i64>(conn, "an account", sql::ACCOUNT_IS_THERE, [id])?;
    }
    let created_at = stored(device.created_at.0);
    let values = (number, device.state.name(), device.kind().name(), created_at);
    run(conn, sql::STAGED_MOVE, values)?;
    run(conn, sql::STAGED_DELETE, [number])?;
    let Some(id) = device.account.as_ref().map(AccountId::as_str) else { return Ok(()) };
    let active = i64::from(device.state == crate::device::DeviceState::Active);
    run(conn, sql::ACCOUNT_COUNT_DEVICES, (id, 1, active))
}

/// The body of a staged row, and the time of its import.
fn staged(conn: &Connection, number: i64) -> Result<(String, i64), Fault> {
    let mut statement = conn.prepare_cached(sql::STAGED_BODY)?;
    let mut rows = statement.query([number])?;
    let row = rows
        .next()?
        .ok_or_else(|| Fault::Corrupt("a staged device is gone".to_owned()))?;
    see_intact(row, 2, "a staged device")?;
    Ok((row.get(0)?, row.get(1)?))
}

/// Settles all imports in one transaction; those that are not published end.
pub(super) fn settle_all(conn: &Connection) -> Result<(), Fault> {
    conn.prepare_cached(sql::IMPORTS_DROP_ALL)?.execute([])?;
    while settle(conn, rules::SETTLED_AT_ONCE)? > 0 {}
    Ok(())
}

fn one(conn: &Connection, sql: &str, params: impl Params) -> Result<(), Fault> {
    match conn.prepare_cached(sql)?.execute(params)? {
        0 => Err(Fault::Conflict(Conflict::Revision)),
        _ => Ok(()),
    }
}

fn run(conn: &Connection, sql: &str, params: impl Params) -> Result<(), Fault> {
    conn.prepare_cached(sql)?.execute(params)?;
    Ok(())
}
