//! Imports: staged rows, which no query reads, and how a published import becomes rows of devices.
//!
//! Publishing is one small write. From then on an account is read together with its staged devices,
//! a change moves those of the accounts it names before it is judged, and lists move the rest.

use std::collections::BTreeMap;

use tokio_postgres::Row;

use super::columns::{column, from_json, to_json};
use super::connection::Connection;
use super::outcome::Fault;
use super::table::{ACCOUNTS, DEVICES, IMPORTS, STAGED};
use super::touched::{tag, vet};
use super::{insert, sql};
use crate::device::{Device, DeviceState};
use crate::store::columns::{AccountColumns, stored, unsigned};
use crate::store::{
    Account, ChainId, Conflict, Fingerprint, ImportId, Sealed, StagedDevice, rules,
};
use crate::time::UnixTime;

/// Adds devices to an import, which begins with its first ones.
pub(super) async fn stage(
    conn: &Connection,
    chain: ChainId,
    (import, at): (ImportId, UnixTime),
    devices: &[StagedDevice],
) -> Result<(), Fault> {
    if devices.len() > rules::STAGED_AT_ONCE {
        return Err(Fault::Conflict(Conflict::Revision));
    }
    let count = i64::try_from(devices.len()).unwrap_or(i64::MAX);
    let (id, chain, at) = (&import.0[..], i64::from(chain.0), stored(at.0));
    conn.run(sql::IMPORT_BEGIN, &[&id, &chain, &at]).await?;
    let number: Option<i64> = conn.first(sql::IMPORT_STAGE, &[&id, &chain, &at, &count]).await?;
    let number = number.ok_or(Fault::Conflict(Conflict::Revision))?;
    for device in devices {
        stage_one(conn, number, device).await?;
    }
    Ok(())
}

async fn stage_one(conn: &Connection, import: i64, staged: &StagedDevice) -> Result<(), Fault> {
    let (serial, fingerprint) = (staged.device.serial.as_str(), staged.fingerprint);
    // No tombstone of this serial number or fingerprint is added while the device is staged: no
    // other device can have them.
    let device = insert::above_the_removed(conn, &staged.device, fingerprint).await?;
    let fingerprint = fingerprint.as_ref().map(|Fingerprint(bytes)| &bytes[..]);
    let seed = staged.seed.as_ref();
    let (sealed, key) = (seed.map(Sealed::as_bytes), seed.and_then(Sealed::key_id));
    let (account, body) = (device.owner(), to_json(&device)?);
    let key = key.as_ref().map(|key| &key[..]);
    conn.one(
        Conflict::SerialTaken,
        sql::STAGED_INSERT,
        &[&import, &serial, &account, &body, &sealed, &key, &fingerprint],
    )
    .await
}

/// Makes all devices of an import visible, if there are as many as its caller staged.
pub(super) async fn publish(
    conn: &Connection,
    import: ImportId,
    devices: u64,
) -> Result<(), Fault> {
    let values = (&import.0[..], stored(devices));
    conn.one(Conflict::Revision, sql::IMPORT_PUBLISH, &[&values.0, &values.1]).await
}

/// Ends an import that is not published.
pub(super) async fn cancel(conn: &Connection, import: ImportId) -> Result<(), Fault> {
    conn.one(Conflict::Revision, sql::IMPORT_DROP, &[&&import.0[..]]).await
}

/// Makes the published devices of these accounts, which are locked, rows of devices. An account's
/// revision rises by one for each, as readers count it before.
pub(super) async fn settle_accounts(conn: &Connection, accounts: &[&str]) -> Result<(), Fault> {
    let rows = conn.rows(sql::STAGED_OF_ACCOUNTS, &[&accounts]).await?;
    if rows.is_empty() {
        return Ok(());
    }
    vet(conn, &ACCOUNTS, accounts).await?;
    let moved = move_rows(conn, &rows).await?;
    tag(conn, &DEVICES, &moved).await?;
    tag(conn, &ACCOUNTS, accounts).await
}

/// Makes some devices of no account, of a published import, rows of devices. Returns their number.
pub(super) async fn settle_unassigned(
    conn: &Connection,
    import: i64,
    limit: i64,
) -> Result<u64, Fault> {
    let rows = conn.rows(sql::STAGED_UNASSIGNED, &[&import, &limit]).await?;
    tag(conn, &DEVICES, &move_rows(conn, &rows).await?).await?;
    Ok(u64::try_from(rows.len()).unwrap_or(u64::MAX))
}

/// Makes staged rows, which are compared with their tags, rows of devices. Returns their serial
/// numbers.
async fn move_rows<'a>(conn: &Connection, rows: &'a [Row]) -> Result<Vec<&'a str>, Fault> {
    let what = "a staged device";
    let mut imports = BTreeMap::new();
    for row in rows {
        imports.insert(column::<i64>(what, row, 1)?, 0);
    }
    let numbers: Vec<i64> = imports.keys().copied().collect();
    for import in conn.rows(sql::IMPORTS_OF, &[&numbers]).await? {
        conn.tags().see(&IMPORTS, &import)?;
        let staged_at: i64 = column("an import", &import, 4)?;
        imports.insert(column("an import", &import, 1)?, staged_at);
    }
    let mut moved = Vec::new();
    for row in rows {
        conn.tags().see(&STAGED, row)?;
        let (serial, body): (&str, &str) = (column(what, row, 0)?, column(what, row, 4)?);
        let staged_at = imports.get(&column::<i64>(what, row, 1)?).copied();
        move_row(conn, serial, &from_json(what, body)?, staged_at.unwrap_or_default()).await?;
        moved.push(serial);
    }
    Ok(moved)
}

async fn move_row(
    conn: &Connection,
    serial: &str,
    device: &Device,
    staged_at: i64,
) -> Result<(), Fault> {
    if let Some(owner) = &device.account {
        let account = Account::new(owner.clone(), UnixTime(unsigned(staged_at)));
        let AccountColumns { generation, revoked_before, removed, body } =
            AccountColumns::of(&account, to_json(&account)?);
        let id = account.id.as_str();
        conn.run(sql::ACCOUNT_INSERT, &[&id, &generation, &revoked_before, &removed, &body])
            .await?;
    }
    let (state, kind, created_at) =
        (device.state.name(), device.kind().name(), stored(device.created_at.0));
    conn.run(sql::STAGED_MOVE, &[&serial, &state, &kind, &created_at]).await?;
    conn.run(sql::STAGED_DELETE, &[&serial]).await?;
    let Some(owner) = &device.account else { return Ok(()) };
    let active = i64::from(device.state == DeviceState::Active);
    conn.run(sql::ACCOUNT_COUNT_DEVICES, &[&owner.as_str(), &1_i64, &active])
        .await?;
    Ok(())
}
